//! The review's questions, answered from what was measured. A question whose experiment was not run
//! has no answer.

use serde::{Deserialize, Serialize};

use super::catalogue::{FAILS_AT, FAILURES, TUNING_RATE};
use super::experiment::{Shown, ShownCase};
use super::overheads::Overheads;
use crate::latency::Summary;
use crate::report::Report;
use crate::series::First;
use crate::units::time;

/// A question and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// As the review asked it.
    pub question: String,
    /// With figures.
    pub answer: String,
    /// The experiment that tells.
    pub experiment: String,
}

/// What was found, to be looked up.
pub struct Found<'a> {
    /// The experiments.
    pub shown: &'a [Shown],
    /// What requests cost, if that was measured.
    pub overheads: Option<&'a Overheads>,
}

type Asked = (&'static str, &'static str, fn(&Found<'_>) -> Option<String>);

const QUESTIONS: [Asked; 11] = [
    ("Is the 250 ms poll of a Lambda trigger a killer of the 300 ms goal?", "modes", poll),
    (
        "When a handler fails in mid-batch, what happens to records that were processed already?",
        "mid-batch",
        mid_batch,
    ),
    ("Do shards add lag, and can they be controlled?", "shards", shards),
    ("How are bids kept in order?", "order", order),
    ("What do authorisation and GraphQL cost on the path?", "overheads", overheads),
    ("Can steps 1-5 be seen as one trace?", "modes", trace),
    ("Simulate bidding, change something, see the gain?", "tuning", tuning),
    ("Why GraphQL for such a simple service?", "overheads", why_graphql),
    ("What explains the review's 0.55 to 3.06 s?", "review", review),
    ("What is left of the 300 ms for the client's own connection?", "last-mile", last_mile),
    ("What does a watcher see while the stream stands still?", "stall", stall),
];

/// The answers that can be given.
pub fn all(found: &Found<'_>) -> Vec<Answer> {
    let answers = QUESTIONS.iter().filter_map(|(question, experiment, answer)| {
        let (question, experiment) = ((*question).to_owned(), (*experiment).to_owned());
        Some(Answer { question, answer: answer(found)?, experiment })
    });
    answers.collect()
}

impl Found<'_> {
    /// The cases of an experiment.
    pub fn cases(&self, experiment: &str) -> &[ShownCase] {
        let shown = self.shown.iter().find(|shown| shown.name == experiment);
        shown.map_or(&[], |shown| &shown.cases)
    }

    fn report(&self, experiment: &str, case: &str) -> Option<&Report> {
        let case = self.cases(experiment).iter().find(|shown| shown.name == case)?;
        Some(&case.report)
    }
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

fn p50(report: &Report) -> String {
    at(last(report).p50, last(report))
}

fn p95(report: &Report) -> String {
    at(last(report).p95, last(report))
}

fn p99(report: &Report) -> String {
    at(last(report).p99, last(report))
}

/// The share of bids that took 300 ms or longer.
fn over_goal(report: &Report) -> String {
    let share = 100.0 * report.series.over_goal as f64 / last(report).n.max(1) as f64;
    format!("{share:.1} %")
}

fn poll(found: &Found<'_>) -> Option<String> {
    let of = |mode: &str| found.report("modes", &format!("{mode}, steady"));
    let (lambda, tuned) = (of("lambda")?, of("lambda tuned")?);
    let (stream, hybrid) = (of("stream")?, of("hybrid")?);
    Some(format!(
        "Yes. Client to last client, steady traffic: a Lambda trigger p50 {}, p95 {}, and {} of the \
         bids miss 300 ms (tuned: {}). The same stream polled by demand: p50 {}, p95 {}, p99 {}, {} \
         miss it: what is left is the stream's own propagation. Published at the acknowledgement: \
         p50 {}, p99 {}, {} miss it.",
        p50(lambda),
        p95(lambda),
        over_goal(lambda),
        over_goal(tuned),
        p50(stream),
        p95(stream),
        p99(stream),
        over_goal(stream),
        p50(hybrid),
        p99(hybrid),
        over_goal(hybrid),
    ))
}

fn mid_batch(found: &Found<'_>) -> Option<String> {
    let counts = |case: &str| found.report("mid-batch", case)?.relay_counts;
    let (plain, bisect) = (counts("plain retry")?, counts("bisect")?);
    let partial = counts("partial failures")?;
    let (poison, bounded) = (counts("poison, Lambda's defaults")?, counts("poison, 2 retries")?);
    let told = found.cases("mid-batch").iter().map(|case| case.report.deliveries);
    let wrong: u64 = told.map(|d| d.missing + d.duplicate + d.out_of_order).sum();
    Some(format!(
        "They come again: {FAILURES} failures at the {FAILS_AT}th record of a batch replay {} \
         records with a plain retry, {} with bisect, {} with partial failures. A record that always \
         fails holds its shard for {:.1} s (as long as this run; on AWS for 24 h), or, with 2 retries, \
         throws away {} records of its batch. Gavel's watchers saw each bid once all the same: {wrong} \
         deliveries missing, repeated or out of order.",
        plain.replayed,
        bisect.replayed,
        partial.replayed,
        poison.stood_still_ms_max as f64 / 1e3,
        bounded.given_up,
    ))
}

fn shards(found: &Found<'_>) -> Option<String> {
    let of = |case: &str| Some(p50(found.report("shards", case)?));
    let mut text = format!(
        "No. p50 with 1, 4 and 16 shards: {}, {} and {} as a Lambda trigger, {}, {} and {} polled by \
         demand.",
        of("lambda, 1")?,
        of("lambda, 4")?,
        of("lambda, 16")?,
        of("stream, 1")?,
        of("stream, 4")?,
        of("stream, 16")?,
    );
    if let Some(roll) = found.report("roll", "stream") {
        let told = roll.deliveries;
        let rolled = format!(
            " A shard that rolls or splits under load costs the bids of that moment up to {}, and \
             loses none ({} missing of {}).",
            at(None, last(roll)).trim_start_matches("at most "),
            told.missing,
            told.expected
        );
        text.push_str(&rolled);
    }
    text.push_str(" Their number and the moment of a roll are AWS's own: nothing controls them.");
    Some(text)
}

fn order(found: &Found<'_>) -> Option<String> {
    let any = found.report("order", "records of a transaction in any order")?;
    let told = any.deliveries;
    Some(format!(
        "By a number that is counted in the auction's own item, in the transaction of the bid. With \
         the records of a transaction coming in any order, as AWS reserves: {} deliveries, {} out of \
         order, {} missing, {} repeated.",
        told.expected, told.out_of_order, told.missing, told.duplicate
    ))
}

fn overheads(found: &Found<'_>) -> Option<String> {
    let overheads = found.overheads?;
    let token = match overheads.token_us()? {
        us if us > 5 => format!("adds {}", time(us as u64)),
        _ => "adds less than can be measured".to_owned(),
    };
    let bid = u64::try_from(overheads.bid_us()?).unwrap_or(0);
    Some(format!(
        "A token (HS256) {token} to a request's median of {}; GraphQL, token and the rules together \
         add {} to a bid's request, against {} for the same JSON without them. That is {:.2} % of the \
         300 ms.",
        time(overheads.query.p50?),
        time(bid),
        time(overheads.plain.p50?),
        bid as f64 / 3_000.0
    ))
}

fn trace(found: &Found<'_>) -> Option<String> {
    let stream = found.report("modes", "stream, steady")?;
    let bid = stream.series.examples.first()?;
    let hops = crate::path::HOPS.iter().zip(bid.hops_us);
    let hops: Vec<String> =
        hops.map(|(hop, us)| format!("{hop} {}", time(u64::try_from(us).unwrap_or(0)))).collect();
    Some(format!(
        "Yes: every bid carries the stamps of its hops, and they add up. The median bid of the steady \
         run took {}: {}.",
        time(u64::try_from(bid.total_us).unwrap_or(0)),
        hops.join(", ")
    ))
}

fn tuning(found: &Found<'_>) -> Option<String> {
    let (one, group) =
        (found.report("tuning", "one bid a transaction")?, found.report("tuning", "group commit")?);
    let ends = |report: &Report| {
        let accepted = report.bids.accepted;
        format!("{accepted} accepted, p50 {}, p95 {}", p50(report), p95(report))
    };
    Some(format!(
        "This command does. For example, one auction at {TUNING_RATE} bids/s, 25 ms a transaction: \
         bid by bid {}; with group commit {}.",
        ends(one),
        ends(group)
    ))
}

fn why_graphql(found: &Found<'_>) -> Option<String> {
    let overheads = found.overheads?;
    let bid = u64::try_from(overheads.bid_us()?).unwrap_or(0);
    Some(format!(
        "For its contract: one schema that types every client, and a subscription protocol that \
         standard clients speak. It costs {} a request, and a delivery next to nothing: an event is \
         executed and encoded once for all watchers who asked the same.",
        time(bid)
    ))
}

/// The review's six figures are two groups: two bids up to the first, four from the second on.
const REVIEW_US: (i64, i64) = (661_000, 1_967_000);

fn review(found: &Found<'_>) -> Option<String> {
    let mut told = Vec::new();
    let mut reach = Vec::new();
    for case in found.cases("review") {
        let first = &case.report.series.first;
        let Some(range) = range(first.iter().map(|bid| bid.us)) else { continue };
        told.push(format!("{} {}", case.name, told_range(range)));
        if reaches(range) {
            let order: Vec<String> =
                first.iter().map(|bid| format!("{:.2}", bid.us as f64 / 1e6)).collect();
            reach.push(format!("{} (in order {} s)", case.name, order.join(", ")));
        }
        let whole_seconds = range_of_whole_seconds(first);
        if let Some(range) = whole_seconds.filter(|_| case.name.starts_with("cold start of 2")) {
            let name = "the same, timed from the record's creation time in whole seconds";
            told.push(format!("{name}, {}", told_range(range)));
        }
    }
    if told.is_empty() {
        return None;
    }
    let cause = match reach.as_slice() {
        [] => {
            "None of the causes tried gives both kinds of the review's figures, four from 1.97 s \
               on and two up to 0.66 s"
                .to_owned()
        }
        causes => format!(
            "The review's figures, in order, are four from 1.97 s on and then two up to 0.66 s. Of \
             the single causes tried, only these give such figures: {}",
            causes.join("; ")
        ),
    };
    Some(format!("{cause}. Written to handler, six bids each: {}.", told.join("; ")))
}

fn range(us: impl Iterator<Item = i64>) -> Option<(i64, i64)> {
    us.fold(None, |range, us| {
        let (least, most) = range.unwrap_or((us, us));
        Some((least.min(us), most.max(us)))
    })
}

fn range_of_whole_seconds(first: &[First]) -> Option<(i64, i64)> {
    range(first.iter().map(|bid| bid.us + bid.into_second_us))
}

fn told_range((least, most): (i64, i64)) -> String {
    let us = |us: i64| time(u64::try_from(us).unwrap_or(0));
    format!("{} to {}", us(least), us(most))
}

/// Bids in both of the review's groups.
fn reaches((least, most): (i64, i64)) -> bool {
    least <= REVIEW_US.0 && most >= REVIEW_US.1
}

fn last_mile(found: &Found<'_>) -> Option<String> {
    let of = |case: &str| found.report("last-mile", case);
    Some(format!(
        "p95 with a round trip of 20 ms: {} (hybrid), {} (stream); of 60 ms and jitter: {} and {}; of \
         150 ms: {} (hybrid). A mobile client pays about one round trip of its own, half on each end.",
        p95(of("hybrid, broadband")?),
        p95(of("stream, broadband")?),
        p95(of("hybrid, mobile")?),
        p95(of("stream, mobile")?),
        p95(of("hybrid, far")?),
    ))
}

fn stall(found: &Found<'_>) -> Option<String> {
    let cases = found.cases("stall");
    let of = |mode: &str| cases.iter().find(|case| case.name.starts_with(mode));
    let (stream, hybrid, lambda) = (of("stream")?, of("hybrid")?, of("lambda")?);
    let most = |case: &ShownCase| at(None, last(&case.report)).replace("at most ", "");
    let seconds = stream.name.rsplit(", ").next().unwrap_or_default();
    Some(format!(
        "With a stall of {seconds}, the latest bid comes after {} (stream), {} (hybrid), {} (as a \
         Lambda trigger), and none is lost: what the stream holds back is read from the table.",
        most(stream),
        most(hybrid),
        most(lambda)
    ))
}
