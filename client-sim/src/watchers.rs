//! Watchers: each follows one auction on a socket of its own, and keeps what it was told.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::market::Lot;
use crate::progress::Live;
use crate::socket::{Said, Socket};
use crate::stamp::Stamp;

/// Sockets that are opened at a time.
const OPENING_MAX: usize = 100;
const RECONNECT_PAUSE: Duration = Duration::from_millis(200);
const RECONNECTS_MAX: usize = 50;

const WATCH: &str = "subscription Watch($id: ID!, $after: Int) { \
    bidCreated(auctionId: $id, after: $after) { id sequence amount \
    timing { sentAt receivedAt writtenAt readAt publishedAt } } }";

/// A bid as a watcher was told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The bid's id.
    pub bid_id: String,
    /// Its number.
    pub sequence: u64,
    /// From history.
    pub replay: bool,
    /// When this client had it.
    pub received_us: i64,
    /// The stamps of its hops.
    pub timing: Timing,
}

/// The service's stamps of a bid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timing {
    /// The client's own.
    pub sent_at: Option<Stamp>,
    /// The request was there.
    pub received_at: Stamp,
    /// Its transaction was sealed.
    pub written_at: Stamp,
    /// The relay had its record.
    pub read_at: Stamp,
    /// The broker had it in order.
    pub published_at: Stamp,
}

/// What one watcher was told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Log {
    /// The auction's number.
    pub auction: usize,
    /// The cursor it started with: everything after it is expected.
    pub after: u64,
    /// In the order of arrival.
    pub deliveries: Vec<Delivery>,
    /// How often it had to come back.
    pub reconnects: usize,
}

#[derive(Deserialize)]
struct Payload {
    data: Option<Data>,
    #[serde(default)]
    extensions: Extensions,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Extensions {
    replay: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    bid_created: BidEvent,
}

#[derive(Deserialize)]
struct BidEvent {
    id: String,
    sequence: u64,
    amount: String,
    timing: Timing,
}

/// What watchers work with.
#[derive(Clone)]
pub struct Watchers {
    /// The service, for the first query.
    pub api: Api,
    /// Its base URL.
    pub base: String,
    /// An observer's token.
    pub token: String,
    /// The auctions.
    pub lots: Arc<Vec<Lot>>,
    /// What the progress line shows.
    pub live: Arc<Live>,
}

/// Watchers that are connected.
pub struct Watching {
    tasks: JoinSet<anyhow::Result<Log>>,
    stop: CancellationToken,
}

impl Watchers {
    /// Connects every watcher; returns when all are subscribed.
    ///
    /// # Errors
    /// When one cannot be.
    pub async fn start(&self, count: usize) -> anyhow::Result<Watching> {
        let mut watching = Watching { tasks: JoinSet::new(), stop: CancellationToken::new() };
        for from in (0..count).step_by(OPENING_MAX) {
            let mut opening = JoinSet::new();
            for number in from..count.min(from + OPENING_MAX) {
                let watchers = self.clone();
                let auction = number % self.lots.len();
                opening.spawn(async move {
                    let id = watchers.lots[auction].id.clone();
                    // First the query, then the subscription from there: so what is expected is
                    // known, whatever happens between.
                    let after = watchers.api.sequence(&watchers.token, &id).await?;
                    let socket = watchers.subscribe(auction, after).await?;
                    anyhow::Ok((Log { auction, after, ..Log::default() }, socket))
                });
            }
            while let Some(opened) = opening.join_next().await {
                let (log, socket) = opened?.context("a watcher")?;
                let watchers = self.clone();
                let stop = watching.stop.clone();
                watching.tasks.spawn(async move { watchers.follow(log, socket, stop).await });
            }
        }
        Ok(watching)
    }

    async fn subscribe(&self, auction: usize, after: u64) -> anyhow::Result<Socket> {
        let mut socket = Socket::connect(&self.base, Some(&self.token)).await?;
        let id = &self.lots[auction].id;
        socket.subscribe(WATCH, json!({ "id": id, "after": after })).await?;
        Ok(socket)
    }

    async fn follow(
        &self,
        mut log: Log,
        mut socket: Socket,
        stop: CancellationToken,
    ) -> anyhow::Result<Log> {
        loop {
            let said = tokio::select! {
                () = stop.cancelled() => {
                    socket.close().await;
                    return Ok(log);
                }
                said = socket.next() => said,
            };
            match said {
                Ok(Said::Next { payload, received_us }) => {
                    self.told(&mut log, payload.get(), received_us)?;
                }
                Ok(Said::Complete) => bail!("the auction has ended under a watcher"),
                // Protocol ends after which a client comes back where it was.
                Ok(Said::Error(_) | Said::Closed(_)) | Err(_) => {
                    if log.reconnects >= RECONNECTS_MAX {
                        bail!("a watcher was thrown out {RECONNECTS_MAX} times: {said:?}");
                    }
                    log.reconnects += 1;
                    tokio::time::sleep(RECONNECT_PAUSE).await;
                    let last = log.deliveries.iter().map(|d| d.sequence).max();
                    let after = last.unwrap_or(log.after);
                    if let Ok(again) = self.subscribe(log.auction, after).await {
                        socket = again;
                    }
                }
            }
        }
    }

    fn told(&self, log: &mut Log, payload: &str, received_us: i64) -> anyhow::Result<()> {
        let payload: Payload =
            serde_json::from_str(payload).context("an event is not that of the contract")?;
        let Some(Data { bid_created: bid }) = payload.data else {
            bail!("an event without data");
        };
        let amount = bid.amount.parse().context("an amount is not an integer")?;
        self.lots[log.auction].told(bid.sequence, amount);
        let replay = payload.extensions.replay;
        if !replay {
            self.live.delivered(received_us - bid.timing.sent_at.map_or(received_us, |at| at.0));
        }
        log.deliveries.push(Delivery {
            bid_id: bid.id,
            sequence: bid.sequence,
            replay,
            received_us,
            timing: bid.timing,
        });
        Ok(())
    }
}

impl Watching {
    /// Disconnects every watcher; returns what each was told.
    ///
    /// # Errors
    /// When a watcher was told something that is not the contract's.
    pub async fn stop(mut self) -> anyhow::Result<Vec<Log>> {
        self.stop.cancel();
        let mut logs = Vec::with_capacity(self.tasks.len());
        while let Some(log) = self.tasks.join_next().await {
            logs.push(log??);
        }
        Ok(logs)
    }
}
