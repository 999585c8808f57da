//! The review's questions, answered from the measurements: the first words of each answer follow
//! from its figures. A question whose experiment was not run has no answer.

mod costs;
mod relays;
mod riddle;
mod stream;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::experiment::{CaseResult, ExperimentResult};
use super::overheads::Overheads;
use crate::measure::latency::Summary;
use crate::output::report::Report;
use crate::units::time;

/// A question and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// As the review asked it.
    pub question: String,
    /// In one or two sentences.
    pub answer: String,
    /// The figures behind it.
    #[serde(default)]
    pub details: String,
    /// The experiment that answers it.
    pub experiment: String,
}

/// What was found, to be looked up.
pub struct Found<'a> {
    /// The experiments.
    pub shown: &'a [ExperimentResult],
    /// What requests cost, if that was measured.
    pub overheads: Option<&'a Overheads>,
}

/// An answer in short, and the figures behind it.
struct Finding {
    short: String,
    details: String,
}

type Asked = (&'static str, &'static str, fn(&Found<'_>) -> Option<Finding>);

const QUESTIONS: [Asked; 12] = [
    ("Does the service at --url hold the 300 ms goal?", "deployed", relays::deployed),
    ("Is the 250 ms poll of a Lambda trigger a killer of the 300 ms goal?", "modes", relays::poll),
    (
        "When a handler fails in mid-batch, what happens to records that were processed already?",
        "mid-batch",
        stream::mid_batch,
    ),
    ("Do shards add lag, and can they be controlled?", "shards", stream::shards),
    ("How are bids kept in order?", "order", stream::order),
    ("What do authorisation and GraphQL cost on the path?", "overheads", costs::overheads),
    ("Can steps 1-5 be seen as one trace?", "modes", costs::trace),
    ("Simulate bidding, change something, see the gain?", "tuning", costs::tuning),
    ("Why GraphQL for such a simple service?", "overheads", costs::why_graphql),
    ("What explains the review's 0.55 to 3.06 s?", "review", riddle::answer),
    ("What is left of the 300 ms for the client's own connection?", "last-mile", relays::last_mile),
    ("What does a watcher see while the stream stands still?", "stall", relays::stall),
];

/// The answers that can be given.
pub fn all(found: &Found<'_>) -> Vec<Answer> {
    let answers = QUESTIONS.iter().filter_map(|(question, experiment, answer)| {
        let Finding { short, details } = answer(found)?;
        let (question, experiment) = ((*question).to_owned(), (*experiment).to_owned());
        Some(Answer { question, answer: short, details, experiment })
    });
    answers.collect()
}

impl Found<'_> {
    /// The cases of an experiment.
    pub fn cases(&self, experiment: &str) -> &[CaseResult] {
        let shown = self.shown.iter().find(|shown| shown.name == experiment);
        shown.map_or(&[], |shown| &shown.cases)
    }

    fn report(&self, experiment: &str, case: &str) -> Option<&Report> {
        let case = self.cases(experiment).iter().find(|shown| shown.name == case)?;
        Some(&case.report)
    }
}

/// The share of bids that may take 300 ms or longer where the goal is held: it is a p99.
pub const OVER_GOAL_MAX: f64 = 0.01;

/// The share of bids that took 300 ms or longer.
pub fn over_goal(report: &Report) -> f64 {
    report.series.over_goal as f64 / last(report).n.max(1) as f64
}

/// Whether a run held the goal. Nothing measured holds nothing.
pub fn holds_goal(report: &Report) -> bool {
    last(report).n > 0 && over_goal(report) <= OVER_GOAL_MAX
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn last(report: &Report) -> &Summary {
    &report.latency_us.client_to_last_client
}

/// A percentile, or the longest where there are not bids enough for it.
fn at(percentile: Option<u64>, summary: &Summary) -> String {
    match (percentile, summary.max) {
        (Some(us), _) => time(us),
        (None, Some(us)) => format!("at most {}", time(us)),
        (None, None) => "nothing measured".to_owned(),
    }
}

fn longest(report: &Report) -> String {
    last(report).max.map_or_else(|| "nothing measured".to_owned(), time)
}

fn p50(report: &Report) -> String {
    at(last(report).p50, last(report))
}

fn p95(report: &Report) -> String {
    at(last(report).p95, last(report))
}

fn p99(report: &Report) -> String {
    at(last(report).p99, last(report))
}

/// The deliveries of these runs that were missing, repeated or out of order, and all that were
/// expected.
fn wrong<'a>(reports: impl Iterator<Item = &'a Report>) -> (u64, u64) {
    reports.map(|report| report.deliveries).fold((0, 0), |(wrong, all), told| {
        (wrong + told.missing + told.duplicate + told.out_of_order, all + told.expected)
    })
}
