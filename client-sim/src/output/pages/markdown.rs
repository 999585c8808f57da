//! Writes a page as Markdown. Charts are only named; the HTML contains them.

use std::fmt::Write as _;

use super::model::{Block, Page, Table, Tone};

/// Writes the page.
pub fn write(page: &Page) -> String {
    let mut out = format!("# {}\n", page.title);
    if let Some((tone, verdict)) = &page.verdict {
        let word = if *tone == Tone::Bad { "Not a success: " } else { "" };
        line(&mut out, &format!("\n**{word}{verdict}**"));
    }
    for section in &page.sections {
        line(&mut out, &format!("\n## {}", section.title));
        section.blocks.iter().for_each(|block| write_block(&mut out, block));
    }
    out
}

fn write_block(out: &mut String, block: &Block) {
    match block {
        Block::Text(text) => line(out, &format!("\n{text}")),
        Block::Command(command) => line(out, &format!("\n```\n{command}\n```")),
        Block::Table(table) => write_table(out, table),
        Block::Chart(chart) => line(out, &format!("\n*Chart in the HTML page: {}*", chart.title)),
        Block::Answer { question, answer, details } => {
            line(out, &format!("\n**{question}** {answer}"));
            if !details.is_empty() {
                line(out, &format!("\n{details}"));
            }
        }
        Block::Finding(tone, text) => line(out, &format!("\n- {}{text}", tone.word())),
        Block::Details(title, blocks) => {
            line(out, &format!("\n### {title}"));
            blocks.iter().for_each(|block| write_block(out, block));
        }
    }
}

fn write_table(out: &mut String, table: &Table) {
    let row = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
        format!("| {} |", cells.join(" | "))
    };
    line(out, "");
    line(out, &row(&table.head));
    let rule: Vec<&str> =
        (0..table.head.len()).map(|at| if at == 0 { "---" } else { "---:" }).collect();
    line(out, &format!("|{}|", rule.join("|")));
    table.rows.iter().for_each(|cells| line(out, &row(cells)));
}

fn line(out: &mut String, text: &str) {
    // Writing to a String does not fail.
    writeln!(out, "{text}").unwrap_or_default();
}
