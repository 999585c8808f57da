//! The page that compares two reports.

use super::chart;
use super::model::{Block, Page, Section, Table, Tone};
use super::parts;
use crate::output::compare::{self, Change, Pair};
use crate::units::time;

/// Builds the page.
///
/// # Errors
/// When a chart cannot be drawn.
pub fn page(pairs: &[Pair], tolerance: f64) -> anyhow::Result<Page> {
    let mut sections = pairs.iter().map(section).collect::<anyhow::Result<Vec<Section>>>()?;
    sections.push(Section::new("Noise").text(format!("{}.", compare::noise(pairs))));
    let title = "Before and after".to_owned();
    Ok(Page { title, verdict: Some(verdict(pairs, tolerance)), sections })
}

/// The overall result.
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
    (Tone::of(regressed == 0), text)
}

fn section(pair: &Pair) -> anyhow::Result<Section> {
    let sides = [("before", &pair.before), ("after", &pair.after)];
    let name = |side: &str, relay: &str| format!("{side} ({relay})");
    let curves: Vec<chart::Curve> = sides
        .iter()
        .map(|(side, report)| (name(side, &report.relay), report.series.percentiles.clone()))
        .collect();
    let rows: Vec<chart::Row> = sides
        .iter()
        .filter_map(|(side, report)| {
            let bid = report.series.examples.first()?;
            Some(parts::row(format!("{side}, p50"), bid, None))
        })
        .collect();
    let mut section = Section::new(&pair.name)
        .with(Block::Chart(chart::percentiles(
            "How long bids took to their last watcher",
            &curves,
        )?))
        .with(Block::Chart(chart::waterfall("The median bid of each, part by part", &rows)?))
        .with(Block::Table(table(pair)));
    for (side, report) in sides {
        let line = parts::environment_line(&report.environment).unwrap_or_default();
        section = section.text(format!("{side}: {line}"));
        if !report.command.is_empty() {
            section = section.with(Block::Command(report.command.clone()));
        }
    }
    Ok(section)
}

/// The figures of a pair.
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
