//! What bids cost, and how many one auction takes.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use dynamodb_emulator::Behaviour;
use serde::Serialize;

use crate::crowd::{Crowd, Speaks};
use crate::feed;
use crate::measure::CLOSE;
use crate::server::Gavel;
use crate::usage;

/// CPU of single requests, one after the other, in microseconds of user and system time each.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct BidCpu {
    /// A query of one field: HTTP and GraphQL.
    pub(crate) query: f64,
    /// A bid that is refused at once: the same, a larger document, a token, and the lane.
    pub(crate) refused: f64,
    /// A bid that is accepted: the same, and the SDK.
    pub(crate) accepted: f64,
    /// What the store's process used for that.
    pub(crate) store: f64,
}

/// Breaks the CPU of a bid down.
///
/// # Errors
/// When a request is not answered as it should be.
pub(crate) async fn bid_cpu(requests: u64) -> anyhow::Result<BidCpu> {
    let gavel = Gavel::start(CLOSE, &[]).await?;
    let id = gavel.auction().await?;
    feed::offer(&gavel, &id, 200.0, Duration::from_secs(1)).await?;
    let token = gavel.token("sim-bidder-1", "bidder")?;
    let (pid, store_pid) = (gavel.pid()?, gavel.store_pid()?);
    let each = |before: Duration, after: Duration| {
        after.saturating_sub(before).as_micros() as f64 / requests as f64
    };
    let before = usage::cpu(pid)?;
    for _ in 0..requests {
        gavel.api().clock_once(&token).await?;
    }
    let query = each(before, usage::cpu(pid)?);
    let before = usage::cpu(pid)?;
    for _ in 0..requests {
        feed::one(&gavel, &id, 1).await?;
    }
    let refused = each(before, usage::cpu(pid)?);
    let (before, store_before) = (usage::cpu(pid)?, usage::cpu(store_pid)?);
    for number in 0..requests {
        feed::one(&gavel, &id, 1_000_000 + number * 100).await?;
    }
    let (after, store_after) = (usage::cpu(pid)?, usage::cpu(store_pid)?);
    Ok(BidCpu {
        query,
        refused,
        accepted: each(before, after),
        store: each(store_before, store_after),
    })
}

/// CPU of an accepted bid, in microseconds, among so many auctions that are watched: flat, unless
/// something looks at all of them.
///
/// # Errors
/// When a request is not answered as it should be.
pub(crate) async fn bid_among_auctions(auctions: usize, bids: u64) -> anyhow::Result<f64> {
    let gavel = Gavel::start(CLOSE, &[]).await?;
    let mut ids = Vec::with_capacity(auctions);
    while ids.len() < auctions {
        ids.push(gavel.auction().await?);
    }
    let crowd = Crowd::connect(gavel.url(), &Speaks::Graphql(ids.clone()), auctions).await?;
    let (first, pid) = (ids.first().context("an auction")?, gavel.pid()?);
    // What is allocated once, is.
    for number in 1..=bids {
        feed::one(&gavel, first, number * 100).await?;
    }
    let before = usage::cpu(pid)?;
    for number in bids + 1..=2 * bids {
        feed::one(&gavel, first, number * 100).await?;
    }
    let used = usage::cpu(pid)?.saturating_sub(before);
    crowd.check()?;
    Ok(used.as_micros() as f64 / bids as f64)
}

/// CPU of an accepted bid, in microseconds, on an auction that has had so many bids before.
///
/// # Errors
/// When a request is not answered as it should be.
pub(crate) async fn bid_after_bids(before: u64, bids: u64) -> anyhow::Result<f64> {
    let gavel = Gavel::start(CLOSE, &[]).await?;
    let (id, other) = (gavel.auction().await?, gavel.auction().await?);
    feed::offer(&gavel, &other, 200.0, Duration::from_secs(1)).await?;
    let written = feed::write(&gavel, &id, before).await?;
    let crowd = Crowd::connect(gavel.url(), &Speaks::Graphql(vec![id.clone()]), 1).await?;
    let pid = gavel.pid()?;
    // The relay is still reading what was written: some 10 us per record.
    usage::wait_for_rest(pid).await?;
    let from = usage::cpu(pid)?;
    for number in written + 1..=written + bids {
        feed::one(&gavel, &id, number * 100).await?;
    }
    let used = usage::cpu(pid)?.saturating_sub(from);
    crowd.check()?;
    Ok(used.as_micros() as f64 / bids as f64)
}

/// One hot auction on the published latencies of AWS.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Hot {
    /// Bids offered a second.
    pub(crate) offered: f64,
    /// Decided a second.
    pub(crate) decided_per_second: f64,
    /// Of these, accepted.
    pub(crate) accepted: u64,
    /// Turned away undecided.
    pub(crate) failed: u64,
    /// From sending to the answer.
    pub(crate) p50_us: Option<u64>,
    /// The same.
    pub(crate) p99_us: Option<u64>,
}

/// Offers bids to one auction on a store that behaves so, so many in a transaction at most.
///
/// # Errors
/// When the servers do not start.
pub(crate) async fn hot(
    behaviour: &Behaviour,
    rate: f64,
    group_max: usize,
    time: Duration,
) -> anyhow::Result<Hot> {
    let behaviour = serde_json::to_string(behaviour)?;
    let flag = format!("--group-commit-max={group_max}");
    let gavel = Gavel::start(&behaviour, &[&flag]).await?;
    let auction_id = gavel.auction().await?;
    let started = Instant::now();
    let decided = feed::offer(&gavel, &auction_id, rate, time).await?;
    let seconds = started.elapsed().as_secs_f64();
    gavel.stop().await.context("after a hot auction")?;
    Ok(Hot {
        offered: rate,
        decided_per_second: (decided.accepted + decided.refused) as f64 / seconds,
        accepted: decided.accepted,
        failed: decided.failed,
        p50_us: decided.latency.percentile(50.0),
        p99_us: decided.latency.percentile(99.0).or(decided.latency.max()),
    })
}
