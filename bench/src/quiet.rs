//! A quiet auction beside a loud one.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{sleep, timeout};

use crate::crowd::{Crowd, Speaks};
use crate::feed::Feed;
use crate::measure::{CLOSE, Subject};
use crate::server::Gavel;

/// Bids of a transaction where an auction is loud.
const LOUD_EACH: usize = 20;
/// Events a second of the first try for the maximum.
const MAXIMUM_FROM: f64 = 500.0;
/// Watchers of the quiet one.
const QUIET_CROWD: usize = 20;
/// How much longer than their window watchers may take.
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

/// A quiet auction of 20 watchers and 5 bids/s, beside one of `crowd` watchers and `rate` events/s. Either
/// crowd is a process of its own, and the loud one gives way to every other at once (SCHED_IDLE):
/// elsewhere they have machines of their own, and what they take to read their events is not the
/// server's.
///
/// # Errors
/// When a server does not start, a watcher is thrown out, or the loud crowd is told of too little.
pub(crate) async fn quiet(crowd: usize, rate: f64, time: Duration) -> anyhow::Result<Quiet> {
    let gavel = Gavel::start(CLOSE, &[]).await?;
    let (quiet, loud) = (gavel.auction().await?, gavel.auction().await?);
    let mut feed = Feed::by_api(&gavel, &quiet, 5.0)?;
    let alone_us = watch_elsewhere(gavel.url(), &quiet, time).await?;
    let mut loud_feed = Feed::by_store(&gavel, &loud, rate, LOUD_EACH).await?;
    let loud = Loud::start(gavel.url(), &loud, crowd).await?;
    let beside_us = watch_elsewhere(gavel.url(), &quiet, time).await?;
    let told = loud.stop().await?;
    ensure!(told >= IN_TIME * rate, "the loud crowd was told of {told} of {rate} events/s");
    feed.check()?;
    loud_feed.check()?;
    Ok(Quiet { alone_us, beside_us })
}

/// [`watch`] in a process of its own.
async fn watch_elsewhere(url: &str, auction_id: &str, time: Duration) -> anyhow::Result<u64> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["quiet-watchers", url, auction_id, &time.as_millis().to_string()]);
    let output = command.kill_on_drop(true).output();
    let output = timeout(time + WATCHERS_WITHIN, output).await.context("the quiet watchers")??;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the quiet watchers: {}, {said}", output.status);
    String::from_utf8(output.stdout)?.trim().parse().context("the quiet watchers' p90")
}

/// The p90 of `deliver` of the quiet watchers, in microseconds.
///
/// # Errors
/// When they cannot connect, are thrown out, or are hardly told of anything.
pub(crate) async fn watch(url: &str, auction_id: String, time: Duration) -> anyhow::Result<u64> {
    let watchers = Crowd::connect(url, &Speaks::Graphql(vec![auction_id]), QUIET_CROWD).await?;
    watchers.wait_for_events().await?;
    watchers.take_latency();
    sleep(time).await;
    watchers.check()?;
    watchers.take_latency().percentile(90.0).context("too few deliveries")
}

/// The process of [`watch_loud`].
struct Loud {
    process: Child,
    said: Lines<BufReader<ChildStdout>>,
}

impl Loud {
    /// Starts it, and waits until all its watchers are told.
    async fn start(url: &str, auction_id: &str, crowd: usize) -> anyhow::Result<Self> {
        // A niced process would keep its core for the rest of its slice.
        let mut command = Command::new("chrt");
        command.args(["--idle", "0"]).arg(std::env::current_exe()?);
        command.args(["loud-watchers", url, auction_id, &crowd.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().context("chrt (of util-linux)")?;
        let stdout = process.stdout.take().context("its output is taken")?;
        let mut said = BufReader::new(stdout).lines();
        let ready = timeout(WATCHERS_WITHIN, said.next_line()).await.context("loud watchers")??;
        ensure!(ready.is_some(), "the loud watchers have ended");
        Ok(Self { process, said })
    }

    /// Ends it; the events a second that each watcher was told of.
    async fn stop(mut self) -> anyhow::Result<f64> {
        drop(self.process.stdin.take());
        let told =
            timeout(WATCHERS_WITHIN, self.said.next_line()).await.context("loud watchers")??;
        told.context("the loud watchers have ended")?.parse().context("what they were told of")
    }
}

/// Watches a loud auction until standard input ends; says when all are told of something, and in the end
/// how many events a second each was told of.
///
/// # Errors
/// When they cannot connect, are thrown out, or are not told of anything.
pub(crate) async fn watch_loud(url: &str, auction_id: String, crowd: usize) -> anyhow::Result<()> {
    let watchers = Crowd::connect(url, &Speaks::Graphql(vec![auction_id]), crowd).await?;
    watchers.wait_for_events().await?;
    println!("ready");
    let (since, before) = (Instant::now(), watchers.frames());
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    watchers.check()?;
    let told = (watchers.frames() - before) as f64 / crowd as f64;
    println!("{}", told / since.elapsed().as_secs_f64());
    Ok(())
}
