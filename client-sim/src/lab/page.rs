//! The page of a lab: first the relays against the goal, then the answers, then each experiment.

use dynamodb_emulator::Latency;

use super::answers::{holds_goal, over_goal};
use super::experiment::{CaseResult, ExperimentResult};
use super::findings::Findings;
use crate::output::pages::chart::{self, Curve};
use crate::output::pages::model::{Block, Page, Section, Table, Tone};
use crate::output::pages::{parts, run_report};
use crate::units::time;

/// The names of the relays on the first screen, and their cases in `modes`.
const RELAYS: [(&str, &str); 4] = [
    ("Lambda trigger, defaults", "lambda, steady"),
    ("Lambda trigger, tuned", "lambda tuned, steady"),
    ("stream, polled by demand", "stream, steady"),
    ("hybrid, at the acknowledgement", "hybrid, steady"),
];

/// Builds the page.
///
/// # Errors
/// When a chart cannot be drawn.
pub fn page(findings: &Findings) -> anyhow::Result<Page> {
    let mut sections = Vec::new();
    sections.extend(first(findings)?);
    sections.push(answers(findings));
    if !findings.bars.is_empty() {
        sections.push(bars(findings));
    }
    for shown in &findings.experiments {
        sections.push(experiment(shown, findings.propagation_us)?);
    }
    if let Some(overheads) = &findings.overheads {
        let mut table = Table::new(&["request", "n", "p50", "p90", "p95", "p99", "longest"]);
        for (name, summary) in [
            ("plain JSON, no GraphQL, no token", &overheads.plain),
            ("GraphQL query, anonymous", &overheads.query),
            ("GraphQL query with a token", &overheads.query_with_token),
            ("placeBid with a token, refused at once", &overheads.refused_bid),
        ] {
            table.row(run_report::row(name, summary));
        }
        sections.push(
            Section::new("overheads: What do authorisation and GraphQL cost on the path?")
                .text("Single requests in turns over loopback, one at a time.")
                .with(Block::Table(table)),
        );
    }
    sections.push(limits(findings));
    sections.extend(parts::environment(&findings.environment));
    let (ok, verdict) = findings.headline();
    let title = if findings.is_modelled() {
        "Can DynamoDB Streams carry a realtime auction?"
    } else {
        "Does this service hold the 300 ms goal?"
    };
    Ok(Page { title: title.to_owned(), verdict: Some((Tone::of(ok), verdict)), sections })
}

/// The cases of the first screen: the relays, or the traffic sent to an existing service.
fn compared(findings: &Findings) -> Vec<(String, &CaseResult)> {
    let cases = |name: &str| findings.experiments.iter().find(|shown| shown.name == name);
    if let Some(deployed) = cases("deployed") {
        return deployed.cases.iter().map(|case| (case.name.clone(), case)).collect();
    }
    let Some(modes) = cases("modes") else { return Vec::new() };
    let relay = |(name, case): (&str, &str)| {
        let case = modes.cases.iter().find(|shown| shown.name == case)?;
        Some((name.to_owned(), case))
    };
    RELAYS.into_iter().filter_map(relay).collect()
}

/// The first section: one chart and one table.
fn first(findings: &Findings) -> anyhow::Result<Option<Section>> {
    let compared = compared(findings);
    if compared.is_empty() {
        return Ok(None);
    }
    let curves: Vec<Curve> = compared
        .iter()
        .map(|(name, case)| (name.clone(), case.report.series.percentiles.clone()))
        .collect();
    let (title, head, chart_title) = if findings.is_modelled() {
        (
            "The relays against the 300 ms goal",
            "relay",
            "How long bids took to their last watcher, by relay",
        )
    } else {
        (
            "The traffic against the 300 ms goal",
            "traffic",
            "How long bids took to their last watcher, by traffic",
        )
    };
    let mut table = Table::new(&[head, "p50", "p95", "p99", "over 300 ms", "goal"]);
    for (name, case) in &compared {
        let report = &case.report;
        let summary = &report.latency_us.client_to_last_client;
        let cell = |us: Option<u64>| us.map_or_else(|| "-".to_owned(), time);
        let word = if holds_goal(report) { "held" } else { "missed" };
        let share = format!("{:.1} %", 100.0 * over_goal(report));
        let cells =
            [cell(summary.p50), cell(summary.p95), cell(summary.p99), share, word.to_owned()];
        table.row([name.clone()].into_iter().chain(cells));
    }
    let mut section = Section::new(title);
    if let Some(line) = parts::environment_line(&findings.environment) {
        section = section.text(line);
    }
    Ok(Some(
        section
            .with(Block::Chart(chart::percentiles(chart_title, &curves)?))
            .with(Block::Table(table))
            .text(
                "Held: at most 1 % of the bids took 300 ms or longer. A dash: too few bids for it.",
            ),
    ))
}

fn answers(findings: &Findings) -> Section {
    let mut section = Section::new("The questions, answered").text(findings.stands_on());
    for answer in &findings.answers {
        let of = match answer.experiment.as_str() {
            "deployed" => "`lab --url`".to_owned(),
            experiment => format!("`lab --only {experiment}`"),
        };
        section = section.with(Block::Answer {
            question: answer.question.clone(),
            answer: answer.answer.clone(),
            details: format!("{} {of}", answer.details),
        });
    }
    section
}

fn bars(findings: &Findings) -> Section {
    let mut section = Section::new("Against what was published, and against the goal");
    for bar in &findings.bars {
        section = section.with(Block::Finding(Tone::of(bar.ok), bar.text.clone()));
    }
    section
}

fn experiment(shown: &ExperimentResult, own_us: Option<i64>) -> anyhow::Result<Section> {
    let mut section = Section::new(format!("{}: {}", shown.name, shown.asks));
    // At most six curves: more are hard to distinguish.
    for group in groups(&shown.cases) {
        let curves: Vec<Curve> = group
            .iter()
            .map(|case| (case.name.clone(), case.report.series.percentiles.clone()))
            .filter(|(_, points)| !points.is_empty())
            .collect();
        if !curves.is_empty() {
            let title =
                format!("How long bids took to their last watcher: {}", group[0].report.scenario);
            section = section.with(Block::Chart(chart::percentiles(&title, &curves)?));
        }
    }
    section = section.with(Block::Table(latencies(shown)));
    let marked = shown.cases.iter().filter(|case| !case.report.series.marks.is_empty());
    for case in marked {
        let series = &case.report.series;
        let title = format!("{}: the median and the longest over the run", case.name);
        let chart = chart::over_time(&title, &series.moments, &series.marks)?;
        section = section.with(Block::Chart(chart));
    }
    let is_there = shown.name == "deployed";
    if shown.name == "modes" || is_there {
        // The model's propagation is known; an existing service only reports when it read a bid.
        let propagation_us =
            (!is_there).then(|| own_us.unwrap_or_else(|| median_us(Latency::aws())));
        let rows: Vec<chart::Row> = shown
            .cases
            .iter()
            .filter_map(|case| {
                let bid = case.report.series.examples.first()?;
                Some(parts::row(case.name.clone(), bid, propagation_us))
            })
            .collect();
        let title = "The median bid of each case, part by part";
        section = section.with(Block::Chart(chart::waterfall(title, &rows)?));
        section = section.with(Block::Details("Hops".to_owned(), vec![Block::Table(hops(shown))]));
    }
    if shown.cases.iter().any(|case| case.report.relay == "lambda") {
        section = section.with(Block::Table(handlers(shown)));
    }
    if shown.name == "paces" {
        section = section.with(Block::Table(costs(shown)));
    }
    let title = "Guarantees".to_owned();
    Ok(section.with(Block::Details(title, vec![Block::Table(guarantees(shown))])))
}

/// The median of a modelled propagation.
pub(super) fn median_us(latency: Latency) -> i64 {
    let delay = latency.propagation.delay;
    ((delay.base_ms + delay.tail_median_ms) * 1e3) as i64
}

/// The medians of every hop of every case.
fn hops(shown: &ExperimentResult) -> Table {
    let mut head = vec!["median of"];
    head.extend(crate::measure::path::HOPS);
    head.extend(["transaction", "acknowledged to read", "answer"]);
    let mut table = Table::new(&head);
    for case in &shown.cases {
        let latency = &case.report.latency_us;
        let hops = latency.hops;
        let all = [
            hops.schedule,
            hops.request,
            hops.lane,
            hops.store_and_stream,
            hops.relay,
            hops.deliver,
            latency.commit,
            latency.stream,
            latency.answer,
        ];
        let cells = all.map(|summary| summary.p50.map_or_else(|| "-".to_owned(), time));
        table.row([case.name.clone()].into_iter().chain(cells));
    }
    table
}

/// Cases that are compared with each other: those of one traffic, or all.
fn groups(cases: &[CaseResult]) -> Vec<Vec<&CaseResult>> {
    let mut groups: Vec<Vec<&CaseResult>> = Vec::new();
    for case in cases {
        let same = |group: &&mut Vec<&CaseResult>| {
            group[0].report.scenario == case.report.scenario && group.len() < 6
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(case),
            None => groups.push(vec![case]),
        }
    }
    groups
}

fn latencies(shown: &ExperimentResult) -> Table {
    let mut table =
        Table::new(&["case", "bids", "p50", "p90", "p95", "p99", "longest", "over 300 ms", "goal"]);
    for case in &shown.cases {
        let report = &case.report;
        let mut row = run_report::row(&case.name, &report.latency_us.client_to_last_client);
        row.push(format!("{:.1} %", 100.0 * over_goal(report)));
        row.push(if holds_goal(report) { "held" } else { "missed" }.to_owned());
        table.row(row);
    }
    table
}

fn guarantees(shown: &ExperimentResult) -> Table {
    let mut table = Table::new(&["case", "expected", "missing", "repeated", "out of order"]);
    for case in &shown.cases {
        let told = &case.report.deliveries;
        let counts = [told.expected, told.missing, told.duplicate, told.out_of_order];
        table.row([case.name.clone()].into_iter().chain(counts.map(|count| count.to_string())));
    }
    table
}

fn handlers(shown: &ExperimentResult) -> Table {
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

/// The approximate cost of a stream that is read like this, if it were always as busy.
fn costs(shown: &ExperimentResult) -> Table {
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
    let what = if findings.origin.is_some() {
        "Times of the store and of its stream are modelled on those that were measured elsewhere. The \
         service, its clients and everything between them are real, on one machine, and share its cores."
    } else if findings.is_modelled() {
        "Times of the store and of its stream are modelled on figures that others have published of AWS \
         (docs/REVIEW.md names them); nothing here was measured on AWS. The service, its clients and \
         everything between them are real, on one machine, and share its cores."
    } else {
        "Every figure was measured at the service that was named, by clients of this machine, and \
         includes the network between them; nothing was modelled. Stamps of the service are corrected \
         by the difference of the clocks where it is larger than its own error."
    };
    let depth = format!("{:?}", findings.depth).to_lowercase();
    Section::new("What this is, and is not")
        .text(findings.stands_on())
        .text(what)
        .text(format!("Seed {}, {depth}. Repeat it with", findings.seed))
        .with(Block::Command(findings.command.clone()))
        .text(format!("It took {}.", time(findings.took_ms * 1_000)))
}
