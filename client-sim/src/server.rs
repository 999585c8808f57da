//! The service as a child process: what `run` measures when no `--url` is given.
//!
//! The child is this same binary with the hidden subcommand `serve`. It prints one JSON line when
//! it is ready, and ends when its standard input is closed, so that it never outlives its parent.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Parser;
use gavel_server::config::Args;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const START_TIMEOUT: Duration = Duration::from_secs(30);
const STOP_TIMEOUT: Duration = Duration::from_secs(25);
const SECRET_VARIABLE: &str = "GAVEL_JWT_SECRET";

/// What the child says when it is ready.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadyLine {
    /// The base URL.
    pub url: String,
    /// The embedded DynamoDB's endpoint.
    pub embedded_endpoint: Option<String>,
}

/// A service that this process has started.
#[derive(Debug)]
pub struct Server {
    child: Child,
    stdin: ChildStdin,
    /// Where it is.
    pub ready: ReadyLine,
    /// The secret that its tokens are signed with.
    pub secret: String,
}

impl Server {
    /// Starts a service with the embedded DynamoDB on a free port.
    ///
    /// # Errors
    /// When it does not start; the service itself says why on standard error.
    pub async fn start(relay: &str, flags: &[String]) -> anyhow::Result<Self> {
        let secret = format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve", "--listen", "127.0.0.1:0", "--relay", relay]).args(flags);
        // Not among the arguments, where every process of the machine could read it.
        command.env(SECRET_VARIABLE, &secret);
        if std::env::var_os("RUST_LOG").is_none() {
            command.env("RUST_LOG", "warn");
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("cannot start the service")?;
        let stdin = child.stdin.take().context("the service has no standard input")?;
        let stdout = child.stdout.take().context("the service has no standard output")?;
        let mut lines = BufReader::new(stdout).lines();
        let line = timeout(START_TIMEOUT, lines.next_line()).await;
        let line = line.context("the service did not start in time")??;
        let Some(line) = line else { bail!("the service did not start") };
        let ready = serde_json::from_str(&line).context("the service's ready line")?;
        Ok(Self { child, stdin, ready, secret })
    }

    /// Stops it; says whether it ended cleanly.
    ///
    /// # Errors
    /// When it did not.
    pub async fn stop(self) -> anyhow::Result<()> {
        let Self { mut child, stdin, .. } = self;
        drop(stdin);
        let status = timeout(STOP_TIMEOUT, child.wait()).await;
        let status = status.context("the service did not stop in time")??;
        if !status.success() {
            bail!("the service ended with {status}");
        }
        Ok(())
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
        .map_err(|error| anyhow::anyhow!("--server-flag: {error}"))?
        .args;
    gavel_server::telemetry::start(args.log);
    let shutdown = CancellationToken::new();
    let parent_gone = shutdown.clone();
    let running = gavel_server::app::run(args, shutdown, |ready| {
        let line = ReadyLine {
            url: format!("http://{}", ready.address),
            embedded_endpoint: ready.embedded_endpoint.clone(),
        };
        println!("{}", serde_json::to_string(&line).unwrap_or_default());
    });
    tokio::pin!(running);
    let mut byte = [0];
    let mut stdin = tokio::io::stdin();
    tokio::select! {
        ended = &mut running => return ended,
        // Nothing is ever sent: an answer is the end.
        _ = stdin.read(&mut byte) => parent_gone.cancel(),
    }
    running.await
}
