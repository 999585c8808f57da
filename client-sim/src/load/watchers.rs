//! Watchers: each follows one auction on its own socket, and records what it received.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::load::auction::Auction;
use crate::load::fit::Pace;
use crate::load::scenario::Scenario;
use crate::measure::delivery::{Delivery, Log, Timing};
use crate::measure::live::Live;
use crate::service::admission::NotAdmitted;
use crate::service::socket::{Said, Socket};
use crate::service::tokens::Users;
use crate::service::trace;

/// Sockets opened concurrently.
const OPENING_MAX: usize = 100;
const COME_BACK_PAUSE: Duration = Duration::from_millis(200);
/// How long a watcher tries to reconnect.
const COME_BACK_MAX: Duration = Duration::from_secs(60);
/// How long a watcher that is rate limited tries to connect at first.
const OPEN_MAX: Duration = Duration::from_secs(30);
/// How often a watcher reconnects without receiving anything, before it gives up.
const IN_VAIN_MAX: u32 = 50;
/// The longest that a watcher that leaves stays away.
const AWAY_MAX_MS: u64 = 2_000;

const WATCH: &str = "subscription Watch($id: ID!, $after: Int, $traced: Boolean!) { \
    bidCreated(auctionId: $id, after: $after) { id sequence amount \
    traceparent @include(if: $traced) timing { sentAt receivedAt forwardedAt writtenAt readAt publishedAt source } } }";

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
    traceparent: Option<String>,
    timing: Timing,
}

/// The context of the watchers.
#[derive(Clone)]
pub struct Watchers {
    /// The base URL of each server of the service.
    pub bases: Arc<[String]>,
    /// The users that the sockets belong to.
    pub users: Arc<Users>,
    /// The rate at which they connect.
    pub pace: Arc<Pace>,
    /// The auctions.
    pub auctions: Arc<Vec<Auction>>,
    /// The live figures of the run.
    pub live: Arc<Live>,
    /// The scenario.
    pub scenario: Scenario,
    /// The seed of departures.
    pub seed: u64,
}

/// Watchers that are connected.
pub struct Watching {
    tasks: JoinSet<anyhow::Result<Log>>,
    stop_churn: CancellationToken,
    stop: CancellationToken,
}

impl Watchers {
    /// Connects every watcher; returns when all are subscribed.
    ///
    /// # Errors
    /// When one cannot be.
    pub async fn start(&self) -> anyhow::Result<Watching> {
        let (stop_churn, stop) = (CancellationToken::new(), CancellationToken::new());
        let mut watching = Watching { tasks: JoinSet::new(), stop_churn, stop };
        let count = self.scenario.watchers;
        for from in (0..count).step_by(OPENING_MAX) {
            let mut opening = JoinSet::new();
            for number in from..count.min(from + OPENING_MAX) {
                opening.spawn(self.clone().open(number));
            }
            while let Some(opened) = opening.join_next().await {
                let (watcher, socket) = opened?.context("a watcher")?;
                let (stop_churn, stop) = (watching.stop_churn.clone(), watching.stop.clone());
                watching.tasks.spawn(watcher.run(socket, stop_churn, stop));
            }
        }
        Ok(watching)
    }

    async fn open(self, number: usize) -> anyhow::Result<(Watcher, Socket)> {
        let auction = number % self.auctions.len();
        // The auctions belong to this run, and nobody has bid yet: every bid is expected.
        let stalled = self.scenario.is_stalled(number);
        let log = Log { auction, after: 0, stalled, ..Log::default() };
        let random = ChaCha8Rng::seed_from_u64(self.seed.wrapping_add((number as u64) << 32));
        let watcher = Watcher { watchers: self, number, log, random, in_vain: 0 };
        let started = Instant::now();
        loop {
            watcher.watchers.pace.turn().await;
            let error = match watcher.subscribe().await {
                Ok(socket) => return Ok((watcher, socket)),
                Err(error) => error,
            };
            // Only a rate limit says when to retry; waiting does not lower a number of sockets.
            let refused = error.downcast_ref::<NotAdmitted>();
            let is_rate = refused
                .and_then(|refused| refused.limit.as_deref())
                .is_some_and(|limit| limit == "handshakes_per_address");
            match refused.and_then(|refused| refused.retry_after) {
                Some(pause) if is_rate && started.elapsed() < OPEN_MAX => {
                    watcher.watchers.live.limited("handshakes_per_address");
                    tokio::time::sleep(pause).await;
                }
                _ => return Err(error),
            }
        }
    }
}

/// One watcher.
struct Watcher {
    watchers: Watchers,
    number: usize,
    log: Log,
    random: ChaCha8Rng,
    in_vain: u32,
}

impl Watcher {
    async fn subscribe(&self) -> anyhow::Result<Socket> {
        let Watchers { bases, users, auctions, .. } = &self.watchers;
        // The watchers of an auction are spread over the servers.
        let base = &bases[self.number / auctions.len() % bases.len()];
        let token = users.watcher(self.number);
        let mut socket = if self.log.stalled {
            Socket::connect_small(base, token).await?
        } else {
            Socket::connect(base, token).await?
        };
        let id = &auctions[self.log.auction].id;
        let after = self.log.cursor();
        let variables = json!({ "id": id, "after": after, "traced": trace::is_on() });
        socket.subscribe(WATCH, variables).await?;
        Ok(socket)
    }

    /// Follows until stopped. After `stop_churn` nobody leaves, and stalled watchers read again.
    async fn run(
        mut self,
        mut socket: Socket,
        stop_churn: CancellationToken,
        stop: CancellationToken,
    ) -> anyhow::Result<Log> {
        if self.log.stalled {
            stop_churn.cancelled().await;
        }
        loop {
            let leave_after = self.stay(&stop_churn);
            let told = tokio::select! {
                () = stop.cancelled() => {
                    socket.close().await;
                    return Ok(self.log);
                }
                said = self.follow(&mut socket) => said?,
                () = tokio::time::sleep(leave_after) => Told::Leaves,
            };
            // Gone without a close, like a phone that loses its network.
            drop(socket);
            match told {
                Told::AuctionEnded => {
                    self.log.completed = true;
                    self.watchers.live.completed();
                    stop.cancelled().await;
                    return Ok(self.log);
                }
                Told::Ended(how) => self.log.ended(how),
                Told::Leaves => {
                    self.log.departures += 1;
                    let away_ms = self.random.random_range(0..AWAY_MAX_MS);
                    tokio::time::sleep(Duration::from_millis(away_ms)).await;
                }
            }
            socket = tokio::select! {
                () = stop.cancelled() => return Ok(self.log),
                socket = self.come_back() => socket?,
            };
        }
    }

    /// How long it stays this time.
    fn stay(&mut self, stop_churn: &CancellationToken) -> Duration {
        match self.watchers.scenario.stay {
            Some(mean) if !stop_churn.is_cancelled() => {
                let uniform: f64 = self.random.random_range(f64::EPSILON..1.0);
                mean.mul_f64(-uniform.ln())
            }
            _ => Duration::from_secs(24 * 3600),
        }
    }

    async fn come_back(&mut self) -> anyhow::Result<Socket> {
        self.in_vain += 1;
        if self.in_vain > IN_VAIN_MAX {
            bail!("a watcher reconnected {IN_VAIN_MAX} times in vain: {:?}", self.log.ends);
        }
        let started = Instant::now();
        loop {
            match self.subscribe().await {
                Ok(socket) => return Ok(socket),
                Err(error) if started.elapsed() > COME_BACK_MAX => return Err(error),
                Err(error) => {
                    let refused = error.downcast_ref::<NotAdmitted>();
                    let limit = refused.and_then(|refused| refused.limit.as_deref());
                    limit.iter().for_each(|limit| self.watchers.live.limited(limit));
                    let pause = refused.and_then(|refused| refused.retry_after);
                    tokio::time::sleep(pause.unwrap_or(COME_BACK_PAUSE)).await;
                }
            }
        }
    }

    /// Receives messages until the socket or the subscription ends.
    async fn follow(&mut self, socket: &mut Socket) -> anyhow::Result<Told> {
        loop {
            match socket.next().await {
                Ok(Said::Next { payload, received_us }) => {
                    self.in_vain = 0;
                    self.told(payload.get(), received_us)?;
                }
                Ok(Said::Complete) => return Ok(Told::AuctionEnded),
                Ok(Said::Error(errors)) => {
                    let code = errors[0]["extensions"]["code"].as_str().unwrap_or("error");
                    tokio::time::sleep(COME_BACK_PAUSE).await;
                    return Ok(Told::Ended(code.to_owned()));
                }
                Ok(Said::Closed(Some((code, _)))) => return Ok(Told::Ended(code.to_string())),
                Ok(Said::Closed(None)) | Err(_) => return Ok(Told::Ended("reset".to_owned())),
            }
        }
    }

    fn told(&mut self, payload: &str, received_us: i64) -> anyhow::Result<()> {
        let payload: Payload =
            serde_json::from_str(payload).context("an event does not match the contract")?;
        let Some(Data { bid_created: bid }) = payload.data else {
            bail!("an event without data");
        };
        let amount = bid.amount.parse().context("an amount is not an integer")?;
        self.watchers.auctions[self.log.auction].told(bid.sequence, amount);
        let replay = payload.extensions.replay;
        let latest = self.log.cursor();
        let live = &self.watchers.live;
        if bid.sequence <= latest {
            live.not_after(bid.sequence, latest);
        }
        if replay {
            live.replayed();
        } else {
            let timing = bid.timing;
            let sent_us = timing.sent_at.map_or(timing.received_at.0, |at| at.0);
            trace::received(bid.traceparent.as_deref(), timing.published_at.0, received_us);
            live.delivered(received_us - sent_us, timing.hops_us(sent_us, received_us));
        }
        self.log.latest = latest.max(bid.sequence);
        self.log.deliveries.push(Delivery {
            bid_id: bid.id,
            sequence: bid.sequence,
            replay,
            received_us,
            timing: bid.timing,
        });
        Ok(())
    }
}

/// Why a watcher stopped following.
enum Told {
    /// It leaves by itself.
    Leaves,
    /// The service ended it, or is gone.
    Ended(String),
    /// The auction has ended.
    AuctionEnded,
}

impl Watching {
    /// From now on nobody leaves, and stalled watchers read again.
    pub fn stop_churn(&self) {
        self.stop_churn.cancel();
    }

    /// Disconnects every watcher; returns what each received.
    ///
    /// # Errors
    /// When a watcher received something that does not match the contract.
    pub async fn stop(mut self) -> anyhow::Result<Vec<Log>> {
        self.stop_churn.cancel();
        self.stop.cancel();
        let mut logs = Vec::with_capacity(self.tasks.len());
        while let Some(log) = self.tasks.join_next().await {
            logs.push(log??);
        }
        Ok(logs)
    }
}
