//! The measurements.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use client_sim::latency::Latency;
use dynamodb_emulator::Behaviour;
use serde::Serialize;
use tokio::time::sleep;

use crate::crowd::{Crowd, Speaks};
use crate::feed::{self, Feed};
use crate::server::{Gavel, Peer};
use crate::usage;

/// Events a second where CPU a delivery is measured.
pub(crate) const RATE: f64 = 20.0;
/// Connections whose memory is measured.
const MEMORY_SOCKETS: usize = 1_000;
/// A store as close as can be.
const CLOSE: &str = "{}";

/// What one window of one crowd has cost.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Sample {
    /// Server CPU, user and system, in microseconds.
    pub(crate) cpu_us: u64,
    /// Deliveries.
    pub(crate) deliveries: u64,
    /// The window, in microseconds.
    pub(crate) window_us: u64,
    /// Published to received, in microseconds.
    pub(crate) p50_us: Option<u64>,
    /// The same.
    pub(crate) p99_us: Option<u64>,
}

impl Sample {
    /// CPU a second.
    fn cpu_share(&self) -> f64 {
        self.cpu_us as f64 / self.window_us as f64
    }

    fn deliveries_per_second(&self) -> f64 {
        self.deliveries as f64 * 1e6 / self.window_us as f64
    }
}

/// CPU of the deliveries that a crowd has more than one watcher has, in microseconds each.
pub(crate) fn marginal_us(one: &Sample, crowd: &Sample) -> f64 {
    let cpu = crowd.cpu_share() - one.cpu_share();
    1e6 * cpu / (crowd.deliveries_per_second() - one.deliveries_per_second())
}

/// Watches a crowd for a window.
async fn window(crowd: &Crowd, pid: u32, time: Duration) -> anyhow::Result<Sample> {
    crowd.wait_for_events().await?;
    crowd.take_latency();
    let (cpu, frames, started) = (usage::cpu(pid)?, crowd.frames(), Instant::now());
    sleep(time).await;
    let used = usage::cpu(pid)?.saturating_sub(cpu);
    let (deliveries, window) = (crowd.frames() - frames, started.elapsed());
    crowd.check()?;
    let latency: Latency = crowd.take_latency();
    Ok(Sample {
        cpu_us: used.as_micros() as u64,
        deliveries,
        window_us: window.as_micros() as u64,
        p50_us: latency.percentile(50.0),
        p99_us: latency.percentile(99.0),
    })
}

/// A server with what its watchers speak.
pub(crate) enum Subject {
    /// A floor or a peer.
    Peer(Peer, Speaks),
    /// Gavel, and one auction of it that is fed.
    Gavel(Box<Gavel>, String, Feed),
}

impl Subject {
    /// The raw floor.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) async fn floor(rate: f64) -> anyhow::Result<Self> {
        let peer = Peer::own(&["floor", &rate.to_string()]).await?;
        Ok(Self::Peer(peer, Speaks::Nothing))
    }

    /// async-graphql's own socket server.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) async fn stock(rate: f64) -> anyhow::Result<Self> {
        let peer = Peer::own(&["stock", &rate.to_string()]).await?;
        Ok(Self::Peer(peer, Speaks::Graphql(vec!["1".to_owned()])))
    }

    /// graphql-ws on Node.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) async fn node(directory: &Path, rate: f64) -> anyhow::Result<Self> {
        let peer = Peer::node(directory, rate).await?;
        Ok(Self::Peer(peer, Speaks::Graphql(vec!["1".to_owned()])))
    }

    /// Gavel, its bids through the API: the whole path.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) async fn gavel(rate: f64) -> anyhow::Result<Self> {
        let gavel = Gavel::start(CLOSE, &[]).await?;
        let auction_id = gavel.auction().await?;
        let feed = Feed::by_api(&gavel, &auction_id, rate)?;
        Ok(Self::Gavel(Box::new(gavel), auction_id, feed))
    }

    /// Gavel, its bids written straight into the store.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) async fn gavel_by_store(rate: f64, each: usize) -> anyhow::Result<Self> {
        let gavel = Gavel::start(CLOSE, &[]).await?;
        let auction_id = gavel.auction().await?;
        let feed = Feed::by_store(&gavel, &auction_id, rate, each).await?;
        Ok(Self::Gavel(Box::new(gavel), auction_id, feed))
    }

    /// A window of a crowd of this size.
    ///
    /// # Errors
    /// When a watcher cannot connect or is thrown out, or the events stop.
    pub(crate) async fn sample(&mut self, size: usize, time: Duration) -> anyhow::Result<Sample> {
        let (url, pid, speaks) = match self {
            Self::Peer(peer, speaks) => (peer.url().to_owned(), peer.pid()?, speaks.clone()),
            Self::Gavel(gavel, auction_id, feed) => {
                feed.check()?;
                let speaks = Speaks::Graphql(vec![auction_id.clone()]);
                (gavel.url().to_owned(), gavel.pid()?, speaks)
            }
        };
        let crowd = Crowd::connect(&url, &speaks, size).await?;
        let sample = window(&crowd, pid, time).await?;
        drop(crowd);
        // The server sees them off outside of any window.
        sleep(Duration::from_millis(300)).await;
        Ok(sample)
    }
}

/// Memory of the server's process, in KiB each.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Memory {
    /// A connection after connection_init.
    pub(crate) idle: f64,
    /// A connection with a subscription that is told of events.
    pub(crate) subscribed: f64,
    /// A topic with its group, beside its one watcher's connection.
    pub(crate) topic: f64,
    /// An auction's lane that has just had a bid.
    pub(crate) lane: f64,
}

/// Measures memory, each on a fresh server.
///
/// # Errors
/// When a watcher cannot connect.
pub(crate) async fn memory() -> anyhow::Result<Memory> {
    let idle = memory_of_sockets(1, |_| Speaks::Idle).await?;
    let subscribed = memory_of_sockets(1, |ids| Speaks::Graphql(ids.to_vec())).await?;
    let with_topic = memory_of_sockets(MEMORY_SOCKETS, |ids| Speaks::Graphql(ids.to_vec())).await?;
    let topic = (with_topic - subscribed).max(0.0);
    Ok(Memory { idle, subscribed, topic, lane: memory_of_lanes().await? })
}

/// KiB a connection, with so many auctions between them.
async fn memory_of_sockets(
    auctions: usize,
    speaks: impl Fn(&[String]) -> Speaks,
) -> anyhow::Result<f64> {
    let gavel = Gavel::start(CLOSE, &[]).await?;
    let loud = gavel.auction().await?;
    let mut ids = vec![loud.clone()];
    while ids.len() < auctions {
        ids.push(gavel.auction().await?);
    }
    let mut feed = Feed::by_api(&gavel, &loud, 5.0)?;
    // What is allocated once, is.
    let few = Crowd::connect(gavel.url(), &Speaks::Graphql(vec![loud]), 20).await?;
    few.wait_for_events().await?;
    let before = usage::resident_kb(gavel.pid()?)?;
    let crowd = Crowd::connect(gavel.url(), &speaks(&ids), MEMORY_SOCKETS).await?;
    sleep(Duration::from_secs(3)).await;
    let after = usage::resident_kb(gavel.pid()?)?;
    crowd.check()?;
    feed.check()?;
    Ok(after.saturating_sub(before) as f64 / MEMORY_SOCKETS as f64)
}

/// KiB a lane.
async fn memory_of_lanes() -> anyhow::Result<f64> {
    let gavel = Gavel::start(CLOSE, &[]).await?;
    let mut ids = Vec::with_capacity(MEMORY_SOCKETS);
    while ids.len() < MEMORY_SOCKETS {
        ids.push(gavel.auction().await?);
    }
    let fed = gavel.auction().await?;
    feed::offer(&gavel, &fed, 100.0, Duration::from_secs(2)).await?;
    let before = usage::resident_kb(gavel.pid()?)?;
    for id in &ids {
        feed::one(&gavel, id, 100).await?;
    }
    let after = usage::resident_kb(gavel.pid()?)?;
    Ok(after.saturating_sub(before) as f64 / MEMORY_SOCKETS as f64)
}

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

/// Offers bids to one auction, so many in a transaction at most.
///
/// # Errors
/// When the servers do not start.
pub(crate) async fn hot(rate: f64, group_max: usize, time: Duration) -> anyhow::Result<Hot> {
    let behaviour = serde_json::to_string(&Behaviour::aws_like())?;
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

/// The `deliver` of a quiet auction: alone, and beside a loud one.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Quiet {
    /// p90 alone.
    pub(crate) alone_us: u64,
    /// p90 beside the loud one.
    pub(crate) beside_us: u64,
}

/// A quiet auction of 20 watchers and 5 bids/s, beside one of `crowd` watchers and `rate` events/s.
///
/// # Errors
/// When a server does not start or a watcher is thrown out.
pub(crate) async fn quiet(crowd: usize, rate: f64, time: Duration) -> anyhow::Result<Quiet> {
    let gavel = Gavel::start(CLOSE, &[]).await?;
    let (quiet, loud) = (gavel.auction().await?, gavel.auction().await?);
    let mut feed = Feed::by_api(&gavel, &quiet, 5.0)?;
    let watchers = Crowd::connect(gavel.url(), &Speaks::Graphql(vec![quiet]), 20).await?;
    watchers.wait_for_events().await?;
    let p90 = async |crowd: &Crowd| {
        crowd.take_latency();
        sleep(time).await;
        crowd.check()?;
        crowd.take_latency().percentile(90.0).context("too few deliveries")
    };
    let alone_us = p90(&watchers).await?;
    let mut loud_feed = Feed::by_store(&gavel, &loud, rate, 10).await?;
    let loud = Crowd::connect(gavel.url(), &Speaks::Graphql(vec![loud]), crowd).await?;
    loud.wait_for_events().await?;
    let beside_us = p90(&watchers).await?;
    loud.check()?;
    feed.check()?;
    loud_feed.check()?;
    Ok(Quiet { alone_us, beside_us })
}

/// The median.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Everything raw, by name.
pub(crate) type Raw = BTreeMap<String, Vec<serde_json::Value>>;
