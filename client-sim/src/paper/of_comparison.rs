//! The page of two reports side by side.

use super::chart;
use super::model::{Block, Page, Section, Table, Tone};
use crate::compare::{Change, Pair};
use crate::series::Example;
use crate::units::time;

/// The page.
///
/// # Errors
/// When a chart cannot be drawn.
pub fn page(pairs: &[Pair], tolerance: f64) -> anyhow::Result<Page> {
    let sections = pairs.iter().map(section).collect::<anyhow::Result<Vec<Section>>>()?;
    let title = "Before and after".to_owned();
    Ok(Page { title, verdict: Some(verdict(pairs, tolerance)), sections })
}

/// What it comes to.
pub fn verdict(pairs: &[Pair], tolerance: f64) -> (Tone, String) {
    let count = |change: Change| {
        pairs.iter().flat_map(|pair| &pair.figures).filter(|f| f.change == change).count()
    };
    let regressed = count(Change::Regressed);
    let text = format!(
        "{} figures better, {} worse, {regressed} worse by more than {:.0} %, {} within noise",
        count(Change::Better),
        count(Change::Worse),
        tolerance * 100.0,
        count(Change::WithinNoise)
    );
    (if regressed == 0 { Tone::Good } else { Tone::Bad }, text)
}

fn section(pair: &Pair) -> anyhow::Result<Section> {
    let sides = [("before", &pair.before), ("after", &pair.after)];
    let name = |side: &str, relay: &str| format!("{side} ({relay})");
    let curves: Vec<chart::Curve> = sides
        .iter()
        .map(|(side, report)| (name(side, &report.relay), report.series.percentiles.clone()))
        .collect();
    let examples: Vec<(String, Example)> = sides
        .iter()
        .filter_map(|(side, report)| {
            Some((format!("{side}, p50"), *report.series.examples.first()?))
        })
        .collect();
    let mut section = Section::new(&pair.name)
        .with(Block::Chart(chart::percentiles("Client to last client", &curves)?))
        .with(Block::Chart(chart::waterfall("The median bid of each, hop by hop", &examples)?))
        .with(Block::Table(table(pair)));
    for (side, report) in sides.iter().filter(|(_, report)| !report.command.is_empty()) {
        section = section.text(format!("{side}:")).with(Block::Command(report.command.clone()));
    }
    Ok(section)
}

/// A pair's figures.
pub fn table(pair: &Pair) -> Table {
    let mut table = Table::new(&["figure", "is", "before", "after", "change"]);
    for figure in &pair.figures {
        let cell = |value: Option<u64>| match value {
            Some(us) if figure.is_time => time(us),
            Some(count) => count.to_string(),
            None => "-".to_owned(),
        };
        let change = match (figure.before, figure.after) {
            (Some(one), Some(other)) if one > 0 => {
                format!("{:+.0} %", 100.0 * (other as f64 / one as f64 - 1.0))
            }
            _ => String::new(),
        };
        let what = figure.change.as_str().to_owned();
        let cells = [what, cell(figure.before), cell(figure.after), change];
        table.row([figure.name.clone()].into_iter().chain(cells));
    }
    table
}
