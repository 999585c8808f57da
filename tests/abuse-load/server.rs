//! The server under attack: the real program, a process of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use client_sim::measure::scrape::Scrape;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// What tokens are signed with.
pub(crate) const SECRET: &str = "a secret of the abuse tests, long enough";
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// More than any orderly end takes: what takes longer is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(40);
/// A server that has grown to this is ended, before it harms the machine.
pub(crate) const MEMORY_KIB_MAX: u64 = 3 * 1024 * 1024;
/// The kernel's unit of processor time in /proc.
const TICK: Duration = Duration::from_millis(10);

/// A running server.
pub(crate) struct Server {
    process: Child,
    pid: u32,
    /// Its base URL.
    pub(crate) base: String,
    log: PathBuf,
}

impl Server {
    /// Starts it on a free port over the store in `data`, and waits until it is ready.
    pub(crate) async fn start(
        program: &Path,
        data: &Path,
        flags: &[String],
    ) -> anyhow::Result<Self> {
        let log = data.with_extension("log");
        let mut command = Command::new(program);
        command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(data).args(flags);
        command.env("GAVEL_JWT_SECRET", SECRET).env_remove("RUST_LOG").kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(std::fs::File::create(&log)?);
        let mut process = command.spawn().with_context(|| program.display().to_string())?;
        let pid = process.id().context("it ended at once")?;
        let mut lines = BufReader::new(process.stdout.take().context("no output")?).lines();
        let mut base = None;
        let reading = async {
            while let Some(line) = lines.next_line().await? {
                if let Some((_, rest)) = line.split_once("listens on ") {
                    base = rest.split_once("/graphql").map(|(base, _)| base.to_owned());
                    break;
                }
            }
            anyhow::Ok(())
        };
        timeout(START_TIMEOUT, reading).await.context("the server does not start")??;
        let Some(base) = base else {
            bail!("the server does not start: {}", std::fs::read_to_string(&log)?)
        };
        tokio::task::spawn_local(async move {
            // It must be able to go on talking.
            while let Ok(Some(_)) = lines.next_line().await {}
        });
        let server = Self { process, pid, base, log };
        let ready = async {
            while !server.answers("/readyz").await {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(START_TIMEOUT, ready).await.context("the server does not get ready")?;
        Ok(server)
    }

    async fn answers(&self, path: &str) -> bool {
        let answer = reqwest::get(format!("{}{path}", self.base)).await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// How often a client met a limit so far.
    pub(crate) async fn refusals(&self) -> Option<u64> {
        let url = format!("{}/metrics", self.base);
        let page = timeout(Duration::from_secs(10), Scrape::fetch(&url)).await.ok()?.ok()?;
        let name = page
            .names()
            .find(|name| name.starts_with("gavel_limit_re") && name.ends_with("_total"))?;
        let limits: Vec<&str> = page.values(name, "limit").collect();
        Some(limits.iter().map(|limit| page.counter(name, "limit", limit)).sum())
    }

    fn status(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    /// Its memory now, in KiB; 0 if it has ended.
    pub(crate) fn memory_kib(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most memory since [`Server::reset_peak`], in KiB; 0 if it has ended.
    pub(crate) fn memory_peak_kib(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// Lets the kernel's count of the peak begin again.
    pub(crate) fn reset_peak(&self) -> anyhow::Result<()> {
        Ok(std::fs::write(format!("/proc/{}/clear_refs", self.pid), "5")?)
    }

    /// The processor time it has had.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        // The name, in parentheses, may have spaces.
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
        let ticks = fields.split(' ').skip(11).take(2).filter_map(|t| t.parse::<u32>().ok());
        TICK * ticks.sum::<u32>()
    }

    /// The bytes that it has logged.
    pub(crate) fn logged(&self) -> u64 {
        std::fs::metadata(&self.log).map_or(0, |file| file.len())
    }

    /// How it has ended, if it has, and what it said last.
    pub(crate) fn ended(&mut self) -> Option<String> {
        let status = self.process.try_wait().ok().flatten()?;
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let telling = |line: &&str| line.contains("panicked at") || line.contains("gavel-server:");
        let last = log.lines().find(telling).or_else(|| log.lines().last()).unwrap_or_default();
        Some(format!("{status} ({last})"))
    }

    /// Ends it at once.
    pub(crate) async fn kill(&mut self) {
        self.process.kill().await.ok();
    }

    /// Asks it to end (SIGTERM): how it ended, and after how long.
    pub(crate) async fn terminate(mut self) -> (String, Duration) {
        let began = Instant::now();
        let pid = i32::try_from(self.pid).map(Pid::from_raw);
        if self.ended().is_none() && pid.is_ok_and(|pid| kill(pid, Signal::SIGTERM).is_err()) {
            return ("it cannot be signalled".to_owned(), began.elapsed());
        }
        let ended = timeout(STOP_TIMEOUT, self.process.wait()).await;
        let how = match ended {
            Ok(Ok(status)) => status.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => {
                self.kill().await;
                "killed: it did not end".to_owned()
            }
        };
        (how, began.elapsed())
    }
}
