//! What a crowd costs a server, in one window.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use client_sim::measure::latency::Latency;
use serde::Serialize;
use tokio::time::sleep;

use crate::crowd::{Crowd, Speaks};
use crate::feed::Feed;
use crate::server::{Gavel, Peer};
use crate::usage;

/// Events a second where CPU a delivery is measured.
pub(crate) const RATE: f64 = 20.0;
/// A store as close as can be.
pub(crate) const CLOSE: &str = "{}";

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

    pub(crate) fn deliveries_per_second(&self) -> f64 {
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
    /// Gavel, what its watchers speak, and the feed of their auction.
    Gavel(Box<Gavel>, Speaks, Feed),
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
        Ok(Self::Gavel(Box::new(gavel), Speaks::Graphql(vec![auction_id]), feed))
    }

    /// The same, its watchers speaking AppSync's protocol.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) async fn gavel_for_appsync(rate: f64) -> anyhow::Result<Self> {
        let gavel = Gavel::start(CLOSE, &[]).await?;
        let auction_id = gavel.auction().await?;
        let feed = Feed::by_api(&gavel, &auction_id, rate)?;
        Ok(Self::Gavel(Box::new(gavel), Speaks::AppSync(vec![auction_id]), feed))
    }

    /// Gavel, its bids written straight into the store.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) async fn gavel_by_store(rate: f64, each: usize) -> anyhow::Result<Self> {
        let gavel = Gavel::start(CLOSE, &[]).await?;
        let auction_id = gavel.auction().await?;
        let feed = Feed::by_store(&gavel, &auction_id, rate, each).await?;
        Ok(Self::Gavel(Box::new(gavel), Speaks::Graphql(vec![auction_id]), feed))
    }

    /// A window of a crowd of this size.
    ///
    /// # Errors
    /// When a watcher cannot connect or is thrown out, or the events stop.
    pub(crate) async fn sample(&mut self, size: usize, time: Duration) -> anyhow::Result<Sample> {
        let (url, pid, speaks) = match self {
            Self::Peer(peer, speaks) => (peer.url().to_owned(), peer.pid()?, speaks.clone()),
            Self::Gavel(gavel, speaks, feed) => {
                feed.check()?;
                (gavel.url().to_owned(), gavel.pid()?, speaks.clone())
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

/// The median.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Everything raw, by name.
pub(crate) type Raw = BTreeMap<String, Vec<serde_json::Value>>;
