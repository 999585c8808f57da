//! The servers of a run, and the store that all of them use.

use std::path::Path;

use anyhow::Context as _;
use clap::ValueEnum;
use futures_util::future::select_all;
use serde::{Deserialize, Serialize};

use crate::service::bus::Bus;
use crate::service::server::{RelayCounts, Server, Store};

/// Where the store of a started service runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// In the service's process.
    Inside,
    /// In a separate process, which outlives a service that is killed.
    Apart,
}

/// The servers to start.
#[derive(Debug)]
pub struct Start<'a> {
    /// The number of servers.
    pub servers: usize,
    /// Whether a bus connects them.
    pub bus: bool,
    /// Their relay mode.
    pub relay: &'a str,
    /// Further flags.
    pub flags: &'a [String],
    /// Where their store runs.
    pub layout: Layout,
    /// Faults of the store (JSON); its servers then write no log.
    pub faults: Option<&'a str>,
    /// The seed of its faults.
    pub seed: u64,
    /// The directory for what must survive a kill.
    pub directory: &'a Path,
}

/// Servers on one table, with tokens signed with one secret.
#[derive(Debug)]
pub struct Nodes {
    /// The servers; the first one has the store in its process, unless the store is apart.
    servers: Vec<Server>,
    store: Option<Store>,
    bus: Option<Bus>,
}

/// How they ended.
#[derive(Debug, Default)]
pub struct Ended {
    /// The counts of all relays together, if each of them ended cleanly.
    pub counts: Option<RelayCounts>,
    /// How the first unclean one ended.
    pub unclean: Option<String>,
}

impl Nodes {
    /// Starts servers, and their store.
    ///
    /// # Errors
    /// When one of them does not start; it says why.
    pub async fn start(start: Start<'_>) -> anyhow::Result<Self> {
        let Start { servers: count, bus, relay, flags: more, layout, faults, seed, directory } =
            start;
        let mut common = ["--relay", relay].map(str::to_owned).to_vec();
        let bus = if bus { Some(Bus::start().await?) } else { None };
        if let Some(bus) = &bus {
            // A server that is killed may come back while the bus is away.
            let cluster = ["--cluster", &bus.url(), "--cluster-at-start", "retry"];
            common.extend(cluster.map(str::to_owned));
        }
        let (mut flags, mut store) = (common.clone(), None);
        let mut add = |flag: &str, value: String| flags.extend([flag.to_owned(), value]);
        match (layout, faults) {
            (Layout::Apart, _) => {
                let apart = Store::start(seed, faults.unwrap_or("{}")).await?;
                add("--dynamodb", apart.endpoint().to_owned());
                store = Some(apart);
            }
            (Layout::Inside, Some(faults)) => {
                let path = |name: &str| directory.join(name).display().to_string();
                std::fs::write(path("behaviour.json"), faults).context("a temporary file")?;
                add("--embedded-behaviour", path("behaviour.json"));
                add("--embedded-seed", seed.to_string());
                add("--data-dir", path("data"));
            }
            (Layout::Inside, None) => {}
        }
        flags.extend_from_slice(more);
        let first = Server::start(&flags, faults.is_some()).await?;
        let endpoint = first.embedded_endpoint().map(str::to_owned);
        if let Some(endpoint) = endpoint {
            // The others use the store of the first, which has what was asked of it.
            let is_its_own = |flag: &String| {
                ["--embedded-", "--data-dir"].iter().any(|its| flag.starts_with(its))
            };
            flags = common.clone();
            flags.extend(more.iter().filter(|flag| !is_its_own(flag)).cloned());
            flags.extend(["--dynamodb".to_owned(), endpoint]);
        }
        let mut servers = vec![first];
        while servers.len() < count {
            let secret = servers[0].secret.clone();
            servers.push(Server::with_secret(secret, &flags, faults.is_some()).await?);
        }
        Ok(Self { servers, store, bus })
    }

    /// The number of servers.
    pub fn count(&self) -> usize {
        self.servers.len()
    }

    /// The URLs of the servers.
    pub fn urls(&self) -> Vec<String> {
        self.servers.iter().map(|server| server.url().to_owned()).collect()
    }

    /// The secret that tokens are signed with.
    pub fn secret(&self) -> String {
        self.servers[0].secret.clone()
    }

    /// The store's endpoint, if one was started.
    pub fn endpoint(&self) -> Option<&str> {
        self.servers[0].embedded_endpoint().or(self.store.as_ref().map(Store::endpoint))
    }

    /// One of the servers.
    pub fn server(&mut self, number: usize) -> &mut Server {
        &mut self.servers[number]
    }

    /// The bus between them, if there is one.
    pub fn bus(&mut self) -> Option<&mut Bus> {
        self.bus.as_mut()
    }

    /// Waits until one ends by itself; returns how.
    pub async fn ended(&mut self) -> anyhow::Error {
        let ends = self.servers.iter_mut().map(|server| Box::pin(server.ended()));
        select_all(ends).await.0
    }

    /// The most memory that one of them has used since it was started, in KiB.
    pub fn memory_peak_kb(&self) -> Option<u64> {
        self.servers.iter().filter_map(Server::memory_peak_kb).max()
    }

    /// Stops them, then the store.
    ///
    /// # Errors
    /// When the store does not end cleanly.
    pub async fn stop(mut self) -> anyhow::Result<Ended> {
        let mut ended = Ended::default();
        let mut counts = RelayCounts::default();
        // The one with the store ends last.
        while let Some(server) = self.servers.pop() {
            match server.stop().await {
                Ok(more) => counts.add(more),
                Err(error) => _ = ended.unclean.get_or_insert(format!("{error:#}")),
            }
        }
        ended.counts = ended.unclean.is_none().then_some(counts);
        if let Some(store) = self.store {
            store.stop().await?;
        }
        Ok(ended)
    }
}
