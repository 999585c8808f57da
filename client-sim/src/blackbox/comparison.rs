//! Two black-box reports side by side, or one beside a report of `run`. Pure.

use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

use super::report::Report;
use crate::measure::latency::Summary;
use crate::output::pages::model::{Block, Page, Section, Table};
use crate::output::report::Report as RunReport;
use crate::units::time;

/// What is compared of a report.
#[derive(Debug, Clone)]
pub struct Side {
    name: String,
    latencies: [Summary; 3],
    counts: [(&'static str, u64); 4],
    command: String,
    is_black_box: bool,
}

/// Reads a report of `measure`, or of `run`. `None`: it is another one.
///
/// # Errors
/// When the file cannot be read.
pub fn read(path: &Path) -> anyhow::Result<Option<Side>> {
    let of = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(of)?;
    let json: Value = serde_json::from_str(&text).with_context(of)?;
    if json["kind"] == "measure" {
        let report: Report = serde_json::from_value(json).with_context(of)?;
        return Ok(Some(Side::of(&report)));
    }
    if json.get("latency_us").is_some() && json.get("experiments").is_none() {
        let report: RunReport = serde_json::from_value(json).with_context(of)?;
        return Ok(Some(Side::of_run(&report)));
    }
    Ok(None)
}

/// Whether two reports are to be compared here: at least one is a black box's.
pub fn is_for(before: &Side, after: &Side) -> bool {
    before.is_black_box || after.is_black_box
}

impl Side {
    fn of(report: &Report) -> Self {
        Self {
            name: format!("{} over {}", report.url, report.protocol),
            latencies: report.latencies().map(|(_, summary)| summary),
            counts: [
                ("accepted", report.accepted as u64),
                ("missing", report.missing as u64),
                ("duplicate", report.duplicate as u64),
                ("out of order", report.out_of_order.unwrap_or(0) as u64),
            ],
            command: report.command.clone(),
            is_black_box: true,
        }
    }

    fn of_run(report: &RunReport) -> Self {
        let latency = report.latency_us;
        let deliveries = &report.deliveries;
        Self {
            name: format!("client-sim run {} ({})", report.scenario, report.relay),
            latencies: [latency.answer, latency.client_to_client, latency.client_to_last_client],
            counts: [
                ("accepted", report.bids.accepted),
                ("missing", deliveries.missing),
                ("duplicate", deliveries.duplicate),
                ("out of order", deliveries.out_of_order),
            ],
            command: report.command.clone(),
            is_black_box: false,
        }
    }
}

/// The figures of both.
pub fn table(before: &Side, after: &Side) -> Table {
    let mut table = Table::new(&["figure", "before", "after", "change"]);
    let names = ["answered", "to each subscriber", "to the last subscriber"];
    for (name, (one, other)) in names.iter().zip(before.latencies.iter().zip(&after.latencies)) {
        for (point, one, other) in
            [("p50", one.p50, other.p50), ("p90", one.p90, other.p90), ("p99", one.p99, other.p99)]
        {
            let cell = |us: Option<u64>| us.map_or_else(|| "-".to_owned(), time);
            let change = match (one, other) {
                (Some(one), Some(other)) if one > 0 => {
                    format!("{:+.0} %", 100.0 * (other as f64 / one as f64 - 1.0))
                }
                _ => String::new(),
            };
            table.row([format!("{name} {point}"), cell(one), cell(other), change]);
        }
    }
    for ((name, one), (_, other)) in before.counts.iter().zip(&after.counts) {
        table.row([(*name).to_owned(), one.to_string(), other.to_string(), String::new()]);
    }
    table
}

/// Both as a page.
pub fn page(before: &Side, after: &Side) -> Page {
    let mut section = Section::new("Figures").with(Block::Table(table(before, after)));
    for (word, side) in [("before", before), ("after", after)] {
        section = section.text(format!("{word}: {}", side.name));
        if !side.command.is_empty() {
            section = section.with(Block::Command(side.command.clone()));
        }
    }
    let note = "Single runs: how much they vary is not known. Both count from the planned send.";
    Page { title: "Before and after".to_owned(), verdict: None, sections: vec![section.text(note)] }
}
