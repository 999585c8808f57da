//! The page of a lab.

use super::chart::{self, Curve};
use super::model::{Block, Page, Section, Table, Tone};
use super::of_run;
use crate::lab::experiment::{Shown, ShownCase};
use crate::lab::findings::Findings;
use crate::series::Example;
use crate::units::time;

/// The page.
///
/// # Errors
/// When a chart cannot be drawn.
pub fn page(findings: &Findings) -> anyhow::Result<Page> {
    let mut sections = vec![answers(findings)];
    if !findings.bars.is_empty() {
        sections.push(bars(findings));
    }
    for shown in &findings.experiments {
        sections.push(experiment(shown)?);
    }
    if let Some(overheads) = &findings.overheads {
        let mut table = Table::new(&["request", "n", "p50", "p90", "p95", "p99", "longest"]);
        for (name, summary) in [
            ("plain JSON, no GraphQL, no token", &overheads.plain),
            ("GraphQL query, anonymous", &overheads.query),
            ("GraphQL query with a token", &overheads.query_with_token),
            ("placeBid with a token, refused at once", &overheads.refused_bid),
        ] {
            table.row(of_run::row(name, summary));
        }
        sections.push(
            Section::new("overheads: What do authorisation and GraphQL cost on the path?")
                .text("Single requests in turns over loopback, one at a time.")
                .with(Block::Table(table)),
        );
    }
    sections.push(limits(findings));
    let verdict = findings.verdict();
    let tone = if verdict.is_ok() { Tone::Good } else { Tone::Bad };
    let verdict = verdict.unwrap_or_else(|problem| problem);
    let title = "Can DynamoDB Streams carry a realtime auction?".to_owned();
    Ok(Page { title, verdict: Some((tone, verdict)), sections })
}

fn answers(findings: &Findings) -> Section {
    let mut section = Section::new("The questions, answered");
    for answer in &findings.answers {
        let told = format!("{} (`lab --only {}`)", answer.answer, answer.experiment);
        section = section.with(Block::Answer(answer.question.clone(), told));
    }
    section
}

fn bars(findings: &Findings) -> Section {
    let mut section = Section::new("Against what was published, and against the goal");
    for bar in &findings.bars {
        let tone = if bar.ok { Tone::Good } else { Tone::Bad };
        section = section.with(Block::Finding(tone, bar.text.clone()));
    }
    section
}

fn experiment(shown: &Shown) -> anyhow::Result<Section> {
    let mut section = Section::new(format!("{}: {}", shown.name, shown.asks));
    // Six curves at most: more cannot be told apart.
    for group in groups(&shown.cases) {
        let curves: Vec<Curve> = group
            .iter()
            .map(|case| (case.name.clone(), case.report.series.percentiles.clone()))
            .filter(|(_, points)| !points.is_empty())
            .collect();
        if !curves.is_empty() {
            let chart = chart::percentiles("Client to last client", &curves)?;
            section = section.with(Block::Chart(chart));
        }
    }
    let marked = shown.cases.iter().filter(|case| !case.report.series.marks.is_empty());
    for case in marked {
        let series = &case.report.series;
        let caption = format!("{}: client to last client over time", case.name);
        let chart = chart::over_time(&caption, &series.moments, &series.marks)?;
        section = section.with(Block::Chart(chart));
    }
    if shown.name == "modes" {
        let examples: Vec<(String, Example)> = shown
            .cases
            .iter()
            .filter_map(|case| Some((case.name.clone(), *case.report.series.examples.first()?)))
            .collect();
        let caption = "The median bid of each case, hop by hop";
        section = section.with(Block::Chart(chart::waterfall(caption, &examples)?));
    }
    section = section.with(Block::Table(latencies(shown)));
    if shown.cases.iter().any(|case| case.report.relay == "lambda") {
        section = section.with(Block::Table(handlers(shown)));
    }
    if shown.name == "paces" {
        section = section.with(Block::Table(costs(shown)));
    }
    Ok(section)
}

/// Cases that are compared with each other: those of one traffic, or all.
fn groups(cases: &[ShownCase]) -> Vec<Vec<&ShownCase>> {
    let mut groups: Vec<Vec<&ShownCase>> = Vec::new();
    for case in cases {
        let same = |group: &&mut Vec<&ShownCase>| {
            group[0].report.scenario == case.report.scenario && group.len() < 6
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(case),
            None => groups.push(vec![case]),
        }
    }
    groups
}

fn latencies(shown: &Shown) -> Table {
    let mut table = Table::new(&[
        "case",
        "bids",
        "p50",
        "p90",
        "p95",
        "p99",
        "longest",
        "over 300 ms",
        "expected",
        "missing",
        "repeated",
        "out of order",
    ]);
    for case in &shown.cases {
        let report = &case.report;
        let summary = &report.latency_us.client_to_last_client;
        let told = &report.deliveries;
        let mut row = of_run::row(&case.name, summary);
        let share = 100.0 * report.series.over_goal as f64 / summary.n.max(1) as f64;
        row.push(format!("{share:.1} %"));
        let counts = [told.expected, told.missing, told.duplicate, told.out_of_order];
        row.extend(counts.map(|count| count.to_string()));
        table.row(row);
    }
    table
}

fn handlers(shown: &Shown) -> Table {
    let mut table = Table::new(&[
        "the handler",
        "invocations",
        "cold",
        "failed",
        "records",
        "replayed",
        "given up",
        "stood still",
    ]);
    for case in &shown.cases {
        let Some(counts) = case.report.relay_counts.filter(|c| c.invocations > 0) else { continue };
        let figures = [
            counts.invocations,
            counts.cold_starts,
            counts.failed,
            counts.handled,
            counts.replayed,
            counts.given_up,
        ];
        let cells = figures.map(|figure| figure.to_string());
        let still = format!("{} ms", counts.stood_still_ms_max);
        table.row([case.name.clone()].into_iter().chain(cells).chain([still]));
    }
    table
}

/// About what a stream that is read so would cost, were it always as busy.
fn costs(shown: &Shown) -> Table {
    let mut table = Table::new(&["pace", "GetRecords a second", "a month, at 0.02 $ per 100,000"]);
    for case in &shown.cases {
        let Some(counts) = case.report.relay_counts else { continue };
        let seconds = case.report.series.moments.last().map_or(1.0, |m| m.at_ms as f64 / 1e3);
        let calls = counts.polls as f64 / seconds.max(1.0);
        let month = calls * 86_400.0 * 30.0 / 100_000.0 * 0.02;
        table.row([case.name.clone(), format!("{calls:.0}"), format!("{month:.0} $")]);
    }
    table
}

fn limits(findings: &Findings) -> Section {
    Section::new("What this is, and is not")
        .text(
            "Times of the store and of its stream are modelled on figures that others have published \
             of AWS (docs/REVIEW.md names them); nothing here was measured on AWS. The service, its \
             clients and everything between them are real, on one machine, and share its cores.",
        )
        .text(format!("Seed {}, {:?}. Repeat it with", findings.seed, findings.depth).to_lowercase())
        .with(Block::Command(findings.command.clone()))
        .text(format!("It took {}.", time(findings.took_ms * 1_000)))
}
