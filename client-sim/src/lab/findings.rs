//! The findings of a lab: the content of its JSON, and its conclusions.

use serde::{Deserialize, Serialize};

use super::answers::{self, Answer, Found};
use super::catalogue::DEPLOYED;
use super::experiment::{Depth, ExperimentResult};
use super::overheads::Overheads;
use crate::measure::environment::Environment;
use crate::measure::latency::Summary;
use crate::output::report::{Report, Verdict};
use crate::units::time;

/// Streams to Lambda as published (SOURCES.md#latency), in microseconds: p50 and p90.
const PUBLISHED_US: (u64, u64) = (213_000, 341_000);
const GOAL_US: u64 = 300_000;

/// The findings of a lab.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Findings {
    /// Raised when a field is removed or changes its meaning.
    pub schema_version: u32,
    /// The command that repeats it.
    pub command: String,
    /// The seed of everything random.
    pub seed: u64,
    /// The length of its cases.
    pub depth: Depth,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Where and when the lab ran.
    #[serde(default)]
    pub environment: Environment,
    /// The questions, answered.
    pub answers: Vec<Answer>,
    /// The comparisons with published figures and with the goal.
    pub bars: Vec<Bar>,
    /// The experiments.
    pub experiments: Vec<ExperimentResult>,
    /// What GraphQL and a token cost, if that was measured.
    pub overheads: Option<Overheads>,
    /// Whose latencies were modelled; `None`: those published of AWS.
    #[serde(default)]
    pub origin: Option<String>,
    /// The median of their propagation, in microseconds.
    #[serde(default)]
    pub propagation_us: Option<i64>,
}

/// A figure compared with what was published, or with the goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    /// Whether it holds.
    pub ok: bool,
    /// The sentence with both figures.
    pub text: String,
    /// Whether it compares with what others have published.
    #[serde(default)]
    pub is_of_published: bool,
}

impl Findings {
    /// Makes findings from results.
    pub fn new(
        (command, seed, depth, took_ms): (String, u64, Depth, u64),
        experiments: Vec<ExperimentResult>,
        overheads: Option<Overheads>,
    ) -> Self {
        let found = Found { shown: &experiments, overheads: overheads.as_ref() };
        let answers = answers::all(&found);
        let bars = bars(&found);
        Self {
            schema_version: 1,
            command,
            seed,
            depth,
            took_ms,
            environment: Environment::default(),
            answers,
            bars,
            experiments,
            overheads,
            origin: None,
            propagation_us: None,
        }
    }

    /// The same, modelled on latencies of this origin: what others have published is no goal then.
    pub fn of(mut self, own: Option<(String, i64)>) -> Self {
        if let Some((origin, propagation_us)) = own {
            self.bars.retain(|bar| !bar.is_of_published);
            (self.origin, self.propagation_us) = (Some(origin), Some(propagation_us));
        }
        self
    }

    /// Whose figures the answers stand on, in a sentence.
    pub fn stands_on(&self) -> String {
        match (&self.origin, self.is_modelled()) {
            (_, false) => "These answers stand on figures measured at the service that was named.",
            (None, true) => {
                "These answers stand on latencies that others have published of AWS \
                 (docs/SOURCES.md); nothing was measured on AWS here."
            }
            (Some(origin), true) => {
                return format!("These answers stand on latencies {origin}.");
            }
        }
        .to_owned()
    }

    fn reports(&self) -> impl Iterator<Item = (String, &Report)> {
        self.experiments.iter().flat_map(|shown| {
            shown.cases.iter().map(|case| (format!("{}: {}", shown.name, case.name), &case.report))
        })
    }

    /// Whether every guarantee held in every case, in a sentence.
    ///
    /// # Errors
    /// The sentence, if not.
    pub fn verdict(&self) -> Result<String, String> {
        let broken: Vec<String> = self
            .reports()
            .filter(|(_, report)| !matches!(report.verdict, Verdict::Pass | Verdict::SloBreached))
            .map(|(name, report)| format!("{name}: {}", report.reasons.join("; ")))
            .collect();
        if !broken.is_empty() {
            return Err(broken.join(". "));
        }
        let deliveries: u64 = self.reports().map(|(_, report)| report.deliveries.expected).sum();
        let cases = self.reports().count();
        Ok(format!("{cases} runs, {deliveries} deliveries: none missing, repeated or out of order"))
    }

    /// The overall result, and whether it is a success: every guarantee and every goal held.
    pub fn headline(&self) -> (bool, String) {
        let guarantees = match self.verdict() {
            Ok(guarantees) => guarantees,
            Err(problem) => return (false, problem),
        };
        let missed = self.bars.iter().filter(|bar| !bar.ok).count();
        let all = self.bars.len();
        match (missed, all) {
            (0, 0) => (true, guarantees),
            (0, all) => (true, format!("all {all} goals held; {guarantees}")),
            (missed, all) => (false, format!("{missed} of {all} goals missed; {guarantees}")),
        }
    }

    /// The exit code: 0, 97 if a run is inconclusive, 98 if a guarantee was broken, 99 if a goal
    /// was missed.
    pub fn exit_code(&self) -> u8 {
        let codes = || self.reports().map(|(_, report)| report.verdict);
        if codes().any(|verdict| verdict == Verdict::GuaranteeBroken) {
            Verdict::GuaranteeBroken.exit_code()
        } else if codes().any(|verdict| verdict == Verdict::Invalid) {
            Verdict::Invalid.exit_code()
        } else if self.bars.iter().any(|bar| !bar.ok) {
            Verdict::SloBreached.exit_code()
        } else {
            0
        }
    }

    /// What was modelled in any case.
    pub fn modelled(&self) -> Vec<String> {
        let mut modelled: Vec<String> = Vec::new();
        for (_, report) in self.reports() {
            for what in &report.environment.modelled {
                if !modelled.contains(what) {
                    modelled.push(what.clone());
                }
            }
        }
        modelled
    }

    /// Whether the store, its stream and their readers were modelled here, or belong to an existing
    /// service.
    pub fn is_modelled(&self) -> bool {
        self.experiments.iter().all(|shown| shown.name != DEPLOYED.name)
    }
}

fn bars(found: &Found<'_>) -> Vec<Bar> {
    let deployed = found.cases("deployed").iter().map(|case| {
        let last = &case.report.latency_us.client_to_last_client;
        goal(&case.name, "the service at --url", "p99", last.p99, last)
    });
    let mut bars: Vec<Bar> = deployed.collect();
    for traffic in ["trickle", "steady"] {
        let of = |mode: &str| {
            let name = format!("{mode}, {traffic}");
            let cases = found.cases("modes").iter();
            cases.clone().find(|case| case.name == name).map(|case| &case.report)
        };
        bars.extend(of("lambda").and_then(|report| published(traffic, &report.latency_us.stream)));
        if let Some(stream) = of("stream") {
            let last = &stream.latency_us.client_to_last_client;
            bars.push(goal(traffic, "stream", "p95", last.p95, last));
        }
        if let Some(hybrid) = of("hybrid") {
            let last = &hybrid.latency_us.client_to_last_client;
            bars.push(goal(traffic, "hybrid", "p99", last.p99, last));
        }
        if let (Some(stream), Some(hybrid)) = (of("stream"), of("hybrid")) {
            bars.extend(one_propagation(traffic, stream, hybrid));
        }
    }
    bars
}

/// Acknowledged -> handler, compared with the published figures.
fn published(traffic: &str, leg: &Summary) -> Option<Bar> {
    let (p50, p90) = (leg.p50?, leg.p90?);
    let off = |us: u64, published: u64| 100.0 * (us as f64 / published as f64 - 1.0);
    let (off50, off90) = (off(p50, PUBLISHED_US.0), off(p90, PUBLISHED_US.1));
    Some(Bar {
        ok: off50.abs() <= 15.0 && off90.abs() <= 25.0,
        text: format!(
            "{traffic}, Lambda's defaults, written to handler: p50 {} against 213 ms published \
             ({off50:+.0} %, bar 15 %), p90 {} against 341 ms ({off90:+.0} %, bar 25 %)",
            time(p50),
            time(p90)
        ),
        is_of_published: true,
    })
}

/// A percentile, or the maximum if there are too few bids for it, compared with 300 ms.
fn goal(traffic: &str, mode: &str, name: &str, value: Option<u64>, of: &Summary) -> Bar {
    let judged = value.or(of.max);
    let how = if value.is_some() { "" } else { " (judged by the longest: too few bids)" };
    Bar {
        ok: judged.is_some_and(|us| us < GOAL_US),
        text: format!(
            "{traffic}, {mode}: {name} of client to last client {}{how}, goal 300 ms",
            judged.map_or_else(|| "not measured".to_owned(), time)
        ),
        is_of_published: false,
    }
}

/// What publishing at the acknowledgement saves, next to what the stream takes.
fn one_propagation(traffic: &str, stream: &Report, hybrid: &Report) -> Option<Bar> {
    let p50 = |report: &Report| report.latency_us.client_to_last_client.p50;
    let (stream_us, hybrid_us) = (p50(stream)?, p50(hybrid)?);
    let propagation_us = stream.latency_us.stream.p50?;
    let saved_us = stream_us.saturating_sub(hybrid_us);
    let leg = &stream.latency_us.stream;
    let far = leg.p99.map(|us| format!("{} (p99)", time(us)));
    let far = far.or_else(|| Some(format!("{} (longest)", time(leg.max?))))?;
    Some(Bar {
        ok: saved_us * 2 > propagation_us && saved_us < propagation_us * 2,
        text: format!(
            "{traffic}: hybrid's p50 is {} below stream's; acknowledged to read took {} (p50) and {far} \
             of stream's path, nearly all of it the modelled propagation",
            time(saved_us),
            time(propagation_us)
        ),
        is_of_published: false,
    })
}
