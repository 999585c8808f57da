//! How the relays reach watchers.

use super::{Finding, Found, holds_goal, last, longest, over_goal, p50, p95, p99, percent, wrong};
use crate::output::report::Report;

pub(super) fn deployed(found: &Found<'_>) -> Option<Finding> {
    let cases = found.cases("deployed");
    let missed: Vec<&str> = cases
        .iter()
        .filter(|case| !holds_goal(&case.report))
        .map(|case| case.name.as_str())
        .collect();
    let worst = cases.iter().map(|case| over_goal(&case.report)).reduce(f64::max)?;
    let short = if missed.is_empty() {
        format!("Yes: at most {} of the bids of a kind of traffic miss it.", percent(worst))
    } else {
        format!("No: {} misses it, for up to {} of the bids.", missed.join(", "), percent(worst))
    };
    let line = |name: &str, report: &Report| {
        format!(
            "{name}: p50 {}, p95 {}, p99 {}, {} over 300 ms",
            p50(report),
            p95(report),
            p99(report),
            percent(over_goal(report))
        )
    };
    let details: Vec<String> = cases.iter().map(|case| line(&case.name, &case.report)).collect();
    Some(Finding { short, details: format!("{}.", details.join("; ")) })
}

/// Whether the trigger's poll defeats the goal: it misses the goal, while the same stream, polled
/// on demand, misses it for less than half as many bids.
pub(super) fn poll(found: &Found<'_>) -> Option<Finding> {
    let of = |mode: &str| found.report("modes", &format!("{mode}, steady"));
    let (lambda, tuned) = (of("lambda")?, of("lambda tuned")?);
    let (stream, hybrid) = (of("stream")?, of("hybrid")?);
    let (by_trigger, by_demand) = (over_goal(lambda), over_goal(stream));
    let shares = format!(
        "behind a trigger {} of the bids take 300 ms or longer, polled by demand {}",
        percent(by_trigger),
        percent(by_demand)
    );
    let short = if holds_goal(lambda) {
        format!("No: {shares}.")
    } else if by_demand * 2.0 < by_trigger {
        format!("Yes: {shares}.")
    } else {
        format!("Not the poll alone: {shares}.")
    };
    let line = |name: &str, report: &Report| {
        let word = if holds_goal(report) { "held" } else { "missed" };
        format!(
            "{name}: p50 {}, p95 {}, p99 {}, {} over 300 ms, goal {word}",
            p50(report),
            p95(report),
            p99(report),
            percent(over_goal(report))
        )
    };
    let details = [
        line("Lambda trigger, defaults", lambda),
        line("tuned", tuned),
        line("stream by demand", stream),
        line("hybrid, published at the acknowledgement", hybrid),
    ];
    let details = format!("Client to last client, steady traffic. {}.", details.join("; "));
    Some(Finding { short, details })
}

pub(super) fn last_mile(found: &Found<'_>) -> Option<Finding> {
    let of = |case: &str| found.report("last-mile", case);
    let cases = [
        ("a round trip of 20 ms (home)", "hybrid, broadband"),
        ("60 ms and jitter (a phone)", "hybrid, mobile"),
        ("150 ms (another continent)", "hybrid, far"),
    ];
    let mut fits = Vec::new();
    let mut too_far = Vec::new();
    for (name, case) in cases {
        let report = of(case)?;
        let within = last(report).p95.or(last(report).max).is_some_and(|us| us < 300_000);
        let told = format!("{name}: {}", p95(report));
        if within { fits.push(told) } else { too_far.push(told) }
    }
    let short = match (fits.is_empty(), too_far.is_empty()) {
        (false, true) => format!("Enough for each, in hybrid mode, at p95: {}.", fits.join("; ")),
        (true, _) => format!("Too little for any, even in hybrid mode: {}.", too_far.join("; ")),
        (false, false) => {
            format!(
                "In hybrid mode enough for {}; too little for {}.",
                fits.join("; "),
                too_far.join("; ")
            )
        }
    };
    let details = format!(
        "p95 in stream mode: {} (home), {} (a phone).",
        p95(of("stream, broadband")?),
        p95(of("stream, mobile")?)
    );
    Some(Finding { short, details })
}

pub(super) fn stall(found: &Found<'_>) -> Option<Finding> {
    let cases = found.cases("stall");
    let of = |mode: &str| cases.iter().find(|case| case.name.starts_with(mode));
    let (stream, hybrid, lambda) = (of("stream")?, of("hybrid")?, of("lambda")?);
    let seconds = stream.name.rsplit(", ").next().unwrap_or_default();
    let (wrong, all) = wrong(cases.iter().map(|case| &case.report));
    let lost = if wrong == 0 {
        format!("none of {all} deliveries is lost, repeated or out of order")
    } else {
        format!("{wrong} of {all} deliveries are lost, repeated or out of order")
    };
    Some(Finding {
        short: format!(
            "With a stall of {seconds}, the latest bid comes after {} (hybrid); {lost}.",
            longest(&hybrid.report)
        ),
        details: format!(
            "The latest bid in stream mode: after {}, read from the table; behind a Lambda trigger: \
             after {}.",
            longest(&stream.report),
            longest(&lambda.report)
        ),
    })
}
