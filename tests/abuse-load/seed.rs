//! The store that every attack begins with: filled once, by the service itself, then copied.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use client_sim::service::token::Mint;
use client_sim::stamp::format_us;
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::args::Args;
use crate::server::{SECRET, Server};

/// Pairs of honest clients, each with an auction of its own.
const HONEST: usize = 5;
/// Bids of the auction that is replayed.
const LONG_BIDS: u64 = 10_000;
/// Auctions for lists, each with a long description and some bids.
const LISTED: usize = 99;
const LISTED_BIDS: u64 = 20;
/// Requests under way while it is filled.
const WORKERS: usize = 48;
const HOUR: Duration = Duration::from_secs(3600);
const CONTENTS: &str = "contents.json";
const CREATE: &str = "mutation($i: CreateAuctionInput!) { createAuction(input: $i) { id } }";
const BID: &str = "mutation($i: PlaceBidInput!) { placeBid(input: $i) { __typename } }";

/// What is in the store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Contents {
    /// The auctions of the honest clients, open and without bids.
    pub(crate) honest: Vec<String>,
    /// An auction with 10,000 bids.
    pub(crate) long: String,
}

/// The filled store.
pub(crate) struct Store {
    filled: PathBuf,
    pub(crate) contents: Contents,
    _temporary: Option<TempDir>,
}

impl Store {
    /// The store in the folder that the arguments name, filled if it is not yet.
    pub(crate) async fn at(args: &Args) -> anyhow::Result<Self> {
        let (folder, temporary) = match &args.store {
            Some(folder) => (folder.clone(), None),
            None => {
                let temporary = folder()?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let filled = folder.join("filled");
        let list = folder.join(CONTENTS);
        let contents = match std::fs::read(&list) {
            Ok(text) => serde_json::from_slice(&text)?,
            Err(_) => {
                std::fs::create_dir_all(&filled)?;
                let local = tokio::task::LocalSet::new();
                let contents = local.run_until(fill(&args.program()?, &filled)).await?;
                std::fs::write(&list, serde_json::to_vec(&contents)?)?;
                contents
            }
        };
        Ok(Self { filled, contents, _temporary: temporary })
    }

    /// A copy for one server.
    pub(crate) fn copy(&self) -> anyhow::Result<TempDir> {
        let copy = folder()?;
        let data = copy.path().join("data");
        std::fs::create_dir(&data)?;
        for entry in std::fs::read_dir(&self.filled)? {
            let entry = entry?;
            std::fs::copy(entry.path(), data.join(entry.file_name()))?;
        }
        Ok(copy)
    }
}

/// A temporary folder, in memory where the system has that, as the server's own would be.
fn folder() -> std::io::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    let root = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("abuse-load-").tempdir_in(root)
}

async fn fill(program: &Path, data: &Path) -> anyhow::Result<Contents> {
    // One machine plays every client here; no attack runs yet.
    let flags = ["--client-limits".to_owned(), "off".to_owned()];
    let server = Server::start(program, data, &flags).await?;
    let client = Client { http: reqwest::Client::new(), url: format!("{}/graphql", server.base) };
    let mut honest = Vec::new();
    for number in 0..HONEST {
        honest.push(client.auction(&format!("An honest lot {number}"), "").await?);
    }
    let long = client.auction("A long one", "").await?;
    client.bids(&long, LONG_BIDS).await?;
    let description = "d".repeat(10_000);
    for number in 0..LISTED {
        let id = client.auction(&format!("Lot {number}"), &description).await?;
        client.bids(&id, LISTED_BIDS).await?;
    }
    let (how, _) = server.terminate().await;
    if how != "exit status: 0" {
        bail!("the server that filled the store: {how}");
    }
    Ok(Contents { honest, long })
}

struct Client {
    http: reqwest::Client,
    url: String,
}

impl Client {
    async fn mutate(&self, token: &str, query: &str, input: Value) -> anyhow::Result<Value> {
        let body = json!({ "query": query, "variables": { "i": input } });
        let answer = self.http.post(&self.url).bearer_auth(token).json(&body).send().await?;
        Ok(answer.json().await?)
    }

    async fn auction(&self, title: &str, description: &str) -> anyhow::Result<String> {
        let token = Mint::new(SECRET).token("seller", &["seller"], HOUR)?;
        let ends_us = client_sim::clock::now_us() + HOUR.as_micros() as i64 * 24;
        let input = json!({
            "title": title,
            "description": description,
            "currency": "EUR",
            "openingPrice": "1",
            "minimumIncrement": "1",
            "opensAt": format_us(0),
            "endsAt": format_us(ends_us),
            "leaderMayRaise": true,
        });
        let answer = self.mutate(&token, CREATE, input).await?;
        let id = answer["data"]["createAuction"]["id"].as_str();
        Ok(id.with_context(|| format!("no auction: {answer}"))?.to_owned())
    }

    /// Lets many bid at once until so many bids are accepted.
    async fn bids(&self, auction: &str, wanted: u64) -> anyhow::Result<()> {
        let (amount, accepted) = (AtomicU64::new(1), AtomicU64::new(0));
        let workers = if wanted > WORKERS as u64 * 10 { WORKERS } else { 1 };
        let bidding = (0..workers).map(async |number| {
            let token = Mint::new(SECRET).token(&format!("filler-{number}"), &["bidder"], HOUR)?;
            while accepted.load(Ordering::Relaxed) < wanted {
                let amount = amount.fetch_add(1, Ordering::Relaxed).to_string();
                let input = json!({ "auctionId": auction, "amount": amount });
                let answer = self.mutate(&token, BID, input).await?;
                if answer["data"]["placeBid"]["__typename"] == "BidAccepted" {
                    accepted.fetch_add(1, Ordering::Relaxed);
                }
            }
            anyhow::Ok(())
        });
        try_join_all(bidding).await?;
        Ok(())
    }
}
