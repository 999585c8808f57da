//! The cost of parts of the service, and the gain from changing one.

use super::{Finding, Found, last, p50, p95};
use crate::lab::catalogue::TUNING_RATE;
use crate::units::time;

pub(super) fn overheads(found: &Found<'_>) -> Option<Finding> {
    let overheads = found.overheads?;
    let token = match overheads.token_us()? {
        us if us > 5 => format!("adds {}", time(us as u64)),
        _ => "adds less than can be measured".to_owned(),
    };
    let bid = u64::try_from(overheads.bid_us()?).unwrap_or(0);
    Some(Finding {
        short: format!(
            "{} a bid, {:.2} % of the 300 ms: GraphQL, token and rules together.",
            time(bid),
            bid as f64 / 3_000.0
        ),
        details: format!(
            "A token (HS256) {token} to a request's median of {}; the same JSON without GraphQL and \
             token takes {}.",
            time(overheads.query.p50?),
            time(overheads.plain.p50?),
        ),
    })
}

pub(super) fn trace(found: &Found<'_>) -> Option<Finding> {
    let stream = found.report("modes", "stream, steady")?;
    let examples = &stream.series.examples;
    let bid = examples.first()?;
    let adds_up = examples.iter().all(|bid| bid.hops_us.iter().sum::<i64>() == bid.total_us);
    let hops = crate::measure::path::HOPS.iter().zip(bid.hops_us);
    let hops: Vec<String> =
        hops.map(|(hop, us)| format!("{hop} {}", time(u64::try_from(us).unwrap_or(0)))).collect();
    let total = time(u64::try_from(bid.total_us).unwrap_or(0));
    let short = if adds_up {
        format!("Yes: the hops of a bid add up to its {total}.")
    } else {
        format!("No: the hops of a bid do not add up to its {total}.")
    };
    Some(Finding {
        short,
        details: format!("The median bid of the steady run: {}.", hops.join(", ")),
    })
}

pub(super) fn tuning(found: &Found<'_>) -> Option<Finding> {
    let (one, group) =
        (found.report("tuning", "one bid a transaction")?, found.report("tuning", "group commit")?);
    let (before, after) = (last(one).p50.or(last(one).max)?, last(group).p50.or(last(group).max)?);
    let gain = if after < before {
        format!("Yes: group commit takes {} off the median", time(before - after))
    } else {
        format!(
            "Yes, and this change gains nothing: group commit adds {} to the median",
            time(after - before)
        )
    };
    let ends = |report: &crate::output::report::Report| {
        let accepted = report.bids.accepted;
        format!("{accepted} accepted, p50 {}, p95 {}", p50(report), p95(report))
    };
    Some(Finding {
        short: format!("{gain} of an auction that gets {TUNING_RATE} bids/s."),
        details: format!(
            "25 ms per transaction. One bid per transaction: {}; with group commit: {}.",
            ends(one),
            ends(group)
        ),
    })
}

pub(super) fn why_graphql(found: &Found<'_>) -> Option<Finding> {
    let overheads = found.overheads?;
    let bid = u64::try_from(overheads.bid_us()?).unwrap_or(0);
    Some(Finding {
        short: format!(
            "For its contract: one schema that types every client, and a subscription protocol that \
             standard clients speak. It costs {} a request.",
            time(bid)
        ),
        details: "An event is executed and encoded once for all watchers who asked the same."
            .to_owned(),
    })
}
