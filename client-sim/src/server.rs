//! The service as a child process: what `run` measures when no `--url` is given. And the store as
//! one, where faults must survive the service.
//!
//! A child is this same binary with a hidden subcommand. It prints one JSON line when it is ready,
//! and ends when its standard input is closed, so that it never outlives its parent.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use axum::serve::ListenerExt as _;
use clap::Parser;
use dynamodb_emulator::{Emulator, Options};
use gavel_server::config::Args;
pub use gavel_server::config::command_line::take_negative_numbers;
pub use gavel_server::version::{COMMIT, VERSION};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long a start is waited for in silence.
const START_QUIET: Duration = Duration::from_secs(3);
/// Lines of a child's standard error that are kept.
const WORDS_MAX: usize = 20;
const START_TIMEOUT: Duration = Duration::from_secs(30);
const STOP_TIMEOUT: Duration = Duration::from_secs(25);
const SECRET_VARIABLE: &str = "GAVEL_JWT_SECRET";
const BEHAVIOUR_VARIABLE: &str = "SIM_STORE_BEHAVIOUR";

/// What a child says when it is ready.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadyLine {
    /// The service's base URL, or the store's endpoint.
    pub url: String,
    /// The service's embedded DynamoDB.
    pub embedded_endpoint: Option<String>,
}

/// What a service says at its end: what its relay has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RelayCounts {
    /// GetRecords calls that answered.
    pub polls: u64,
    /// Those without a record.
    pub empty_polls: u64,
    /// Records read.
    pub records: u64,
    /// With `--relay lambda`: invocations of the handler.
    pub invocations: u64,
    /// Of these, cold starts.
    pub cold_starts: u64,
    /// Those that failed, wholly or in part.
    pub failed: u64,
    /// Records that the handler went through, again and again counted.
    pub handled: u64,
    /// Of these, those that it had gone through before.
    pub replayed: u64,
    /// Records that the mapping gave up.
    pub given_up: u64,
    /// The longest time that a shard stood still, in milliseconds.
    pub stood_still_ms_max: u64,
}

/// A process that this one has started.
#[derive(Debug)]
struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    ready: ReadyLine,
    stderr: Stderr,
}

/// What a child says on standard error: passed on once it is ready, and kept for the case that it
/// ends.
#[derive(Debug)]
struct Stderr {
    last: Arc<Mutex<Words>>,
    reading: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Words {
    lines: VecDeque<String>,
    is_passed_on: bool,
}

impl Stderr {
    fn read(stderr: ChildStderr) -> Self {
        let last = Arc::new(Mutex::new(Words::default()));
        let words = Arc::clone(&last);
        let mut reading = JoinSet::new();
        reading.spawn(async move {
            let mut lines = BufReader::new(stderr).lines();
            // What is no text ends it, too: the child's own words are not what is measured.
            while let Ok(Some(line)) = lines.next_line().await {
                let mut words = words.lock();
                if words.is_passed_on {
                    eprintln!("{line}");
                }
                if words.lines.len() == WORDS_MAX {
                    words.lines.pop_front();
                }
                words.lines.push_back(line);
            }
        });
        Self { last, reading }
    }

    fn pass_on(&self) {
        let mut words = self.last.lock();
        words.lines.iter().for_each(|line| eprintln!("{line}"));
        words.is_passed_on = true;
    }

    /// Its last line, once it has ended.
    async fn last(&mut self) -> String {
        timeout(Duration::from_secs(1), self.reading.join_next()).await.ok();
        let words = self.last.lock();
        let last = words.lines.iter().rev().find(|line| !line.trim().is_empty());
        let last = last.map_or("it said nothing", String::as_str);
        last.trim_start_matches("client-sim: ").to_owned()
    }
}

impl Process {
    async fn start(
        arguments: &[String],
        variable: (&str, &str),
        quiet: bool,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        // Not among the arguments, where every process of the machine could read it.
        command.args(arguments).env(variable.0, variable.1);
        // This machine plays every client; a flag says otherwise.
        command.env("GAVEL_CLIENT_LIMITS", "off");
        // Faults that are asked for need no lines in the middle of a report.
        if std::env::var_os("RUST_LOG").is_none() {
            command.env("RUST_LOG", if quiet { "off" } else { "error" });
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        let mut child = command.spawn().context("cannot start a process")?;
        let stdin = child.stdin.take().context("no standard input")?;
        let stdout = child.stdout.take().context("no standard output")?;
        let mut stderr = Stderr::read(child.stderr.take().context("no standard error")?);
        let mut lines = BufReader::new(stdout).lines();
        let line = first_line(&mut lines, &arguments[0]).await?;
        let Some(line) = line else {
            let status = timeout(STOP_TIMEOUT, child.wait()).await.context("it hangs")??;
            bail!("it did not start ({status}): {}", stderr.last().await);
        };
        stderr.pass_on();
        let ready = serde_json::from_str(&line).context("its ready line")?;
        Ok(Self { child, stdin, stdout: lines, ready, stderr })
    }

    /// Waits until it ends by itself; says how.
    async fn ended(&mut self) -> anyhow::Error {
        let how = match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        anyhow!("it ended during the run ({how}): {}", self.stderr.last().await)
    }

    /// Stops it; returns its last line, if it has one.
    async fn stop(self) -> anyhow::Result<Option<String>> {
        let Self { mut child, stdin, mut stdout, .. } = self;
        drop(stdin);
        let ended = async {
            let last = stdout.next_line().await;
            anyhow::Ok((last?, child.wait().await?))
        };
        let ended = timeout(STOP_TIMEOUT, ended).await;
        let (last, status) = ended.context("it did not stop in time")??;
        if !status.success() {
            bail!("it ended with {status}");
        }
        Ok(last)
    }

    /// The most memory it has had, in KiB, where the system tells.
    fn memory_peak_kb(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    }
}

/// The line that a child says when it is ready; `None` if it ended before.
async fn first_line(
    lines: &mut Lines<BufReader<ChildStdout>>,
    what: &str,
) -> anyhow::Result<Option<String>> {
    let line = lines.next_line();
    tokio::pin!(line);
    if let Ok(line) = timeout(START_QUIET, &mut line).await {
        return Ok(line?);
    }
    eprintln!("waiting up to {START_TIMEOUT:?} until {what} has started");
    Ok(timeout(START_TIMEOUT, line).await.context("it did not start in time")??)
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

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.process.ready.url
    }

    /// Its process, unless it has ended.
    pub fn pid(&self) -> Option<u32> {
        self.process.child.id()
    }

    /// Its embedded DynamoDB.
    pub fn embedded_endpoint(&self) -> Option<&str> {
        self.process.ready.embedded_endpoint.as_deref()
    }

    /// Waits until it ends although nobody stopped it; says how.
    pub async fn ended(&mut self) -> anyhow::Error {
        self.process.ended().await.context("the service")
    }

    /// The most memory it has had since it was started, in KiB.
    pub fn memory_peak_kb(&self) -> Option<u64> {
        self.process.memory_peak_kb()
    }

    /// Kills it (SIGKILL): nothing is finished, nothing is said.
    ///
    /// # Errors
    /// When the system does not.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.process.child.kill().await.context("cannot kill the service")
    }

    /// Starts it again where it was.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        let listen = self.url().trim_start_matches("http://").to_owned();
        self.process = Self::spawn(&listen, &self.flags, &self.secret, self.quiet).await?;
        Ok(())
    }

    /// Stops it; returns what its relay has counted since it was last started.
    ///
    /// # Errors
    /// When it did not end cleanly.
    pub async fn stop(self) -> anyhow::Result<RelayCounts> {
        let last = self.process.stop().await.context("the service")?;
        let last = last.context("the service: it ended without its counts")?;
        serde_json::from_str(&last).context("the service: its counts")
    }
}

/// A store in a process of its own.
#[derive(Debug)]
pub struct Store {
    process: Process,
}

impl Store {
    /// Starts one that behaves like this (JSON).
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(seed: u64, behaviour: &str) -> anyhow::Result<Self> {
        let arguments = ["store".to_owned(), "--seed".to_owned(), seed.to_string()];
        let process = Process::start(&arguments, (BEHAVIOUR_VARIABLE, behaviour), true).await;
        Ok(Self { process: process.context("the store")? })
    }

    /// Its process, unless it has ended.
    pub fn pid(&self) -> Option<u32> {
        self.process.child.id()
    }

    /// Its endpoint.
    pub fn endpoint(&self) -> &str {
        &self.process.ready.url
    }

    /// Stops it.
    ///
    /// # Errors
    /// When it did not end cleanly.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.process.stop().await.context("the store")?;
        Ok(())
    }
}

/// An HTTP server without GraphQL, in a process of its own, to compare with.
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

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.process.ready.url
    }

    /// Stops it.
    ///
    /// # Errors
    /// When it did not end cleanly.
    pub async fn stop(self) -> anyhow::Result<()> {
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
        // One that cannot be set up so is slower, and that is all.
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
    gavel_server::telemetry::start(args.log);
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
    fn of(relay: &gavel_server::relay::Health) -> Self {
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

fn say(line: &impl Serialize) {
    println!("{}", serde_json::to_string(line).unwrap_or_default());
}

/// Ends when standard input does: nothing is ever sent over it.
async fn parent_gone() {
    let mut byte = [0];
    // An error is an end, too.
    tokio::io::stdin().read_exact(&mut byte).await.ok();
}
