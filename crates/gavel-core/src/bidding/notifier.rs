//! What a lane reports of its writes: to the relay, which then reads the stream for them, or, in
//! hybrid mode, to the broker itself; and to the other nodes of a cluster.

use tokio::time::Instant;

use crate::auction::{AuctionId, Timestamp};
use crate::broker::demand::Demand;
use crate::broker::{Broker, Envelope, Event, Source};
use crate::cluster::Publisher;
use crate::store::{Dynamo, Table, Transaction};

/// Who is notified.
#[derive(Debug)]
pub struct CommitNotifier<T = Dynamo> {
    to: Notified<T>,
    /// The other nodes.
    publisher: Option<Publisher>,
}

/// Who is notified in this process.
#[derive(Debug)]
pub enum Notified<T = Dynamo> {
    /// The relay: which version is about to be written, and when it was acknowledged.
    Relay(Demand),
    /// The broker: receives what was written, as soon as it was acknowledged. The stream fills gaps
    /// and brings the writes of other servers.
    Broker(Broker<T>),
    /// Nobody: the stream is read on a schedule of its own.
    Nobody,
}

impl<T> Clone for Notified<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Relay(demand) => Self::Relay(demand.clone()),
            Self::Broker(broker) => Self::Broker(broker.clone()),
            Self::Nobody => Self::Nobody,
        }
    }
}

impl<T> Clone for CommitNotifier<T> {
    fn clone(&self) -> Self {
        Self { to: self.to.clone(), publisher: self.publisher.clone() }
    }
}

impl<T: Table> CommitNotifier<T> {
    /// A notifier of this process's parts, and of the other nodes if there is a cluster.
    pub fn new(to: Notified<T>, publisher: Option<Publisher>) -> Self {
        Self { to, publisher }
    }

    /// A version is about to be written. Before the write: the stream may show it before its answer
    /// arrives.
    pub(super) fn before(&self, id: &AuctionId, version: u64) {
        if let Notified::Relay(demand) = &self.to {
            demand.declare(id, version, Instant::now());
        }
        if let Some(publisher) = &self.publisher {
            publisher.before(id, version);
        }
    }

    /// The write was acknowledged.
    pub(super) fn committed(&self, written: &Transaction, committed_at: Timestamp) {
        let auction = &written.auction;
        match &self.to {
            Notified::Relay(demand) => {
                demand.committed(&auction.id, auction.version, Instant::now());
            }
            Notified::Broker(broker) if broker.is_live(&auction.id) => {
                let bids = written.bids.iter().map(|new| Event::Bid(new.bid.clone()));
                for event in bids.chain([Event::State(auction.clone())]) {
                    let written_at = written.written_at;
                    let read_at = committed_at;
                    broker.publish(Envelope { event, written_at, read_at, source: Source::Lane });
                }
            }
            Notified::Broker(_) | Notified::Nobody => {}
        }
        if let Some(publisher) = &self.publisher {
            publisher.committed(written);
        }
    }

    /// The version was not written.
    pub(super) fn not_written(&self, id: &AuctionId, version: u64) {
        if let Notified::Relay(demand) = &self.to {
            demand.withdraw(id, version);
        }
    }
}

impl<T> From<Notified<T>> for CommitNotifier<T> {
    fn from(to: Notified<T>) -> Self {
        Self { to, publisher: None }
    }
}
