//! Bids for one auction at a steady rate: through the API, or straight into the store.

use std::time::Duration;

use anyhow::{Context as _, bail};
use client_sim::clock;
use client_sim::service::answer::BidAnswer;
use client_sim::service::api::Bid;
use gavel_core::auction::{Amount, Auction, AuctionId, BidId, BidRequest, UserId, decide};
use gavel_core::store::connect::{Endpoint, connect};
use gavel_core::store::{Dynamo, NewBid, Table as _, Transaction};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::server::Gavel;

const STEP: u64 = 100;
const TABLE: &str = "gavel";

/// Bids that are placed until this is dropped.
#[derive(Debug)]
pub(crate) struct Feed {
    tasks: JoinSet<anyhow::Result<()>>,
}

impl Feed {
    /// Places so many bids a second through the API, each over the last.
    ///
    /// # Errors
    /// When there can be no bidder.
    pub(crate) fn by_api(gavel: &Gavel, auction_id: &str, rate: f64) -> anyhow::Result<Self> {
        let (api, auction_id) = (gavel.api().clone(), auction_id.to_owned());
        let token = gavel.token("sim-bidder-1", "bidder")?;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut ticks = interval(Duration::from_secs_f64(1.0 / rate));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            let mut sending = JoinSet::new();
            let mut amount = 0;
            loop {
                ticks.tick().await;
                amount += STEP;
                let (api, auction_id, token) = (api.clone(), auction_id.clone(), token.clone());
                sending.spawn(async move {
                    let bid = Bid {
                        auction_id: &auction_id,
                        amount,
                        key: None,
                        sent_us: clock::now_us(),
                        traceparent: "",
                    };
                    api.place_bid(&token, bid).await
                });
                while let Some(answer) = sending.try_join_next() {
                    // One that was overtaken is too low: an event less, and no matter.
                    if let Ok(Err(error)) = answer {
                        bail!("a bid: {error}");
                    }
                }
            }
        });
        Ok(Self { tasks })
    }

    /// Writes so many bids a second straight into the store, `each` of them in a transaction.
    ///
    /// # Errors
    /// When the auction cannot be read.
    pub(crate) async fn by_store(
        gavel: &Gavel,
        auction_id: &str,
        rate: f64,
        each: usize,
    ) -> anyhow::Result<Self> {
        let (store, auction) = load(gavel, auction_id).await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut auction = auction;
            let mut ticks = interval(Duration::from_secs_f64(each as f64 / rate));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            loop {
                ticks.tick().await;
                let transaction = transaction(&auction, each)?;
                if let Err(error) = store.commit(&transaction).await {
                    bail!("straight into the store: {error:?}");
                }
                auction = transaction.auction;
            }
        });
        Ok(Self { tasks })
    }

    /// Whether bids are still placed.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        match self.tasks.try_join_next() {
            None => Ok(()),
            Some(ended) => ended?.context("the bids have stopped"),
        }
    }
}

/// Writes at least so many bids straight into the store; how many the auction then has.
///
/// # Errors
/// When the store refuses.
pub(crate) async fn write(gavel: &Gavel, auction_id: &str, bids: u64) -> anyhow::Result<u64> {
    let (store, mut auction) = load(gavel, auction_id).await?;
    while auction.sequence < bids {
        let transaction = transaction(&auction, 20)?;
        if let Err(error) = store.commit(&transaction).await {
            bail!("straight into the store: {error:?}");
        }
        auction = transaction.auction;
    }
    Ok(auction.sequence)
}

/// The store, and an auction as it stands.
async fn load(gavel: &Gavel, auction_id: &str) -> anyhow::Result<(Dynamo, Auction)> {
    let clients = connect(&Endpoint::Url(gavel.endpoint().to_owned())).await;
    let store = Dynamo::new(clients.dynamodb, TABLE.to_owned());
    let auction = store.load(&AuctionId::from(auction_id)).await?.context("the auction")?;
    Ok((store, auction))
}

fn transaction(before: &Auction, bids: usize) -> anyhow::Result<Transaction> {
    let mut auction = before.clone();
    let now = gavel_core::clock::now();
    let mut accepted = Vec::with_capacity(bids);
    for _ in 0..bids {
        let request = BidRequest {
            id: BidId::random(),
            auction_id: auction.id.clone(),
            bidder_id: UserId::from("sim-bidder-1"),
            amount: Amount::new(STEP * (auction.sequence + 1))?,
            sent_at: None,
            received_at: now,
            forwarded_at: None,
            traceparent: None,
        };
        let Ok(bid) = decide(&mut auction, &request) else { bail!("a bid was refused") };
        accepted.push(NewBid { bid, key: None });
    }
    auction.version += 1;
    let token = format!("bench-{}", auction.version);
    let expected_version = before.version;
    let newcomers = Vec::new();
    Ok(Transaction { token, expected_version, auction, bids: accepted, newcomers, written_at: now })
}

/// Places one bid and waits for its answer.
///
/// # Errors
/// When it is neither accepted nor refused.
pub(crate) async fn one(gavel: &Gavel, auction_id: &str, amount: u64) -> anyhow::Result<()> {
    let token = gavel.token("sim-bidder-1", "bidder")?;
    let sent_us = clock::now_us();
    let bid = Bid { auction_id, amount, key: None, sent_us, traceparent: "" };
    gavel.api().place_bid(&token, bid).await.context("a bid")?;
    Ok(())
}

/// How many bids of an open loop were decided, and how long each took.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    /// Answered accepted.
    pub(crate) accepted: u64,
    /// Answered refused.
    pub(crate) refused: u64,
    /// Answered with an error: turned away, not decided.
    pub(crate) failed: u64,
    /// From sending to the answer, of those that were decided.
    pub(crate) latency: client_sim::measure::latency::Latency,
}

/// Offers bids on one auction at a rate, each over the one before, for a time; waits for the answers.
///
/// # Errors
/// When there can be no bidder.
pub(crate) async fn offer(
    gavel: &Gavel,
    auction_id: &str,
    rate: f64,
    time: Duration,
) -> anyhow::Result<Decided> {
    let token = gavel.token("sim-bidder-1", "bidder")?;
    let mut ticks = interval(Duration::from_secs_f64(1.0 / rate));
    let mut sending = JoinSet::new();
    let bids = (rate * time.as_secs_f64()) as u64;
    for number in 1..=bids {
        ticks.tick().await;
        let (api, auction_id, token) = (gavel.api().clone(), auction_id.to_owned(), token.clone());
        sending.spawn(async move {
            let sent_us = clock::now_us();
            let bid = Bid {
                auction_id: &auction_id,
                amount: number * STEP,
                key: None,
                sent_us,
                traceparent: "",
            };
            (api.place_bid(&token, bid).await, clock::now_us() - sent_us)
        });
    }
    let mut decided = Decided::default();
    while let Some(answered) = sending.join_next().await {
        let (answer, us) = answered?;
        match answer {
            Ok(BidAnswer::BidAccepted { .. }) => decided.accepted += 1,
            Ok(BidAnswer::BidRejected { .. }) => decided.refused += 1,
            Err(_) => {
                decided.failed += 1;
                continue;
            }
        }
        decided.latency.add(us);
    }
    Ok(decided)
}
