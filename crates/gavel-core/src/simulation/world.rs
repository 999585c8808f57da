//! What a simulation runs over: a table and a stream that fail, and one to three servers, under a seed.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::bus::Network;
use super::server::{Server, Settings};
use super::stream::Streams;
use crate::auction::testing::running_auction;
use crate::auction::{AuctionId, BidRequest, Canceller, Transition};
use crate::bidding::testing::placed;
use crate::bidding::{BidAnswer, LaneError};
use crate::limits;
use crate::store::simulated::Simulated;

/// A bid that was acknowledged has reached every node that watches its auction after so long.
const REACHES_ALL_WITHIN: Duration = Duration::from_millis(1500);

const BIDDERS: [&str; 4] = ["ann", "bob", "cem", "dan"];

/// The seeds of a run, each printed as it begins: these, or those that `GAVEL_SEED` names.
pub fn seeds(default: Range<u64>) -> impl Iterator<Item = u64> {
    seed_range(default).inspect(|seed| println!("GAVEL_SEED={seed}"))
}

/// Whether all seeds of a run are run: together they must reach what they are for.
pub fn runs_all_seeds() -> bool {
    std::env::var_os("GAVEL_SEED").is_none()
}

fn seed_range(default: Range<u64>) -> Range<u64> {
    let number = |text: &str| text.parse().expect("GAVEL_SEED is a number, or two with .. between");
    match std::env::var("GAVEL_SEED").ok().as_deref().map(|text| text.split_once("..").ok_or(text))
    {
        None => default,
        Some(Ok((from, to))) => number(from)..number(to),
        Some(Err(one)) => number(one)..number(one) + 1,
    }
}

/// When the behaviour of watchers changes.
#[derive(Debug, Clone, Default)]
pub struct Course {
    /// They neither stall nor leave any more.
    pub calm: CancellationToken,
    /// They go.
    pub over: CancellationToken,
}

/// A table with one auction, its stream, and servers over them.
pub struct World {
    /// The auction.
    pub id: AuctionId,
    /// The table.
    pub table: Simulated,
    servers: Mutex<Vec<Arc<Server>>>,
    deaths: AtomicUsize,
    /// What bidders were answered.
    answers: Mutex<Vec<(BidRequest, Result<BidAnswer, LaneError>)>>,
    streams: Streams,
    network: Option<Network>,
    has_digests: bool,
    random: StdRng,
}

impl World {
    /// A world of one to three servers under a seed.
    pub fn new(seed: u64) -> Self {
        let mut world = Self::without_servers(seed);
        for _ in 0..world.random.random_range(1..=3) {
            let is_hybrid = world.random.random();
            world.add_server(is_hybrid);
        }
        world
    }

    /// A world of two to five nodes of a cluster under a seed.
    pub fn clustered(seed: u64) -> Self {
        Self::with_bus(seed, true)
    }

    /// The same without the digests, which would find again what the other rules have missed.
    pub fn clustered_without_digests(seed: u64) -> Self {
        Self::with_bus(seed, false)
    }

    fn with_bus(seed: u64, has_digests: bool) -> Self {
        let mut world = Self::without_servers(seed);
        world.network = Some(Network::new(world.random.random(), has_digests));
        world.has_digests = has_digests;
        // One mode for all, as in a service.
        let is_hybrid = world.random.random();
        for _ in 0..world.random.random_range(2..=5) {
            world.add_server(is_hybrid);
        }
        world
    }

    fn without_servers(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let start = running_auction();
        let table = Simulated::new(start.clone());
        let streams = Streams::new(random.random());
        let shown = streams.clone();
        table.shows(move |transaction, lands| shown.show(transaction, lands));
        table.chaos(seed);
        Self {
            id: start.id,
            table,
            servers: Mutex::default(),
            deaths: AtomicUsize::new(0),
            answers: Mutex::default(),
            streams,
            network: None,
            has_digests: true,
            random,
        }
    }

    fn add_server(&mut self, is_hybrid: bool) {
        let group_commit_max = self.random.random_range(1..=8);
        let server = self.start(Settings { is_hybrid, group_commit_max });
        self.servers.lock().push(server);
    }

    fn start(&self, settings: Settings) -> Arc<Server> {
        Arc::new(Server::start(&self.table, &self.streams, self.network.as_ref(), settings))
    }

    /// The servers as they are now; one that died is replaced after a while.
    pub fn servers(&self) -> Vec<Arc<Server>> {
        self.servers.lock().clone()
    }

    /// One of them.
    pub fn any_server(&self, random: &mut StdRng) -> Arc<Server> {
        let servers = self.servers.lock();
        Arc::clone(&servers[random.random_range(0..servers.len())])
    }

    /// How many of them have died.
    pub fn deaths(&self) -> usize {
        self.deaths.load(Relaxed)
    }

    /// A further seed of this world's.
    pub fn seed(&mut self) -> u64 {
        self.random.random()
    }

    /// Bids, and sometimes a cancellation; then nothing fails any more, and after the time of the
    /// regular check the course is over.
    pub async fn run(&self, seed: u64, course: &Course) {
        let mut random = StdRng::seed_from_u64(seed);
        let bids_each = if random.random_bool(0.05) { 100 } else { random.random_range(1..15) };
        let bids = join_all(BIDDERS.map(|bidder| self.bid(bidder, bids_each, random.random())));
        if self.network.is_some() {
            tokio::join!(bids, self.nodes_die(random.random()));
        } else {
            bids.await;
        }
        let cancels = self.network.is_none() && random.random_bool(0.2);
        if cancels {
            sleep(Duration::from_millis(random.random_range(0..3000))).await;
            let cancel = Transition::Cancel { by: Canceller::Seller };
            // It may have become unknown; the table has the truth.
            self.servers()[0].bidding.lanes().transition(&self.id, cancel).await.ok();
        }
        self.table.calm();
        self.streams.calm();
        self.network.iter().for_each(Network::calm);
        course.calm.cancel();
        if self.network.is_some() {
            self.bid_in_calm(random.random()).await;
        }
        sleep(limits::TOPIC_CHECK_EVERY + Duration::from_secs(2)).await;
        course.over.cancel();
    }

    /// Bids once nothing fails any more, but for events that the bus loses, and nodes that it cuts off
    /// for longer than digests look back: every node that watches the auction has each of them soon.
    async fn bid_in_calm(&self, seed: u64) {
        let mut random = StdRng::seed_from_u64(seed);
        // Leases of nodes that lost them are taken again.
        sleep(limits::LEASE_STALE_AFTER + limits::LEASE_RENEW_EVERY * 2).await;
        let readers = self.servers().iter().filter(|server| server.has_lease()).count();
        assert_eq!(readers, limits::STREAM_READERS_MAX, "nodes that read the stream");
        for bidder in ["eve", "fay", "eve", "fay"] {
            if random.random() {
                // Nobody notices that a node was gone for less, but by digests.
                let least = if self.has_digests { 0 } else { 1500 };
                let lasts = Duration::from_millis(random.random_range(least..5000));
                self.network.iter().for_each(|network| network.cut_one_off(lasts));
            }
            sleep(Duration::from_millis(random.random_range(0..1000))).await;
            let least = self.table.auction().minimum_bid().minor_units();
            let (server, other) = (self.any_server(&mut random), self.any_server(&mut random));
            let joins = async {
                sleep(Duration::from_millis(random.random_range(0..60))).await;
                other.broker.topic(&self.id).await
            };
            // Somebody begins to watch while the bid is being written.
            let (_, _watches) =
                tokio::join!(server.bidding.place(placed(bidder, least, None)), joins);
            sleep(REACHES_ALL_WITHIN).await;
            let sequence = self.table.auction().sequence;
            for (number, server) in self.servers().iter().enumerate() {
                let is_behind = server.broker.is_behind(&self.id, sequence, 0);
                assert!(!is_behind, "node {number} has not heard of bid {sequence}");
            }
        }
    }

    async fn bid(&self, bidder: &str, count: u32, seed: u64) {
        let mut random = StdRng::seed_from_u64(seed);
        for number in 0..count {
            sleep(Duration::from_millis(random.random_range(0..100))).await;
            let least = self.table.auction().minimum_bid().minor_units();
            let minor = least + random.random_range(0..50);
            let key = random.random_bool(0.5).then(|| number.to_string());
            let server = self.any_server(&mut random);
            let bid = placed(bidder, minor, key.as_deref());
            let request = bid.request.clone();
            tokio::select! {
                answer = server.bidding.place(bid) => self.answers.lock().push((request, answer)),
                () = server.is_dead() => {}
            }
        }
    }

    /// Whoever was told that its bid is in the table finds it there, whoever was told that it is not
    /// does not, and no request was written twice.
    pub fn check_answers(&self) {
        let written = self.table.written();
        let of = |request: &BidRequest| (request.bidder_id.clone(), request.received_at);
        let requests: HashSet<_> =
            written.iter().map(|s| (s.bid.bidder_id.clone(), s.bid.received_at)).collect();
        assert_eq!(requests.len(), written.len(), "a request was written twice");
        for (request, answer) in self.answers.lock().iter() {
            match answer {
                Ok(BidAnswer::Accepted { stored, .. }) => {
                    assert!(written.contains(stored), "{request:?}: not in the table");
                }
                Err(LaneError::OutcomeUnknown) => {}
                denied => {
                    assert!(!requests.contains(&of(request)), "{denied:?}: {request:?} is there");
                }
            }
        }
    }

    /// Kills some nodes, several at once now and then, and starts others in their place.
    async fn nodes_die(&self, seed: u64) {
        let mut random = StdRng::seed_from_u64(seed);
        let size = self.servers.lock().len();
        for _ in 0..random.random_range(0..3) {
            sleep(Duration::from_millis(random.random_range(0..1000))).await;
            let first = random.random_range(0..size);
            let count = if random.random_bool(0.2) { random.random_range(1..=size) } else { 1 };
            let deaths = (first..first + count).map(|at| {
                let away = Duration::from_millis(random.random_range(0..6000));
                self.dies(at % size, away)
            });
            join_all(deaths).await;
        }
    }

    async fn dies(&self, at: usize, away: Duration) {
        self.deaths.fetch_add(1, Relaxed);
        let dead = Arc::clone(&self.servers.lock()[at]);
        tokio::join!(dead.die(), sleep(away));
        let heir = self.start(dead.settings);
        self.servers.lock()[at] = heir;
    }
}
