//! The model of a report page, from which HTML and Markdown are written.

use super::chart::Chart;

/// A page.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Its title.
    pub title: String,
    /// The overall result, and whether it is good.
    pub verdict: Option<(Tone, String)>,
    /// The sections of the page.
    pub sections: Vec<Section>,
}

/// Whether something is good. Words say so too, because not everyone sees colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Good.
    Good,
    /// Neutral.
    Plain,
    /// Bad.
    Bad,
}

/// A section.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// Its title.
    pub title: String,
    /// The content of the section.
    pub blocks: Vec<Block>,
}

/// A part of a section.
#[derive(Debug, Clone)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// A command to type.
    Command(String),
    /// A table.
    Table(Table),
    /// A chart.
    Chart(Chart),
    /// A statement with its tone.
    Finding(Tone, String),
    /// A question, its answer, and the details behind it, collapsed.
    Answer {
        /// The question.
        question: String,
        /// The answer, in a sentence or two.
        answer: String,
        /// The details behind it; may be empty.
        details: String,
    },
    /// A title, and collapsed content below it.
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
    /// The tone of something that is good, or not.
    pub fn of(is_good: bool) -> Self {
        if is_good { Self::Good } else { Self::Bad }
    }

    /// The word before a finding.
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

    /// Adds a block.
    pub fn with(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    /// Adds a paragraph.
    pub fn text(self, text: impl Into<String>) -> Self {
        self.with(Block::Text(text.into()))
    }
}
