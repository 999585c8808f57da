//! A page as Markdown. Charts are named only: they are in the HTML.

use std::fmt::Write as _;

use super::model::{Block, Page, Table, Tone};

/// The page.
pub fn write(page: &Page) -> String {
    let mut out = format!("# {}\n", page.title);
    if let Some((tone, verdict)) = &page.verdict {
        line(&mut out, &format!("\n**{}{verdict}**", sign(*tone)));
    }
    for section in &page.sections {
        line(&mut out, &format!("\n## {}", section.title));
        for block in &section.blocks {
            match block {
                Block::Text(text) => line(&mut out, &format!("\n{text}")),
                Block::Command(command) => line(&mut out, &format!("\n```\n{command}\n```")),
                Block::Table(table) => write_table(&mut out, table),
                Block::Chart(chart) => {
                    line(&mut out, &format!("\n*Chart in the HTML page: {}*", chart.caption));
                }
                Block::Answer(question, answer) => {
                    line(&mut out, &format!("\n**{question}** {answer}"));
                }
                Block::Finding(tone, text) => {
                    line(&mut out, &format!("\n- {}{text}", sign(*tone)));
                }
            }
        }
    }
    out
}

fn sign(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "[yes] ",
        Tone::Plain => "",
        Tone::Bad => "[no] ",
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
