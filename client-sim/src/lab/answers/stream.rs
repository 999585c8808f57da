//! How the stream and its handlers affect bids.

use super::{Finding, Found, last, longest, p50, wrong};
use crate::lab::catalogue::{FAILS_AT, FAILURES};
use crate::output::report::Report;

pub(super) fn mid_batch(found: &Found<'_>) -> Option<Finding> {
    let counts = |case: &str| found.report("mid-batch", case)?.relay_counts;
    let (plain, bisect) = (counts("plain retry")?, counts("bisect")?);
    let partial = counts("partial failures")?;
    let (poison, bounded) = (counts("poison, Lambda's defaults")?, counts("poison, 2 retries")?);
    let (wrong, all) = wrong(found.cases("mid-batch").iter().map(|case| &case.report));
    let again = match plain.replayed {
        0 => "They do not come again with a plain retry".to_owned(),
        n => format!("They come again: {n} records are processed twice with a plain retry"),
    };
    let watchers = match wrong {
        0 => "watchers see each bid once all the same".to_owned(),
        n => format!(
            "and watchers see it: {n} of {all} deliveries are missing, repeated or disordered"
        ),
    };
    Some(Finding {
        short: format!("{again}; {watchers}."),
        details: format!(
            "{FAILURES} failures at the {FAILS_AT}th record of a batch replay {} records with a plain \
             retry, {} with bisect, {} with partial failures. A record that always fails holds its \
             shard for {:.1} s of this run (on AWS until retention ends, 24 h), or, with 2 retries, \
             throws away {} records of its batch. {wrong} of {all} deliveries to watchers are missing, \
             repeated or out of order.",
            plain.replayed,
            bisect.replayed,
            partial.replayed,
            poison.stood_still_ms_max as f64 / 1e3,
            bounded.given_up,
        ),
    })
}

/// Medians that differ by a smaller factor count as equal.
const NOISE: f64 = 1.15;

pub(super) fn shards(found: &Found<'_>) -> Option<Finding> {
    let of = |case: &str| found.report("shards", case);
    let mut lags = Vec::new();
    let mut told = Vec::new();
    for relay in ["lambda", "stream"] {
        let [one, four, many] = [
            of(&format!("{relay}, 1"))?,
            of(&format!("{relay}, 4"))?,
            of(&format!("{relay}, 16"))?,
        ];
        let median = |report: &Report| last(report).p50.or(last(report).max);
        let ratio = median(many)? as f64 / median(one)?.max(1) as f64;
        if ratio > NOISE {
            lags.push(format!("{ratio:.1} times ({relay})"));
        }
        told.push(format!("{relay}: {}, {} and {}", p50(one), p50(four), p50(many)));
    }
    let short = if lags.is_empty() {
        format!("No: 16 shards are at most {:.0} % slower than 1 at p50.", 100.0 * (NOISE - 1.0))
    } else {
        format!("Yes: 16 shards take {} the p50 of 1.", lags.join(" and "))
    };
    let mut details = format!("p50 with 1, 4 and 16 shards, {}.", told.join("; "));
    if let Some(roll) = found.report("roll", "stream") {
        let deliveries = roll.deliveries;
        let rolled = format!(
            " A shard that rolls or splits under load costs the bids of that moment up to {}; {} of {} \
             deliveries are missing.",
            longest(roll),
            deliveries.missing,
            deliveries.expected
        );
        details.push_str(&rolled);
    }
    details
        .push_str(" Their number and the moment of a roll are AWS's own: nothing controls them.");
    Some(Finding { short, details })
}

pub(super) fn order(found: &Found<'_>) -> Option<Finding> {
    let any = found.report("order", "records of a transaction in any order")?;
    let told = any.deliveries;
    let (wrong, all) = wrong(std::iter::once(any));
    let held = if wrong == 0 && all > 0 { "It holds" } else { "It does not hold" };
    Some(Finding {
        short: format!(
            "By a number that is counted in the auction's own item, in the transaction of the bid. \
             {held}: {} of {all} deliveries are out of order.",
            told.out_of_order
        ),
        details: format!(
            "The records of a transaction came in any order, as AWS reserves; {} deliveries were \
             missing, {} repeated.",
            told.missing, told.duplicate
        ),
    })
}
