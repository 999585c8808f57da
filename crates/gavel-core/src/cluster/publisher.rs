//! The sending half of a node: what lanes write and the relay reads goes to the other nodes.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::bus::{Bus, Subject};
use super::counts::{ClusterCounts, Kind};
use super::digest::{Reached, Recent};
use super::message::{self, Awaited, Digest};
use crate::auction::AuctionId;
use crate::limits;
use crate::store::Transaction;
use crate::store::item::Item;
use crate::store::lease::NodeId;

/// Who sends bids and states to the other nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announcer {
    /// The lane's node, at the acknowledgement.
    Lane,
    /// The nodes that read the stream, as they read.
    Relay,
}

/// What a node sends. Clones share it.
#[derive(Clone)]
pub struct Publisher(Arc<Inner>);

struct Inner {
    node: NodeId,
    bus: Arc<dyn Bus>,
    announcer: Announcer,
    recent: Mutex<Recent>,
    counts: Arc<ClusterCounts>,
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Publisher").field(&self.0.node).finish()
    }
}

impl Publisher {
    /// Of a node, to a bus.
    pub fn new(node: NodeId, bus: Arc<dyn Bus>, announcer: Announcer) -> Self {
        let (recent, counts) = (Mutex::default(), Arc::default());
        Self(Arc::new(Inner { node, bus, announcer, recent, counts }))
    }

    /// This node.
    pub fn node(&self) -> &NodeId {
        &self.0.node
    }

    /// The bus.
    pub fn bus(&self) -> &Arc<dyn Bus> {
        &self.0.bus
    }

    /// What it counts.
    pub fn counts(&self) -> Arc<ClusterCounts> {
        Arc::clone(&self.0.counts)
    }

    /// A lane is about to write a version: who reads the stream hurries.
    pub fn before(&self, id: &AuctionId, version: u64) {
        self.awaited(id, version, false);
    }

    /// A lane's transaction was acknowledged.
    pub fn committed(&self, written: &Transaction) {
        let auction = &written.auction;
        self.note(&auction.id, auction.sequence, auction.version);
        match self.0.announcer {
            Announcer::Lane => {
                self.event(&auction.id, message::encode_transaction(written));
            }
            Announcer::Relay => self.awaited(&auction.id, auction.version, true),
        }
    }

    /// The relay has read an item.
    pub fn read(&self, id: &AuctionId, reached: Reached, item: &Item) {
        self.note(id, reached.sequence, reached.version);
        if self.0.announcer == Announcer::Relay {
            self.event(id, message::encode_items([item]));
        }
    }

    /// Says that this node lives, what it has changed of late, and whether it goes.
    pub(crate) fn digest(&self, watches: bool, leaves: bool, now: Instant) {
        let reached = self.0.recent.lock().digest(now);
        let digest = |reached: &[(AuctionId, Reached)]| {
            let node = self.0.node.clone();
            Digest { node, watches, leaves, reached: reached.to_vec() }.encode()
        };
        if reached.is_empty() {
            self.send(Kind::Digest, Subject::Digests, digest(&[]));
        }
        for part in reached.chunks(limits::DIGEST_AUCTIONS_MAX) {
            self.send(Kind::Digest, Subject::Digests, digest(part));
        }
    }

    fn note(&self, id: &AuctionId, sequence: u64, version: u64) {
        let reached = Reached { sequence, version };
        if !self.0.recent.lock().note(id, reached, Instant::now()) {
            self.0.counts.no_room.inc();
        }
    }

    fn awaited(&self, id: &AuctionId, version: u64, committed: bool) {
        if self.0.announcer == Announcer::Relay {
            let awaited = Awaited { auction: id.to_string(), version, committed };
            self.send(Kind::Awaited, Subject::Awaited, awaited.encode());
        }
    }

    /// One that is too large is not sent: digests have its receivers read the table.
    fn event(&self, id: &AuctionId, message: Vec<u8>) {
        if message.len() <= limits::BUS_MESSAGE_BYTES_MAX {
            self.send(Kind::Event, Subject::Auction(id), message);
        }
    }

    fn send(&self, kind: Kind, subject: Subject<'_>, message: Vec<u8>) {
        self.0.counts.sent.inc(kind);
        self.0.bus.publish(subject, message);
    }
}
