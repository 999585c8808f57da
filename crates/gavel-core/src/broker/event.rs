//! What travels from the relay, the lane or the table to the topics.

use gavel_trace::Context;

use crate::auction::{Auction, AuctionId, Bid, Timestamp};

/// A change of an auction that is in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A bid was accepted.
    Bid(Bid),
    /// The auction item was written: its whole image.
    State(Auction),
}

impl Event {
    /// The auction that changed.
    pub fn auction_id(&self) -> &AuctionId {
        match self {
            Self::Bid(bid) => &bid.auction_id,
            Self::State(auction) => &auction.id,
        }
    }
}

/// Where the process learnt of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// A stream record.
    Stream,
    /// The lane, right after the commit (`hybrid` mode).
    Lane,
    /// Another node of the cluster, over the bus.
    Bus,
    /// The table: a repair or a replay.
    Table,
}

/// An event with the stamps of its hops so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// What happened.
    pub event: Event,
    /// When the lane sealed the transaction that wrote it (in the item).
    pub written_at: Timestamp,
    /// When this process read it.
    pub read_at: Timestamp,
    /// From where.
    pub source: Source,
}

/// A bid as it is told to watchers, with the stamps of its hops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedBid {
    /// The bid.
    pub bid: Bid,
    /// When the lane sealed the transaction that wrote it.
    pub written_at: Timestamp,
    /// When this process read it.
    pub read_at: Timestamp,
    /// When the broker put it in order and published it.
    pub published_at: Timestamp,
    /// From where it was read.
    pub source: Source,
    /// The span of its publication, if its trace is kept.
    pub trace: Option<Context>,
}
