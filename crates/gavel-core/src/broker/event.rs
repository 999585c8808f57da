//! Events that travel from the relay, the lane or the table to the topics.

use gavel_trace::Context;

use crate::auction::{Auction, AuctionId, Bid, Timestamp};

/// A change of an auction, already in the table.
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

/// Where the process read an event from.
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

/// An event with the timestamps of its hops so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The event.
    pub event: Event,
    /// When the lane sealed the transaction that wrote it (in the item).
    pub written_at: Timestamp,
    /// When this process read it.
    pub read_at: Timestamp,
    /// Where it was read from.
    pub source: Source,
}

/// A bid as published to watchers, with the timestamps of its hops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedBid {
    /// The bid.
    pub bid: Bid,
    /// When the lane sealed the transaction that wrote it.
    pub written_at: Timestamp,
    /// When this process read it.
    pub read_at: Timestamp,
    /// When the broker ordered and published it.
    pub published_at: Timestamp,
    /// Where it was read from.
    pub source: Source,
    /// The span of its publication, if its trace is kept.
    pub trace: Option<Context>,
}
