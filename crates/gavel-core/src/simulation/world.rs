//! What a simulation runs over: a table and a stream that fail, and one to three servers, under a seed.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::bus::Network;
use super::server::Server;
use super::stream::Streams;
use crate::auction::testing::running_auction;
use crate::auction::{AuctionId, Canceller, Transition};
use crate::bidding::testing::placed;
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
    pub table: Arc<Simulated>,
    /// The servers.
    pub servers: Vec<Server>,
    streams: Streams,
    network: Option<Network>,
    random: StdRng,
}

impl World {
    /// A world of one to three servers under a seed.
    pub fn new(seed: u64) -> Self {
        let mut world = Self::without_servers(seed);
        for _ in 0..world.random.random_range(1..=3) {
            let is_hybrid = world.random.random();
            world.start_server(is_hybrid);
        }
        world
    }

    /// A world of two to five nodes of a cluster under a seed.
    pub fn clustered(seed: u64) -> Self {
        let mut world = Self::without_servers(seed);
        world.network = Some(Network::new(world.random.random()));
        // One mode for all, as in a service.
        let is_hybrid = world.random.random();
        for _ in 0..world.random.random_range(2..=5) {
            world.start_server(is_hybrid);
        }
        world
    }

    fn without_servers(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let start = running_auction();
        let table = Arc::new(Simulated::new(start.clone()));
        let streams = Streams::new(random.random());
        let shown = streams.clone();
        table.shows(move |transaction, lands| shown.show(transaction, lands));
        table.chaos(seed);
        Self { id: start.id, table, servers: Vec::new(), streams, network: None, random }
    }

    fn start_server(&mut self, is_hybrid: bool) {
        let group_commit_max = self.random.random_range(1..=8);
        let (table, streams, network) = (&self.table, &self.streams, self.network.as_ref());
        self.servers.push(Server::start(table, streams, network, is_hybrid, group_commit_max));
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
        join_all(BIDDERS.map(|bidder| self.bid(bidder, bids_each, random.random()))).await;
        let cancels = self.network.is_none() && random.random_bool(0.2);
        if cancels {
            sleep(Duration::from_millis(random.random_range(0..3000))).await;
            let cancel = Transition::Cancel { by: Canceller::Seller };
            // It may have become unknown; the table has the truth.
            self.servers[0].bidding.lanes().transition(&self.id, cancel).await.ok();
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

    /// Bids once nothing fails any more, but for events that the bus loses: every node that watches
    /// the auction has each of them soon.
    async fn bid_in_calm(&self, seed: u64) {
        let mut random = StdRng::seed_from_u64(seed);
        // Leases of nodes that lost them are taken again.
        sleep(limits::LEASE_STALE_AFTER + limits::LEASE_RENEW_EVERY).await;
        for bidder in ["eve", "fay", "eve"] {
            sleep(Duration::from_millis(random.random_range(0..1000))).await;
            let least = self.table.auction().minimum_bid().minor_units();
            let server = &self.servers[random.random_range(0..self.servers.len())];
            server.bidding.place(placed(bidder, least, None)).await.ok();
            sleep(REACHES_ALL_WITHIN).await;
            let sequence = self.table.auction().sequence;
            for (number, server) in self.servers.iter().enumerate() {
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
            let server = &self.servers[random.random_range(0..self.servers.len())];
            // Rejected, failed or unknown: the table has the truth.
            server.bidding.place(placed(bidder, minor, key.as_deref())).await.ok();
        }
    }
}
