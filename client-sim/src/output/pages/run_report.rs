//! The page of one run.

use super::chart;
use super::model::{Block, Page, Section, Table, Tone};
use super::parts;
use crate::measure::latency::Summary;
use crate::output::report::{Report, Verdict};
use crate::units::time;

/// Builds the page.
///
/// # Errors
/// When a chart cannot be drawn.
pub fn page(report: &Report) -> anyhow::Result<Page> {
    let title = format!("{} on relay {}", report.scenario, report.relay);
    let mut page = Page { title, verdict: Some(verdict(report)), sections: Vec::new() };
    page.sections.push(latency(report)?);
    page.sections.push(hops(report)?);
    page.sections.push(time_line(report)?);
    page.sections.push(guarantees(report));
    page.sections.push(configuration(report));
    page.sections.extend(parts::environment(&report.environment));
    Ok(page)
}

fn verdict(report: &Report) -> (Tone, String) {
    let tone = Tone::of(report.verdict == Verdict::Pass);
    let latency = &report.latency_us.client_to_last_client;
    let mut text = format!("{}: client to last client {}", report.verdict.as_str(), told(latency));
    if !report.reasons.is_empty() {
        text = format!("{text}. {}", report.reasons.join("; "));
    }
    (tone, text)
}

fn told(summary: &Summary) -> String {
    let named = [
        ("p50", summary.p50),
        ("p95", summary.p95),
        ("p99", summary.p99),
        ("longest", summary.max),
    ];
    let told = named.iter().filter_map(|(name, us)| Some(format!("{name} {}", time((*us)?))));
    told.collect::<Vec<_>>().join(", ")
}

fn latency(report: &Report) -> anyhow::Result<Section> {
    let series = &report.series;
    let n = report.latency_us.client_to_last_client.n;
    let caption = format!("How long bids took to their last watcher ({n} bids)");
    let curve = (report.relay.clone(), series.percentiles.clone());
    let percentiles = chart::percentiles(&caption, &[curve])?;
    let histogram = chart::histogram("How many bids took how long", &series.histogram)?;
    let mut section = Section::new("Latency");
    if let Some(line) = parts::environment_line(&report.environment) {
        section = section.text(line);
    }
    for judged in &report.slo {
        let value = judged.value_us.map_or_else(|| "nothing measured".to_owned(), time);
        let text = format!("{} (measured: {value})", judged.expr);
        section = section.with(Block::Finding(Tone::of(judged.ok), text));
    }
    Ok(section
        .text(
            "From the intended send of a bid, on a schedule that does not wait for answers, to its \
             receipt by the last watcher.",
        )
        .with(Block::Chart(percentiles))
        .with(Block::Chart(histogram)))
}

/// The table of hops, and single bids hop by hop.
fn hops(report: &Report) -> anyhow::Result<Section> {
    let latency = &report.latency_us;
    let hops = &latency.hops;
    let mut table = Table::new(&["hop", "n", "p50", "p90", "p95", "p99", "longest"]);
    for (name, summary) in [
        ("schedule: intended to sent", &hops.schedule),
        ("request: sent to received", &hops.request),
        ("forward: received to received by the server that writes it", &hops.forward),
        ("lane: received there to written", &hops.lane),
        ("store and stream: written to read", &hops.store_and_stream),
        ("relay: read to published", &hops.relay),
        ("deliver: published to client", &hops.deliver),
        ("client to client", &latency.client_to_client),
        ("client to last client", &latency.client_to_last_client),
        ("beside: written to acknowledged", &latency.commit),
        ("beside: acknowledged to read", &latency.stream),
        ("beside: sent to answered, what a bidder waits", &latency.answer),
        ("beside: acknowledged to its last watcher", &latency.spread),
    ] {
        // Only a cluster forwards bids.
        if summary.n > 0 || !name.starts_with("forward") {
            table.row(row(name, summary));
        }
    }
    let examples = &report.series.examples;
    let rows: Vec<chart::Row> =
        examples.iter().map(|bid| parts::row(format!("p{:.0}", bid.percent), bid, None)).collect();
    let caption = "Single bids at these percentiles, part by part: they add up";
    Ok(Section::new("Hop by hop")
        .with(Block::Chart(chart::waterfall(caption, &rows)?))
        .with(Block::Table(table)))
}

/// A row of a latency table.
pub fn row(name: &str, summary: &Summary) -> Vec<String> {
    let cell = |us: Option<u64>| us.map_or_else(|| "-".to_owned(), time);
    let values = [summary.p50, summary.p90, summary.p95, summary.p99, summary.max].map(cell);
    [name.to_owned(), summary.n.to_string()].into_iter().chain(values).collect()
}

fn time_line(report: &Report) -> anyhow::Result<Section> {
    let series = &report.series;
    let caption = "The median and the longest over the run";
    let chart = chart::over_time(caption, &series.moments, &series.marks)?;
    Ok(Section::new("Over time").with(Block::Chart(chart)))
}

/// The guarantees, counted.
pub fn guarantees(report: &Report) -> Section {
    let (told, table, closing) = (&report.deliveries, &report.table, &report.closing);
    let mut counts = Table::new(&["guarantee", "seen"]);
    let mut row = |name: &str, count: u64| counts.row([name.to_owned(), count.to_string()]);
    row("deliveries expected", told.expected);
    row("live", told.live);
    row("replayed from history", told.replayed);
    row("missing", told.missing);
    row("repeated", told.duplicate);
    row("out of order", told.out_of_order);
    row("accepted bids that the table lacks", table.accepted_missing);
    row("rejected bids that the table has", table.refused_present);
    row("bids in the table twice", table.twice);
    row("bids that break the sequence or the price", table.disordered);
    row("bids accepted after the end", table.late);
    row("deliveries that differ from the table", table.told_otherwise);
    row("bids answered as not written after they were delivered", table.denied);
    if closing.auctions > 0 {
        row("auctions that were to end", closing.auctions);
        row("auctions that did not close", closing.not_closed);
        row("auctions with a wrong winner", closing.wrong_winner);
    }
    let bids = &report.bids;
    let rejected: u64 = bids.rejected.values().sum();
    Section::new("Guarantees")
        .text(format!(
            "{} bids offered: {} accepted, {rejected} rejected, {} failed, {} of unknown outcome, {} \
             sent again.",
            bids.offered, bids.accepted, bids.failed, bids.unknown, bids.retried
        ))
        .with(Block::Table(counts))
}

fn configuration(report: &Report) -> Section {
    let mut table = Table::new(&["setting", "value"]);
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    row("relay", report.relay.clone());
    row("seed", report.seed.to_string());
    row("last mile", format!("{:?}", report.last_mile).to_lowercase());
    if let Some(probe) = &report.probe {
        row("idle store, one bid transaction (median)", time(probe.transact_us));
        row("idle store, the GetRecords call with its record (median)", time(probe.get_records_us));
    }
    if let Some(counts) = &report.relay_counts {
        row("GetRecords calls", format!("{} ({} empty)", counts.polls, counts.empty_polls));
        row("stream records read", counts.records.to_string());
    }
    if let Some(kb) = report.server_memory_peak_kb {
        row("most memory of the server", format!("{} MiB", kb / 1024));
    }
    for judged in &report.slo {
        let value = judged.value_us.map_or_else(|| "nothing measured".to_owned(), time);
        let met = if judged.ok { "met" } else { "missed" };
        row(&format!("objective {}", judged.expr), format!("{value}, {met}"));
    }
    let mut section = Section::new("Configuration").with(Block::Table(table));
    if !report.command.is_empty() {
        section = section.text("Repeat it with").with(Block::Command(report.command.clone()));
    }
    section
}
