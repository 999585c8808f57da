//! The report as a person reads it in a terminal.

use std::fmt::Write as _;

use crate::latency::Summary;
use crate::paper::model::Table;
use crate::report::{Report, Verdict};
use crate::units::time;
use crate::watchers::Source;

/// The whole report as text.
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    write(report, &mut out).unwrap_or_default();
    out
}

fn write(report: &Report, out: &mut String) -> std::fmt::Result {
    latencies(report, out)?;
    let bids = &report.bids;
    let rejected: u64 = bids.rejected.values().sum();
    write!(out, "\nbids        {} offered, {} accepted", bids.offered, bids.accepted)?;
    write!(out, ", {rejected} rejected{}", codes(&bids.rejected))?;
    writeln!(
        out,
        ", {} failed{}, {} unknown, {} retried",
        bids.failed,
        codes(&bids.failures),
        bids.unknown,
        bids.retried
    )?;
    let told = &report.deliveries;
    writeln!(
        out,
        "deliveries  {} expected, {} live, {} replayed, {} missing, {} duplicate, {} out of order",
        told.expected, told.live, told.replayed, told.missing, told.duplicate, told.out_of_order
    )?;
    let from_table = report.sources.get(&Source::Table).copied().unwrap_or(0);
    if from_table > 0 {
        writeln!(out, "            {from_table} of the live ones were read from the table")?;
    }
    let table = &report.table;
    writeln!(
        out,
        "table       {} accepted bids missing, {} refused bids present, {} twice, {} disordered, \
         {} late, {} told otherwise, {} denied",
        table.accepted_missing,
        table.refused_present,
        table.twice,
        table.disordered,
        table.late,
        table.told_otherwise,
        table.denied
    )?;
    let closing = &report.closing;
    if closing.auctions > 0 {
        writeln!(
            out,
            "closing     {} auctions, {} not closed, {} wrong winners, {} late bids accepted, {} \
             watchers not told",
            closing.auctions,
            closing.not_closed,
            closing.wrong_winner,
            closing.late_accepted,
            closing.watchers_not_told
        )?;
    }
    let watchers = &report.watchers;
    if watchers.stalled + watchers.departures > 0 || !watchers.ends.is_empty() {
        let (stalled, left) = (watchers.stalled, watchers.departures);
        let other: u64 = watchers.ends.values().sum();
        let ends = codes(&watchers.ends);
        writeln!(
            out,
            "watchers    {stalled} stalled, {left} departures, {other} other ends{ends}"
        )?;
    }
    if report.kills > 0 {
        writeln!(out, "server      killed and started again {} times", report.kills)?;
    }
    if let Some(kb) = report.server_memory_peak_kb {
        writeln!(out, "memory      {:.1} MiB at most (server)", kb as f64 / 1024.0)?;
    }
    if let Some(probe) = &report.probe {
        writeln!(
            out,
            "idle store  one bid transaction {}, one GetRecords call {} (medians)",
            time(probe.transact_us),
            time(probe.get_records_us)
        )?;
    }
    for judged in &report.slo {
        let value = judged.value_us.map_or_else(|| "no sample".to_owned(), time);
        let word = if judged.ok { "met" } else { "missed" };
        writeln!(out, "slo         {}: {value}, {word}", judged.expr)?;
    }
    writeln!(out, "\nverdict: {}", report.verdict.as_str())?;
    for reason in &report.reasons {
        writeln!(out, "  {reason}")?;
    }
    if report.verdict != Verdict::Pass {
        writeln!(out, "  repeat it with: {}", report.command)?;
    }
    Ok(())
}

fn latencies(report: &Report, out: &mut String) -> std::fmt::Result {
    let latency = &report.latency_us;
    let hops = &latency.hops;
    writeln!(
        out,
        "{:<38} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "hop", "n", "p50", "p90", "p99", "p99.9", "max"
    )?;
    for (name, summary) in [
        ("schedule          intended -> sent", &hops.schedule),
        ("request           sent -> received", &hops.request),
        ("lane              received -> written", &hops.lane),
        ("store_and_stream  written -> read", &hops.store_and_stream),
        ("relay             read -> published", &hops.relay),
        ("deliver           published -> client", &hops.deliver),
    ] {
        row(out, name, summary)?;
    }
    writeln!(out, "{}", "-".repeat(97))?;
    row(out, "client_to_client", &latency.client_to_client)?;
    row(out, "client_to_last_client", &latency.client_to_last_client)?;
    row(out, "commit (beside)   written -> committed", &latency.commit)
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
        "{name:<38} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9}",
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
