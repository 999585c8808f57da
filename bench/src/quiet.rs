//! A quiet auction beside a loud one.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Serialize;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use crate::crowd::{Crowd, Speaks};
use crate::feed::Feed;
use crate::measure::{CLOSE, Subject};
use crate::server::Gavel;

/// Bids of a transaction where an auction is loud.
const LOUD_EACH: usize = 20;
/// Events a second of the first try for the maximum.
const MAXIMUM_FROM: f64 = 500.0;
/// How much longer than their window the quiet watchers may take.
const WATCHERS_WITHIN: Duration = Duration::from_secs(40);
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

/// A quiet auction of 20 watchers and 5 bids/s, beside one of `crowd` watchers and `rate` events/s. The
/// quiet watchers are a process of their own, as they are elsewhere: else what the loud crowd takes to
/// read its own events would be counted.
///
/// # Errors
/// When a server does not start or a watcher is thrown out.
pub(crate) async fn quiet(crowd: usize, rate: f64, time: Duration) -> anyhow::Result<Quiet> {
    let gavel = Gavel::start(CLOSE, &[]).await?;
    let (quiet, loud) = (gavel.auction().await?, gavel.auction().await?);
    let mut feed = Feed::by_api(&gavel, &quiet, 5.0)?;
    let alone_us = watch_elsewhere(gavel.url(), &quiet, time).await?;
    let mut loud_feed = Feed::by_store(&gavel, &loud, rate, LOUD_EACH).await?;
    let loud = Crowd::connect(gavel.url(), &Speaks::Graphql(vec![loud]), crowd).await?;
    loud.wait_for_events().await?;
    let beside_us = watch_elsewhere(gavel.url(), &quiet, time).await?;
    loud.check()?;
    feed.check()?;
    loud_feed.check()?;
    Ok(Quiet { alone_us, beside_us })
}

/// [`watch`] in a process of its own.
async fn watch_elsewhere(url: &str, auction_id: &str, time: Duration) -> anyhow::Result<u64> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["quiet-watchers", url, auction_id, &time.as_millis().to_string()]);
    let output = command.stderr(Stdio::inherit()).kill_on_drop(true).output();
    let output = timeout(time + WATCHERS_WITHIN, output).await.context("the quiet watchers")??;
    ensure!(output.status.success(), "the quiet watchers ended with {}", output.status);
    String::from_utf8(output.stdout)?.trim().parse().context("the quiet watchers' p90")
}

/// The p90 of `deliver` of 20 watchers, in microseconds.
///
/// # Errors
/// When they cannot connect, are thrown out, or are hardly told of anything.
pub(crate) async fn watch(url: &str, auction_id: String, time: Duration) -> anyhow::Result<u64> {
    let watchers = Crowd::connect(url, &Speaks::Graphql(vec![auction_id]), 20).await?;
    watchers.wait_for_events().await?;
    watchers.take_latency();
    sleep(time).await;
    watchers.check()?;
    watchers.take_latency().percentile(90.0).context("too few deliveries")
}
