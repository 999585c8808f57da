//! A child process: this same binary with a hidden subcommand.
//!
//! It prints one JSON line when it is ready, and ends when its standard input is closed, so that it
//! never outlives its parent.

use std::collections::VecDeque;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long a start may take before a message says so.
const START_QUIET: Duration = Duration::from_secs(3);
/// Lines of a child's standard error that are kept.
const WORDS_MAX: usize = 20;
const START_TIMEOUT: Duration = Duration::from_secs(30);
const STOP_TIMEOUT: Duration = Duration::from_secs(25);

/// The line that a child prints when it is ready.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadyLine {
    /// The service's base URL, or the store's endpoint.
    pub url: String,
    /// The endpoint of the service's embedded DynamoDB.
    pub embedded_endpoint: Option<String>,
}

/// A process that this one has started.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Closed to stop it.
    stdin: Option<ChildStdin>,
    stdout: Lines<BufReader<ChildStdout>>,
    pub(crate) ready: ReadyLine,
    stderr: Stderr,
}

/// The standard error of a child: passed on once it is ready, and kept in case it ends.
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
            // Invalid text ends it, too: the output of a child is not what is measured.
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
        let last = last.map_or("it printed nothing", String::as_str);
        last.trim_start_matches("client-sim: ").to_owned()
    }
}

impl Process {
    pub(crate) async fn start(
        arguments: &[String],
        variable: (&str, &str),
        quiet: bool,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        // Not passed as an argument, where every process of the machine could read it.
        command.args(arguments).env(variable.0, variable.1);
        // This machine simulates every client; a flag can override this.
        command.env("GAVEL_CLIENT_LIMITS", "off");
        // Requested faults need no log lines in the middle of a report.
        if std::env::var_os("RUST_LOG").is_none() {
            command.env("RUST_LOG", if quiet { "off" } else { "error" });
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        let mut child = command.spawn().context("cannot start a process")?;
        let stdin = child.stdin.take();
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

    /// Waits until it ends by itself; returns how.
    pub(crate) async fn ended(&mut self) -> anyhow::Error {
        let how = match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        anyhow!("it ended during the run ({how}): {}", self.stderr.last().await)
    }

    /// Stops it; returns its last line, if it has one.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<Option<String>> {
        self.stdin = None;
        let ended = async {
            let last = self.stdout.next_line().await;
            anyhow::Ok((last?, self.child.wait().await?))
        };
        let ended = timeout(STOP_TIMEOUT, ended).await;
        let (last, status) = ended.context("it did not stop in time")??;
        if !status.success() {
            bail!("it ended with {status}");
        }
        Ok(last)
    }

    /// Its id, unless it has ended.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Kills it (SIGKILL): it finishes and prints nothing.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("cannot kill it")
    }

    /// The most memory it has used, in KiB, if the system reports it.
    pub(crate) fn memory_peak_kb(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    }
}

/// Reads the line that a child prints when it is ready; `None` if it ended before.
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

/// The child's side: prints that it is ready, or its counts.
pub(crate) fn say(line: &impl Serialize) {
    println!("{}", serde_json::to_string(line).unwrap_or_default());
}

/// The child's side: returns when standard input ends, over which nothing is ever sent.
pub(crate) async fn parent_gone() {
    let mut byte = [0];
    // An error is an end, too.
    tokio::io::stdin().read_exact(&mut byte).await.ok();
}
