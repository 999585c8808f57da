//! Honest clients that were there before the attack: bidders, each with a watcher of its auction.
//!
//! Each bid has its time on a schedule, and its latency counts from there to the watcher's frame. A
//! bid that keeps its bidder from later ones is counted for each of them, too (no coordinated
//! omission).

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use client_sim::service::token::Mint;
use e2e::socket::{Event, Socket};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until, timeout};

use crate::judge::Latencies;
use crate::server::SECRET;

/// Neither the attacker's address nor one of its sixteen.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 1);
/// Between two bids of a bidder: half of what a user may.
const EVERY: Duration = Duration::from_millis(100);
/// An answer or frame that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);
const HOUR: Duration = Duration::from_secs(3600);
/// Failures that are kept by name.
const FAILURES_MAX: usize = 1_000;
const WATCH: &str = "subscription($id: ID!) { bidCreated(auctionId: $id, after: 0) { sequence } }";
const BID: &str = "mutation($i: PlaceBidInput!) { placeBid(input: $i) { __typename \
    ... on BidAccepted { bid { sequence } } } }";

/// What all pairs have seen.
#[derive(Default)]
struct Seen {
    /// When each bid was to be sent, and when its frame came.
    samples: Vec<(Instant, Instant)>,
    failures: Vec<(Instant, String)>,
}

impl Seen {
    fn failed(&mut self, at: Instant, what: String) {
        if self.failures.len() < FAILURES_MAX {
            self.failures.push((at, what));
        }
    }
}

/// The half of a pair's bids that are waited for.
#[derive(Default)]
struct Pending {
    intended: HashMap<u64, Instant>,
    arrived: HashMap<u64, Instant>,
    last: u64,
}

/// Honest clients at work. Dropping them stops them.
pub(crate) struct Honest {
    seen: Rc<RefCell<Seen>>,
    pending: Vec<Rc<RefCell<Pending>>>,
    _tasks: JoinSet<()>,
}

impl Honest {
    /// Connects a pair for each auction, and lets them bid.
    pub(crate) async fn start(base: &str, auctions: &[String]) -> anyhow::Result<Self> {
        let seen = Rc::new(RefCell::new(Seen::default()));
        let mut tasks = JoinSet::new();
        let mut all = Vec::new();
        for (number, auction) in auctions.iter().enumerate() {
            let token = Mint::new(SECRET).token(&format!("honest-{number}"), &["bidder"], HOUR)?;
            let mut watcher = Socket::open_from(base, ADDRESS)
                .await
                .map_err(|refused| anyhow::anyhow!("an honest watcher is refused: {refused:?}"))?;
            watcher.init(Some(&token)).await;
            watcher.subscribe("w", WATCH, json!({ "id": auction })).await;
            let pending = Rc::new(RefCell::new(Pending::default()));
            all.push(Rc::clone(&pending));
            tasks.spawn_local(watch(watcher, Rc::clone(&pending), Rc::clone(&seen)));
            let bidder = Bidder {
                http: reqwest::Client::builder()
                    .local_address(std::net::IpAddr::from(ADDRESS))
                    .timeout(PATIENCE)
                    .build()?,
                url: format!("{base}/graphql"),
                token,
                auction: auction.clone(),
                pending,
                seen: Rc::clone(&seen),
            };
            let offset = EVERY * number as u32 / auctions.len() as u32;
            tasks.spawn_local(bidder.run(Instant::now() + offset));
        }
        Ok(Self { seen, pending: all, _tasks: tasks })
    }

    /// Waits for the frames of what was to be sent until now.
    pub(crate) async fn settle(&self, until: Instant) {
        let open = || {
            self.pending.iter().any(|pending| {
                pending.borrow().intended.values().any(|intended| *intended <= until)
            })
        };
        let settled = async {
            while open() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, settled).await.ok();
    }

    /// Latencies of the bids that were to be sent in this time.
    pub(crate) fn latencies(&self, from: Instant, until: Instant) -> Latencies {
        let seen = self.seen.borrow();
        let within = seen.samples.iter().filter(|(intended, _)| (from..until).contains(intended));
        Latencies::of(within.map(|(intended, arrived)| *arrived - *intended).collect())
    }

    /// What went wrong in this time, bids without a frame among it.
    pub(crate) fn failures(&self, from: Instant, until: Instant) -> Vec<String> {
        let seen = self.seen.borrow();
        let within = |at: &Instant| (from..until).contains(at);
        let failed =
            seen.failures.iter().filter(|(at, _)| within(at)).map(|(_, what)| what.clone());
        let open = self.pending.iter().flat_map(|pending| {
            let open = pending.borrow();
            let missing = open.intended.iter().filter(|(_, intended)| within(intended));
            missing.map(|(number, _)| format!("no frame of bid {number}")).collect::<Vec<_>>()
        });
        failed.chain(open).collect()
    }
}

struct Bidder {
    http: reqwest::Client,
    url: String,
    token: String,
    auction: String,
    pending: Rc<RefCell<Pending>>,
    seen: Rc<RefCell<Seen>>,
}

impl Bidder {
    async fn run(self, mut intended: Instant) {
        for number in 1_u64.. {
            sleep_until(intended.into()).await;
            match timeout(PATIENCE, self.bid(number)).await {
                Ok(Ok(sequence)) => self.accepted(sequence, intended),
                Ok(Err(what)) => self.seen.borrow_mut().failed(intended, what),
                Err(_) => self.seen.borrow_mut().failed(intended, "no answer".to_owned()),
            }
            let due = Instant::now();
            intended += EVERY;
            while intended + EVERY <= due {
                // Would have been sent by now, and would have waited with this one.
                self.seen.borrow_mut().samples.push((intended, due));
                intended += EVERY;
            }
        }
    }

    fn accepted(&self, sequence: u64, intended: Instant) {
        let mut pending = self.pending.borrow_mut();
        match pending.arrived.remove(&sequence) {
            Some(arrived) => self.seen.borrow_mut().samples.push((intended, arrived)),
            None => drop(pending.intended.insert(sequence, intended)),
        }
    }

    async fn bid(&self, number: u64) -> Result<u64, String> {
        let input = json!({ "auctionId": self.auction, "amount": (1_000 + number).to_string() });
        let body = json!({ "query": BID, "variables": { "i": input } });
        let request = self.http.post(&self.url).bearer_auth(&self.token).json(&body);
        let answer = request.send().await.map_err(|error| format!("no answer: {error}"))?;
        let status = answer.status();
        let answer: Value = answer.json().await.map_err(|error| format!("{status}: {error}"))?;
        let sequence = &answer["data"]["placeBid"]["bid"]["sequence"];
        sequence.as_u64().ok_or_else(|| format!("{status}: {answer}"))
    }
}

async fn watch(mut watcher: Socket, pending: Rc<RefCell<Pending>>, seen: Rc<RefCell<Seen>>) {
    loop {
        let message = match watcher.event_in(HOUR).await {
            Event::Message(message) => message,
            gone => {
                return seen.borrow_mut().failed(Instant::now(), format!("a watcher: {gone:?}"));
            }
        };
        let now = Instant::now();
        match message["type"].as_str() {
            Some("ping") => watcher.send(json!({ "type": "pong" })).await,
            Some("next") => {
                let number = message["payload"]["data"]["bidCreated"]["sequence"].as_u64();
                let number = number.unwrap_or(0);
                let mut pending = pending.borrow_mut();
                if pending.last != 0 && number != pending.last + 1 {
                    let what = format!("bid {number} came after {}", pending.last);
                    seen.borrow_mut().failed(now, what);
                }
                pending.last = number;
                match pending.intended.remove(&number) {
                    Some(intended) => seen.borrow_mut().samples.push((intended, now)),
                    None => drop(pending.arrived.insert(number, now)),
                }
            }
            _ => seen.borrow_mut().failed(now, format!("a watcher: {message}")),
        }
    }
}
