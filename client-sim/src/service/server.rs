//! The service as a child process, which `run` measures when no `--url` is given; and the store as
//! one, if faults must survive the service.

use std::ffi::OsString;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::{Context as _, anyhow};
use axum::serve::ListenerExt as _;
use clap::Parser;
use dynamodb_emulator::{Emulator, Options};
use gavel_server::config::Args;
pub use gavel_server::config::Switch;
pub use gavel_server::config::command_line::take_negative_numbers;
pub use gavel_server::version::{COMMIT, VERSION};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

pub use crate::service::process::ReadyLine;
use crate::service::process::{Process, parent_gone, say};

const SECRET_VARIABLE: &str = "GAVEL_JWT_SECRET";
const BEHAVIOUR_VARIABLE: &str = "SIM_STORE_BEHAVIOUR";

/// What a service prints at its end: the counts of its relay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RelayCounts {
    /// GetRecords calls that answered.
    pub polls: u64,
    /// Of these, calls without a record.
    pub empty_polls: u64,
    /// Records read.
    pub records: u64,
    /// With `--relay lambda`: invocations of the handler.
    pub invocations: u64,
    /// Of these, cold starts.
    pub cold_starts: u64,
    /// Invocations that failed, completely or partially.
    pub failed: u64,
    /// Records that the handler processed, including repeats.
    pub handled: u64,
    /// Of these, records that it had processed before.
    pub replayed: u64,
    /// Records that the mapping gave up on.
    pub given_up: u64,
    /// The longest time that a shard made no progress, in milliseconds.
    pub stood_still_ms_max: u64,
}

/// A service that this process has started.
#[derive(Debug)]
pub struct Server {
    process: Process,
    flags: Vec<String>,
    quiet: bool,
    /// The secret that its tokens are signed with.
    pub secret: String,
}

impl Server {
    /// Starts a service on a free port, with the embedded DynamoDB unless the flags say otherwise;
    /// `quiet`: without a log, unless RUST_LOG asks for one.
    ///
    /// # Errors
    /// When it does not start; the service itself says why on standard error.
    pub async fn start(flags: &[String], quiet: bool) -> anyhow::Result<Self> {
        let secret = format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
        Self::with_secret(secret, flags, quiet).await
    }

    /// Starts a service whose tokens are signed with this secret.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn with_secret(
        secret: String,
        flags: &[String],
        quiet: bool,
    ) -> anyhow::Result<Self> {
        let process = Self::spawn("127.0.0.1:0", flags, &secret, quiet).await?;
        Ok(Self { process, flags: flags.to_vec(), quiet, secret })
    }

    async fn spawn(
        listen: &str,
        flags: &[String],
        secret: &str,
        quiet: bool,
    ) -> anyhow::Result<Process> {
        let mut arguments = vec!["serve".to_owned(), "--listen".to_owned(), listen.to_owned()];
        arguments.extend_from_slice(flags);
        Process::start(&arguments, (SECRET_VARIABLE, secret), quiet).await.context("the service")
    }

    /// The URL of the service.
    pub fn url(&self) -> &str {
        &self.process.ready.url
    }

    /// The id of its process, unless it has ended.
    pub fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// Its embedded DynamoDB.
    pub fn embedded_endpoint(&self) -> Option<&str> {
        self.process.ready.embedded_endpoint.as_deref()
    }

    /// Waits until it ends by itself; returns how.
    pub async fn ended(&mut self) -> anyhow::Error {
        self.process.ended().await.context("the service")
    }

    /// The most memory it has used since it was started, in KiB.
    pub fn memory_peak_kb(&self) -> Option<u64> {
        self.process.memory_peak_kb()
    }

    /// Kills it (SIGKILL): it finishes and prints nothing.
    ///
    /// # Errors
    /// When the system does not.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill().await.context("the service")
    }

    /// Restarts it at the same address, with its store, if it has one.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        let address = |url: &str| url.trim_start_matches("http://").to_owned();
        let mut flags = self.flags.clone();
        if let Some(endpoint) = self.embedded_endpoint() {
            flags.extend(["--embedded-listen".to_owned(), address(endpoint)]);
        }
        let listen = address(self.url());
        self.process = Self::spawn(&listen, &flags, &self.secret, self.quiet).await?;
        Ok(())
    }

    /// Stops it in order, and starts it again at the same address.
    ///
    /// # Errors
    /// When it does not end cleanly, or does not start.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.process.stop().await.context("the service")?;
        self.start_again().await
    }

    /// Stops it; returns the counts of its relay since it was last started.
    ///
    /// # Errors
    /// When it did not end cleanly.
    pub async fn stop(mut self) -> anyhow::Result<RelayCounts> {
        let last = self.process.stop().await.context("the service")?;
        let last = last.context("the service: it ended without its counts")?;
        serde_json::from_str(&last).context("the service: its counts")
    }
}

/// A store in a separate process.
#[derive(Debug)]
pub struct Store {
    process: Process,
}

impl Store {
    /// Starts one with this behaviour (JSON).
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(seed: u64, behaviour: &str) -> anyhow::Result<Self> {
        let arguments = ["store".to_owned(), "--seed".to_owned(), seed.to_string()];
        let process = Process::start(&arguments, (BEHAVIOUR_VARIABLE, behaviour), true).await;
        Ok(Self { process: process.context("the store")? })
    }

    /// The id of its process, unless it has ended.
    pub fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// Its endpoint.
    pub fn endpoint(&self) -> &str {
        &self.process.ready.url
    }

    /// Stops it.
    ///
    /// # Errors
    /// When it did not end cleanly.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.process.stop().await.context("the store")?;
        Ok(())
    }
}

/// An HTTP server without GraphQL in a separate process, for comparison.
#[derive(Debug)]
pub struct Plain {
    process: Process,
}

impl Plain {
    /// Starts it.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start() -> anyhow::Result<Self> {
        let process = Process::start(&["plain".to_owned()], ("SIM_PLAIN", "1"), true).await;
        Ok(Self { process: process.context("the plain server")? })
    }

    /// The URL of the server.
    pub fn url(&self) -> &str {
        &self.process.ready.url
    }

    /// Stops it.
    ///
    /// # Errors
    /// When it did not end cleanly.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.process.stop().await.context("the plain server")?;
        Ok(())
    }
}

/// Serves these routes in this process: the child's side.
///
/// # Errors
/// When no port can be bound.
pub async fn plain(routes: axum::Router) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let listener = listener.tap_io(|stream| {
        // If this fails, the connection is slower, and that is all.
        stream.set_nodelay(true).ok();
    });
    say(&ReadyLine { url, embedded_endpoint: None });
    tokio::select! {
        served = axum::serve(listener, routes) => Ok(served?),
        () = parent_gone() => Ok(()),
    }
}

#[derive(Debug, Parser)]
#[command(name = "serve")]
struct ServeArgs {
    #[command(flatten)]
    args: Args,
}

/// Runs the service in this process: the child's side.
///
/// # Errors
/// What the service itself says.
pub async fn serve(flags: &[OsString]) -> anyhow::Result<()> {
    let name = OsString::from("serve");
    let args = ServeArgs::try_parse_from(std::iter::once(&name).chain(flags))
        .map_err(|error| {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
            anyhow!("--server-flag: {first}")
        })?
        .args;
    gavel_server::telemetry::start(args.observing.log);
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let mut relay = None;
    let running = gavel_server::app::run(args, shutdown, |ready| {
        say(&ReadyLine {
            url: format!("http://{}", ready.address),
            embedded_endpoint: ready.embedded_endpoint.clone(),
        });
        relay = Some(ready.relay.clone());
    });
    let ended = {
        tokio::pin!(running);
        tokio::select! {
            ended = &mut running => ended,
            () = parent_gone() => {
                stop.cancel();
                running.await
            }
        }
    };
    if let Some(relay) = relay {
        say(&RelayCounts::of(&relay));
    }
    ended
}

impl RelayCounts {
    /// Adds the counts of another server.
    pub fn add(&mut self, other: Self) {
        self.polls += other.polls;
        self.empty_polls += other.empty_polls;
        self.records += other.records;
        self.invocations += other.invocations;
        self.cold_starts += other.cold_starts;
        self.failed += other.failed;
        self.handled += other.handled;
        self.replayed += other.replayed;
        self.given_up += other.given_up;
        self.stood_still_ms_max = self.stood_still_ms_max.max(other.stood_still_ms_max);
    }

    fn of(relay: &gavel_core::relay::Health) -> Self {
        let stats = relay.stats();
        let handlers = *stats.handlers.lock();
        Self {
            polls: stats.polls.load(Relaxed),
            empty_polls: stats.empty_polls.load(Relaxed),
            records: stats.records.load(Relaxed),
            invocations: handlers.invocations,
            cold_starts: handlers.cold_starts,
            failed: handlers.failed,
            handled: handlers.handled,
            replayed: handlers.replayed,
            given_up: handlers.given_up,
            stood_still_ms_max: handlers.stood_still_ms_max,
        }
    }
}

/// Runs the store in this process: the child's side.
///
/// # Errors
/// What the store itself says.
pub async fn store(seed: u64) -> anyhow::Result<()> {
    let behaviour = std::env::var(BEHAVIOUR_VARIABLE).context(BEHAVIOUR_VARIABLE)?;
    let behaviour = serde_json::from_str(&behaviour).context(BEHAVIOUR_VARIABLE)?;
    let options = Options { behaviour, seed: Some(seed), ..Options::default() };
    let emulator = Emulator::start(options).await?;
    say(&ReadyLine { url: emulator.endpoint(), embedded_endpoint: None });
    parent_gone().await;
    emulator.shutdown().await;
    Ok(())
}
