//! The servers that are measured, each in a process of its own; Gavel's store in another.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use client_sim::clock;
use client_sim::service::api::Api;
use client_sim::service::server::{ReadyLine, Server, Store};
use client_sim::service::token::Mint;
use client_sim::stamp::format_us;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const START_TIMEOUT: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3_600);

/// A floor or a peer. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Peer {
    child: Child,
    url: String,
}

impl Peer {
    /// Starts this program again with these arguments.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) async fn own(arguments: &[&str]) -> anyhow::Result<Self> {
        Self::start(Command::new(std::env::current_exe()?).args(arguments)).await
    }

    /// Starts graphql-ws on Node.
    ///
    /// # Errors
    /// When it does not start: most often because `bench/run` has not installed it.
    pub(crate) async fn node(directory: &Path, rate: f64) -> anyhow::Result<Self> {
        let mut command = Command::new("node");
        command.current_dir(directory).args(["server.mjs", &rate.to_string()]);
        Self::start(&mut command).await.context("graphql-ws on Node (bench/run installs it)")
    }

    async fn start(command: &mut Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().context("no standard output")?;
        let mut lines = BufReader::new(stdout).lines();
        let line = timeout(START_TIMEOUT, lines.next_line()).await;
        let Some(line) = line.context("it did not start in time")?? else {
            bail!("it did not start");
        };
        let ready: ReadyLine = serde_json::from_str(&line).context("its ready line")?;
        Ok(Self { child, url: ready.url })
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Its process.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().context("the server has ended")
    }
}

/// Gavel, with its store in a process of its own.
#[derive(Debug)]
pub(crate) struct Gavel {
    server: Server,
    store: Store,
    api: Api,
}

impl Gavel {
    /// Starts both. `behaviour` is the store's, as JSON.
    ///
    /// # Errors
    /// When one does not start.
    pub(crate) async fn start(behaviour: &str, flags: &[&str]) -> anyhow::Result<Self> {
        let store = Store::start(1, behaviour).await?;
        let mut all = vec!["--dynamodb".to_owned(), store.endpoint().to_owned()];
        all.extend(flags.iter().map(|flag| (*flag).to_owned()));
        let server = Server::start(&all, false).await?;
        let api = Api::new(server.url())?;
        api.wait_ready().await?;
        Ok(Self { server, store, api })
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        self.server.url()
    }

    /// Its process.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        self.server.pid().context("the server has ended")
    }

    /// Its store's process.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn store_pid(&self) -> anyhow::Result<u32> {
        self.store.pid().context("the store has ended")
    }

    /// Its API.
    pub(crate) fn api(&self) -> &Api {
        &self.api
    }

    /// The store's endpoint.
    pub(crate) fn endpoint(&self) -> &str {
        self.store.endpoint()
    }

    /// A token.
    ///
    /// # Errors
    /// When it cannot be minted.
    pub(crate) fn token(&self, user: &str, role: &str) -> anyhow::Result<String> {
        Mint::new(&self.server.secret).token(user, &[role], HOUR)
    }

    /// An auction that is open for an hour; any bidder may raise its own bid.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) async fn auction(&self) -> anyhow::Result<String> {
        let now_us = clock::now_us();
        let input = json!({
            "title": "Bench", "currency": "EUR", "openingPrice": "100", "minimumIncrement": "100",
            "opensAt": format_us(now_us - 60_000_000), "endsAt": format_us(now_us + 3_600_000_000),
            "leaderMayRaise": true,
        });
        let seller = self.token("sim-seller", "seller")?;
        self.api.create_auction(&seller, input).await.context("cannot make an auction")
    }

    /// Stops both.
    ///
    /// # Errors
    /// When one did not end cleanly.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.server.stop().await?;
        self.store.stop().await
    }
}
