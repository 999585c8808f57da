//! What a cluster of many nodes says on its bus: the messages and bytes of docs/SCALE.md, counted.
//!
//! Real publishers, digests, owners and messages, in simulated time; only the network, the tables and
//! the watchers are left out. Every auction is watched on every node, and each bid comes to any node
//! and is a transaction of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::time::{Instant, advance};

use super::forward_message::{encode_answer, encode_bid};
use super::{BidAnswer, Committed, PlaceBid};
use crate::auction::testing::{bid, running_auction};
use crate::auction::{Amount, Auction, AuctionId, decide};
use crate::broker::Interest;
use crate::cluster::digest::Reached;
use crate::cluster::{Announcer, Bus, NodeId, Publisher, Subject, rendezvous};
use crate::store::{IdempotencyKey, NewBid, StoredBid, Transaction, item};
use crate::{clock, limits};

/// Messages and bytes, as they are sent to the bus and as it delivers them.
#[derive(Debug, Default, Clone, Copy)]
struct Flow {
    sent: u64,
    delivered: u64,
    sent_bytes: u64,
    delivered_bytes: u64,
}

impl Flow {
    fn add(&mut self, bytes: usize, receivers: u64) {
        self.sent += 1;
        self.delivered += receivers;
        self.sent_bytes += bytes as u64;
        self.delivered_bytes += bytes as u64 * receivers;
    }
}

/// A bus that counts: each message goes to all other nodes.
struct Counting {
    nodes: u64,
    flows: Mutex<BTreeMap<&'static str, Flow>>,
}

impl Counting {
    fn add(&self, what: &'static str, bytes: usize, receivers: u64) {
        self.flows.lock().entry(what).or_default().add(bytes, receivers);
    }
}

impl Interest for Counting {
    fn join<'a>(&'a self, _: &'a AuctionId) -> BoxFuture<'a, bool> {
        Box::pin(std::future::ready(true))
    }

    fn leave(&self, _: &AuctionId) {}
}

impl Bus for Counting {
    fn publish(&self, subject: Subject<'_>, message: Vec<u8>) {
        let what = match subject {
            Subject::Auction(_) => "event",
            Subject::Digests => "digest",
            Subject::Awaited => "awaited",
        };
        self.add(what, message.len(), self.nodes - 1);
    }

    fn request<'a>(&'a self, _: &'a NodeId, _: Vec<u8>) -> BoxFuture<'a, Option<Vec<u8>>> {
        unreachable!("requests are counted where they are made")
    }
}

struct House {
    bus: Arc<Counting>,
    nodes: Vec<Publisher>,
    auctions: Vec<Auction>,
    announcer: Announcer,
    random: StdRng,
}

impl House {
    fn new(nodes: usize, auctions: usize, announcer: Announcer) -> Self {
        let bus = Arc::new(Counting { nodes: nodes as u64, flows: Mutex::default() });
        let node = |number: usize| {
            let id = NodeId::from(format!("node-{number}").as_str());
            Publisher::new(id, Arc::clone(&bus) as Arc<dyn Bus>, announcer)
        };
        let id = |number: usize| AuctionId::from(format!("auction-{number}"));
        let auction = |number| Auction { id: id(number), ..running_auction() };
        Self {
            nodes: (0..nodes).map(node).collect(),
            auctions: (0..auctions).map(auction).collect(),
            bus,
            announcer,
            random: StdRng::seed_from_u64(1),
        }
    }

    /// So many bids a second for so long; digests at their pace.
    async fn run(&mut self, bids_per_second: u32, lasts: Duration) {
        let ticks = (lasts.as_millis() / limits::DIGEST_EVERY.as_millis()) as u32;
        let bids = bids_per_second * limits::DIGEST_EVERY.as_millis() as u32 / 1000;
        for _ in 0..ticks {
            for _ in 0..bids {
                self.one_bid();
            }
            let now = Instant::now();
            self.nodes.iter().for_each(|node| node.digest(true, false, now));
            advance(limits::DIGEST_EVERY).await;
        }
    }

    fn one_bid(&mut self) {
        let at = self.random.random_range(0..self.auctions.len());
        let came_to = self.nodes[self.random.random_range(0..self.nodes.len())].node().clone();
        let auction = &mut self.auctions[at];
        let owner = rendezvous::owner(&auction.id, self.nodes.iter().map(Publisher::node));
        let owner = owner.expect("there are nodes").clone();
        let writer = self.nodes.iter().find(|node| *node.node() == owner).expect("it is one");

        let now = clock::now();
        let mut request = bid("sim-bidder-17", auction.minimum_bid().minor_units(), now);
        request.bidder_id = format!("sim-bidder-{}", auction.sequence % 100).into();
        request.auction_id = auction.id.clone();
        request.amount = Amount::new(request.amount.minor_units()).expect("an amount");
        request.sent_at = Some(now);
        request.traceparent =
            Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00".into());
        let key = Some(IdempotencyKey::random());
        request.forwarded_at = (owner != came_to).then_some(now);
        let expected_version = auction.version;
        let accepted = decide(auction, &request).expect("it is high enough");
        auction.version += 1;
        if owner != came_to {
            let forwarded = PlaceBid { request, key: key.clone(), trace: None };
            self.bus.add("forwarded bid", encode_bid(&forwarded).len(), 1);
            let answer = Ok(BidAnswer::Accepted {
                stored: StoredBid { bid: accepted.clone(), written_at: now },
                repeated: false,
                committed_at: now,
                group: Some(Committed { bids: 1, spans: None }),
            });
            self.bus.add("its answer", encode_answer(&answer).len(), 1);
        }
        let written = Transaction {
            token: String::new(),
            expected_version,
            auction: auction.clone(),
            bids: vec![NewBid { bid: accepted, key }],
            newcomers: Vec::new(),
            written_at: now,
        };
        writer.before(&auction.id, auction.version);
        writer.committed(&written);
        if self.announcer == Announcer::Relay {
            self.is_read(&written);
        }
    }

    /// Two nodes read its records.
    fn is_read(&self, written: &Transaction) {
        let (id, at) = (&written.auction.id, written.written_at);
        let bid = &written.bids[0].bid;
        let (sequence, version) = (written.auction.sequence, written.auction.version);
        for reader in &self.nodes[..limits::STREAM_READERS_MAX] {
            let reached = Reached { sequence, version: 0 };
            reader.read(id, reached, &item::bid_item(bid, at));
            let reached = Reached { sequence, version };
            reader.read(id, reached, &item::auction_item(&written.auction, at));
        }
    }

    /// The flows a second of a run.
    fn per_second(&self, lasts: Duration) -> BTreeMap<&'static str, Flow> {
        let seconds = lasts.as_secs();
        let of = |flow: Flow| Flow {
            sent: flow.sent / seconds,
            delivered: flow.delivered / seconds,
            sent_bytes: flow.sent_bytes / seconds,
            delivered_bytes: flow.delivered_bytes / seconds,
        };
        self.bus.flows.lock().iter().map(|(what, flow)| (*what, of(*flow))).collect()
    }
}

/// `cargo test -p gavel-core --lib traffic -- --nocapture` prints the figures.
#[tokio::test(start_paused = true)]
async fn messages_grow_with_bids_and_nodes_as_stated() {
    let lasts = Duration::from_secs(1);
    for announcer in [Announcer::Lane, Announcer::Relay] {
        for (nodes, auctions, bids) in [(2, 100, 1_000), (15, 1_000, 10_000), (50, 1_000, 10_000)] {
            let mut house = House::new(nodes, auctions, announcer);
            // Until every auction has had a bid, so that digests are as long as they get.
            house.run(bids, lasts / 2).await;
            house.bus.flows.lock().clear();
            house.run(bids, lasts).await;
            let flows = house.per_second(lasts);
            println!("{announcer:?}: {nodes} nodes, {auctions} auctions, {bids} bids a second");
            let mut all = Flow::default();
            for (what, flow) in &flows {
                println!("  {what:14} {flow:?}");
                all.sent += flow.sent;
                all.delivered += flow.delivered;
                all.sent_bytes += flow.sent_bytes;
                all.delivered_bytes += flow.delivered_bytes;
            }
            println!("  {:14} {all:?}", "all");
            let (bids, others) = (u64::from(bids), nodes as u64 - 1);
            let near = |flow: u64, expected: u64| flow.abs_diff(expected) * 20 <= expected.max(20);
            let forwarded = flows["forwarded bid"];
            assert!(near(forwarded.sent, bids * others / nodes as u64), "{forwarded:?}");
            let events = flows["event"];
            let per_bid = if announcer == Announcer::Lane { 1 } else { 4 };
            assert!(near(events.sent, bids * per_bid), "{events:?}");
            assert!(near(events.delivered, bids * per_bid * others), "{events:?}");
            let digests = flows["digest"];
            assert!(digests.sent >= nodes as u64 * 4, "{digests:?}");
        }
    }
}
