//! Writes a page as one self-contained HTML file.

use std::fmt::Write as _;

use super::model::{Block, Page, Table, Tone};

const STYLE: &str = include_str!("page.css");

/// Writes the page.
pub fn write(page: &Page) -> String {
    let mut out = String::new();
    let title = escape(&page.title);
    put(&mut out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    put(&mut out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    put(&mut out, "<meta name=\"color-scheme\" content=\"light dark\">\n");
    put(&mut out, &format!("<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"));
    put(&mut out, &format!("<header><h1>{title}</h1>\n"));
    if let Some((tone, verdict)) = &page.verdict {
        let word = if *tone == Tone::Bad { "Not a success: " } else { "" };
        let (class, verdict) = (class(*tone), inline(verdict));
        put(&mut out, &format!("<p class=\"verdict {class}\">{word}{verdict}</p>\n"));
    }
    put(&mut out, "</header>\n<main>\n");
    let mut contents = page.sections.len() > 2;
    for (number, section) in page.sections.iter().enumerate() {
        let title = escape(&section.title);
        put(&mut out, &format!("<section id=\"s{number}\">\n<h2>{title}</h2>\n"));
        section.blocks.iter().for_each(|block| write_block(&mut out, block));
        put(&mut out, "</section>\n");
        // After the first section, not before it.
        if std::mem::take(&mut contents) {
            write_contents(&mut out, page);
        }
    }
    put(&mut out, "</main>\n</body>\n</html>\n");
    out
}

fn write_contents(out: &mut String, page: &Page) {
    put(out, "<nav aria-label=\"Contents\"><details open><summary>Contents</summary>\n<ol>\n");
    for (number, section) in page.sections.iter().enumerate() {
        let title = escape(&section.title);
        put(out, &format!("<li><a href=\"#s{number}\">{title}</a></li>\n"));
    }
    put(out, "</ol>\n</details></nav>\n");
}

fn write_block(out: &mut String, block: &Block) {
    match block {
        Block::Text(text) => put(out, &format!("<p>{}</p>\n", inline(text))),
        Block::Command(command) => put(out, &format!("<pre>{}</pre>\n", escape(command))),
        Block::Finding(tone, text) => {
            let word = match tone.word() {
                "" => String::new(),
                word => format!("<b>{word}</b>"),
            };
            let class = class(*tone);
            put(out, &format!("<p class=\"finding {class}\">{word}{}</p>\n", inline(text)));
        }
        Block::Answer { question, answer, details } => {
            let (question, answer) = (escape(question), inline(answer));
            put(out, &format!("<div class=\"finding\"><b>{question}</b><br>{answer}\n"));
            if !details.is_empty() {
                let details = inline(details);
                put(
                    out,
                    &format!("<details><summary>Figures</summary><p>{details}</p></details>\n"),
                );
            }
            put(out, "</div>\n");
        }
        Block::Details(title, blocks) => {
            put(out, &format!("<details class=\"more\"><summary>{}</summary>\n", escape(title)));
            blocks.iter().for_each(|block| write_block(out, block));
            put(out, "</details>\n");
        }
        Block::Table(table) => write_table(out, table),
        Block::Chart(chart) => {
            let title = escape(&chart.title);
            put(out, &format!("<figure aria-label=\"{title}\">\n<p class=\"title\">{title}</p>\n"));
            for (class, svg) in [("wide", &chart.wide), ("narrow", &chart.narrow)] {
                put(out, &format!("<div class=\"{class}\">{svg}</div>\n"));
            }
            put(out, "<figcaption>");
            for (name, colour) in &chart.legend {
                let name = escape(name);
                put(out, &format!(" <span><i style=\"background:{colour}\"></i>{name}</span>"));
            }
            put(out, "</figcaption>\n</figure>\n");
        }
    }
}

fn write_table(out: &mut String, table: &Table) {
    put(out, "<div class=\"table\"><table>\n<thead><tr>");
    table.head.iter().for_each(|head| put(out, &format!("<th>{}</th>", inline(head))));
    put(out, "</tr></thead>\n<tbody>\n");
    for row in &table.rows {
        put(out, "<tr>");
        for (cell, head) in row.iter().zip(&table.head) {
            // On a phone a row is shown as a list, and each cell with its column head.
            let (cell, head) = (inline(cell), escape(head));
            put(out, &format!("<td data-head=\"{head}\">{cell}</td>"));
        }
        put(out, "</tr>\n");
    }
    put(out, "</tbody>\n</table></div>\n");
}

fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Plain => "plain",
        Tone::Bad => "bad",
    }
}

/// Text with `code` in it.
fn inline(text: &str) -> String {
    let mut out = String::new();
    for (at, part) in text.split('`').enumerate() {
        let part = escape(part);
        put(&mut out, &if at % 2 == 1 { format!("<code>{part}</code>") } else { part });
    }
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn put(out: &mut String, text: &str) {
    // Writing to a String does not fail.
    write!(out, "{text}").unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::pages::model::Section;

    #[test]
    fn a_page_needs_no_network_and_shows_text_as_text() {
        let mut table = Table::new(&["a", "b"]);
        table.row(["<script>x</script>".to_owned(), "1 < 2".to_owned()]);
        let page = Page {
            title: "A & B".into(),
            verdict: Some((Tone::Good, "pass".into())),
            sections: vec![Section::new("S").with(Block::Table(table)).text("run `x<y>`")],
        };
        let html = write(&page);
        assert!(html.contains("&lt;script&gt;x&lt;/script&gt;") && html.contains("A &amp; B"));
        assert!(html.contains("<code>x&lt;y&gt;</code>"));
        assert!(html.contains("data-head=\"b\""), "a phone shows the head with the cell");
        for outside in ["http:", "https:", "src=", "url(", "@import", "<link", "<script"] {
            assert!(!html.contains(outside), "{outside}");
        }
    }
}
