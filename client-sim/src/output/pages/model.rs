//! A report as a page: what HTML and Markdown are both written from.

use super::chart::Chart;

/// A page.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Its title.
    pub title: String,
    /// What it comes to, and whether that is good.
    pub verdict: Option<(Tone, String)>,
    /// What follows.
    pub sections: Vec<Section>,
}

/// Whether something is good. Words say it, too: colours are not seen by all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Good.
    Good,
    /// Neither.
    Plain,
    /// Bad.
    Bad,
}

/// A section.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// Its title.
    pub title: String,
    /// What it holds.
    pub blocks: Vec<Block>,
}

/// A part of a section.
#[derive(Debug, Clone)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// Something to be typed.
    Command(String),
    /// A table.
    Table(Table),
    /// A chart.
    Chart(Chart),
    /// A statement with its weight.
    Finding(Tone, String),
    /// A question, its answer, and what is behind it, folded.
    Answer {
        /// The question.
        question: String,
        /// In a sentence or two.
        answer: String,
        /// What is behind it; may be empty.
        details: String,
    },
    /// A title, and what is folded below it.
    Details(String, Vec<Block>),
}

/// A table: the first column is text, the others are figures.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// The heads of its columns.
    pub head: Vec<String>,
    /// Its rows.
    pub rows: Vec<Vec<String>>,
}

impl Tone {
    /// Of something that is good, or not.
    pub fn of(is_good: bool) -> Self {
        if is_good { Self::Good } else { Self::Bad }
    }

    /// What is written before a finding.
    pub fn word(self) -> &'static str {
        match self {
            Self::Good => "held: ",
            Self::Plain => "",
            Self::Bad => "missed: ",
        }
    }
}

impl Table {
    /// A table with these heads.
    pub fn new(head: &[&str]) -> Self {
        Self { head: head.iter().map(|head| (*head).to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl Section {
    /// An empty section.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), blocks: Vec::new() }
    }

    /// With a block more.
    pub fn with(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    /// With a paragraph more.
    pub fn text(self, text: impl Into<String>) -> Self {
        self.with(Block::Text(text.into()))
    }
}
