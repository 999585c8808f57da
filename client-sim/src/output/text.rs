//! The report as text for a terminal.

use std::fmt::Write as _;

use crate::measure::delivery::Source;
use crate::measure::latency::Summary;
use crate::output::pages::model::Table;
use crate::output::report::{Report, Verdict};
use crate::service::limits;
use crate::units::time;

/// The whole report as text.
pub fn report(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    write(report, &mut out).unwrap_or_default();
    out
}

/// The columns of a terminal.
const WIDTH: usize = 80;
/// The column where the text of a labelled line starts.
const INDENT: usize = 12;

fn write(report: &Report, out: &mut String) -> std::fmt::Result {
    latencies(report, out)?;
    out.push('\n');
    let bids = &report.bids;
    let rejected: u64 = bids.rejected.values().sum();
    line(
        out,
        "bids",
        &[
            format!("{} offered", bids.offered),
            format!("{} accepted", bids.accepted),
            format!("{} repeated", bids.repeated),
            format!("{rejected} rejected{}", codes(&bids.rejected)),
            format!("{} failed{}", bids.failed, codes(&bids.failures)),
            format!("{} unknown", bids.unknown),
            format!("{} retried", bids.retried),
        ],
    );
    let told = &report.deliveries;
    let counts = [
        (told.expected, "expected"),
        (told.live, "live"),
        (told.replayed, "replayed"),
        (told.missing, "missing"),
        (told.duplicate, "duplicate"),
        (told.out_of_order, "out of order"),
    ];
    line(out, "deliveries", &counted(&counts));
    let from_table = report.sources.get(&Source::Table).copied().unwrap_or(0);
    if from_table > 0 {
        line(out, "", &[format!("{from_table} of the live ones were read from the table")]);
    }
    let table = &report.table;
    let counts = [
        (table.accepted_missing, "accepted bids missing"),
        (table.refused_present, "rejected bids present"),
        (table.twice, "twice"),
        (table.disordered, "disordered"),
        (table.late, "late"),
        (table.told_otherwise, "delivered otherwise"),
        (table.denied, "denied"),
    ];
    line(out, "table", &counted(&counts));
    let closing = &report.closing;
    if closing.auctions > 0 {
        let counts = [
            (closing.auctions, "auctions"),
            (closing.not_closed, "not closed"),
            (closing.wrong_winner, "wrong winners"),
            (closing.late_accepted, "late bids accepted"),
            (closing.watchers_not_told, "watchers not notified"),
        ];
        line(out, "closing", &counted(&counts));
    }
    context(report, out);
    if !report.repeats.is_empty() {
        line(
            out,
            "repeats",
            &[format!("{} runs; this is the one in the middle", report.repeats.len())],
        );
    }
    for judged in &report.slo {
        let value = judged.value_us.map_or_else(|| "no sample".to_owned(), time);
        let word = if judged.ok { "met" } else { "missed" };
        line(out, "slo", &[format!("{}: {value}", judged.expr), word.to_owned()]);
    }
    writeln!(out, "\nverdict: {}", report.verdict.as_str())?;
    for reason in &report.reasons {
        writeln!(out, "  {reason}")?;
    }
    for limit in report.limits_met.keys() {
        writeln!(out, "  {}", limits::advice(limit))?;
    }
    if report.verdict != Verdict::Pass {
        writeln!(out, "  repeat it with: {}", report.command)?;
    }
    Ok(())
}

/// The conditions of the run.
fn context(report: &Report, out: &mut String) {
    let watchers = &report.watchers;
    if watchers.stalled + watchers.departures > 0 || !watchers.ends.is_empty() {
        let other: u64 = watchers.ends.values().sum();
        let parts = [
            format!("{} stalled", watchers.stalled),
            format!("{} departures", watchers.departures),
            format!("{other} other ends{}", codes(&watchers.ends)),
        ];
        line(out, "watchers", &parts);
    }
    if report.kills > 0 {
        line(out, "server", &[format!("killed and started again {} times", report.kills)]);
    }
    if let Some(kb) = report.server_memory_peak_kb {
        line(out, "memory", &[format!("{:.1} MiB at most (server)", kb as f64 / 1024.0)]);
    }
    if let Some(probe) = &report.probe {
        let parts = [
            format!("one bid transaction {}", time(probe.transact_us)),
            format!("the GetRecords call with its record {}", time(probe.get_records_us)),
        ];
        line(out, "idle store", &parts);
    }
    if !report.limits_met.is_empty() {
        let met = report.limits_met.iter().map(|(limit, n)| format!("{limit} {n} times"));
        line(out, "limits met", &met.collect::<Vec<_>>());
    }
}

fn counted(counts: &[(u64, &str)]) -> Vec<String> {
    counts.iter().map(|(count, what)| format!("{count} {what}")).collect()
}

/// A label and its parts, wrapped for a terminal.
fn line(out: &mut String, label: &str, parts: &[String]) {
    let mut row = format!("{label:<INDENT$}");
    let last = parts.len().saturating_sub(1);
    for (number, part) in parts.iter().enumerate() {
        let comma = if number < last { "," } else { "" };
        let is_first = row.chars().count() <= INDENT;
        if !is_first && row.chars().count() + 1 + part.chars().count() + comma.len() > WIDTH {
            out.push_str(&row);
            out.push('\n');
            row = " ".repeat(INDENT);
        } else if !is_first {
            row.push(' ');
        }
        row.push_str(part);
        row.push_str(comma);
    }
    out.push_str(&row);
    out.push('\n');
}

fn latencies(report: &Report, out: &mut String) -> std::fmt::Result {
    let latency = &report.latency_us;
    let hops = &latency.hops;
    writeln!(
        out,
        "{:<21} {:>7} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "hop", "n", "p50", "p90", "p99", "p99.9", "max"
    )?;
    for (name, summary) in [
        ("schedule", &hops.schedule),
        ("request", &hops.request),
        ("forward", &hops.forward),
        ("lane", &hops.lane),
        ("store_and_stream", &hops.store_and_stream),
        ("relay", &hops.relay),
        ("deliver", &hops.deliver),
    ] {
        // Only a cluster forwards bids.
        if name != "forward" || summary.n > 0 {
            row(out, name, summary)?;
        }
    }
    writeln!(out, "{}", "-".repeat(WIDTH - 1))?;
    row(out, "client_to_client", &latency.client_to_client)?;
    row(out, "client_to_last_client", &latency.client_to_last_client)?;
    row(out, "beside: commit", &latency.commit)?;
    row(out, "beside: answer", &latency.answer)?;
    row(out, "beside: spread", &latency.spread)?;
    writeln!(
        out,
        "schedule: intended -> sent -> request: received -> (forward: received by the\n\
         server that writes the auction ->) lane: written ->\n\
         store_and_stream: read -> relay: published -> deliver: client.\n\
         commit: written -> committed. answer: sent -> answered, what a bidder waits.\n\
         spread: committed -> received by the last watcher, on whichever server."
    )
}

/// A table with aligned columns: the first is text, the others are figures.
pub fn table(table: &Table) -> String {
    let rows = || std::iter::once(&table.head).chain(&table.rows);
    let width = |column: usize| {
        let cells = rows().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..table.head.len()).map(width).collect();
    let mut out = String::new();
    for row in rows() {
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            let cell = match column {
                0 => format!("{cell:<width$}"),
                _ => format!("  {cell:>width$}"),
            };
            out.push_str(&cell);
        }
        out.push('\n');
    }
    out
}

fn row(out: &mut String, name: &str, summary: &Summary) -> std::fmt::Result {
    let cell = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), time);
    writeln!(
        out,
        "{name:<21} {:>7} {:>9} {:>9} {:>9} {:>9} {:>9}",
        summary.n,
        cell(summary.p50),
        cell(summary.p90),
        cell(summary.p99),
        cell(summary.p999),
        cell(summary.max)
    )
}

fn codes(by_code: &std::collections::BTreeMap<String, u64>) -> String {
    if by_code.is_empty() {
        return String::new();
    }
    let parts: Vec<String> = by_code.iter().map(|(code, n)| format!("{code} {n}")).collect();
    format!(" ({})", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_wide_as_a_terminal_at_most_and_loses_nothing() {
        let parts: Vec<String> = (0..30).map(|n| format!("{n} of something")).collect();
        let mut out = String::new();
        line(&mut out, "label", &parts);
        assert!(out.lines().count() > 3 && out.lines().all(|line| line.len() <= WIDTH), "{out}");
        assert!(parts.iter().all(|part| out.contains(part.as_str())), "{out}");
        assert!(!out.trim_end().ends_with(','), "{out}");
        let mut out = String::new();
        line(&mut out, "label", &["x".repeat(200)]);
        assert_eq!(out.lines().count(), 1, "what cannot be broken is not");
    }
}
