//! A quiet auction beside a loud one.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Serialize;
use tokio::time::sleep;

use crate::crowd::{Crowd, Speaks};
use crate::feed::Feed;
use crate::measure::{CLOSE, Subject};
use crate::server::Gavel;

/// Bids of a transaction where an auction is loud.
const LOUD_EACH: usize = 20;
/// Events a second of the first try for the maximum.
const MAXIMUM_FROM: f64 = 500.0;
/// What of the events offered must have arrived.
const IN_TIME: f64 = 0.95;

/// The `deliver` of a quiet auction: alone, and beside a loud one.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Quiet {
    /// p90 alone.
    pub(crate) alone_us: u64,
    /// p90 beside the loud one.
    pub(crate) beside_us: u64,
}

/// The most events a second that reach a crowd of one auction in time, nobody thrown out: each try
/// offers half as many again. With all clients on the same machine.
///
/// # Errors
/// When a server does not start, or the first try is too much.
pub(crate) async fn maximum(crowd: usize, time: Duration) -> anyhow::Result<f64> {
    let (mut most, mut rate) = (0.0, MAXIMUM_FROM);
    loop {
        let mut gavel = Subject::gavel_by_store(rate, LOUD_EACH).await?;
        let sampled = gavel.sample(crowd, time).await;
        let reached = match &sampled {
            Ok(sample) => sample.deliveries_per_second() / crowd as f64,
            Err(_) => 0.0,
        };
        if reached < IN_TIME * rate {
            ensure!(most > 0.0, "{rate} events/s are too much: {reached}, {:?}", sampled.err());
            return Ok(most);
        }
        (most, rate) = (reached, rate * 1.5);
    }
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
    let mut loud_feed = Feed::by_store(&gavel, &loud, rate, LOUD_EACH).await?;
    let loud = Crowd::connect(gavel.url(), &Speaks::Graphql(vec![loud]), crowd).await?;
    loud.wait_for_events().await?;
    let beside_us = p90(&watchers).await?;
    loud.check()?;
    feed.check()?;
    loud_feed.check()?;
    Ok(Quiet { alone_us, beside_us })
}
