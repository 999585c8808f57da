//! A nats-server as a child process, on loopback: the bus of the servers that are started.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// Names a nats-server; else the one that tests/nats/install has installed is used, or one on the
/// PATH.
const VARIABLE: &str = "GAVEL_TEST_NATS";
const INSTALLED: &str = ".cache/gavel/nats-server-v2.15.2/nats-server";
const START_TIMEOUT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// A bus; killed when it is dropped.
#[derive(Debug)]
pub struct Bus {
    program: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Bus {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// When there is no nats-server, or it does not start.
    pub async fn start() -> anyhow::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut bus = Self { program: program(), port, child: None };
        bus.start_again().await?;
        Ok(bus)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Restarts it at the same address, after it was killed.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        let mut command = Command::new(&self.program);
        command.args(["--addr", "127.0.0.1", "--port", &self.port.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.kill_on_drop(true).spawn().with_context(|| {
            let program = self.program.display();
            format!(
                "several servers need nats-server, and {program} cannot be started: \
                 tests/nats/install installs it, {VARIABLE} names another; or add --bus off"
            )
        })?;
        self.child = Some(child);
        let listens = async {
            while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                sleep(POLL).await;
            }
        };
        timeout(START_TIMEOUT, listens).await.context("nats-server does not listen")
    }

    /// Kills it (SIGKILL).
    ///
    /// # Errors
    /// When the system does not.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else { bail!("nats-server does not run") };
        child.kill().await.context("nats-server")
    }

    /// Stops it for a while (SIGSTOP), its connections half open.
    ///
    /// # Errors
    /// When the system does not.
    pub async fn pause(&self, lasts: Duration) -> anyhow::Result<()> {
        let id = self.child.as_ref().and_then(Child::id).context("nats-server does not run")?;
        pause(id, lasts).await
    }
}

/// Stops a process for a while (SIGSTOP).
///
/// # Errors
/// When the system does not.
pub(crate) async fn pause(id: u32, lasts: Duration) -> anyhow::Result<()> {
    let process = Pid::from_raw(id.cast_signed());
    kill(process, Signal::SIGSTOP)?;
    sleep(lasts).await;
    kill(process, Signal::SIGCONT)?;
    Ok(())
}

fn program() -> PathBuf {
    if let Some(named) = std::env::var_os(VARIABLE) {
        return named.into();
    }
    let installed = std::env::home_dir().map(|home| home.join(INSTALLED));
    installed.filter(|installed| installed.exists()).unwrap_or_else(|| "nats-server".into())
}
