//! A bid as a client sees it.

use async_graphql::{Enum, ID, SimpleObject};
use gavel_core::auction;
use gavel_core::broker::{PublishedBid, Source};
use gavel_core::store::StoredBid;
use gavel_trace::Context;

use crate::graphql::scalar::{DateTime, MinorUnits};

/// An accepted bid.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(name = "Bid")]
pub struct BidObject {
    /// The id of the bid.
    id: ID,
    /// The auction it belongs to.
    auction_id: ID,
    /// The number of the bid within the auction: 1, 2, 3, without gaps.
    sequence: i32,
    /// The bidder.
    bidder_id: ID,
    /// The amount of the bid.
    amount: MinorUnits,
    /// The minimum amount of the next bid after this one; null if no higher bid is possible, or if
    /// a version of the service without this field wrote the bid.
    minimum_bid: Option<MinorUnits>,
    /// The time of the bid: when the server received it.
    received_at: DateTime,
    /// The end of the auction after this bid.
    ends_at: DateTime,
    /// Whether the reserve is met after this bid.
    reserve_met: bool,
    /// When the bid passed each hop.
    timing: BidTiming,
    /// The W3C trace context to continue, in the trace that the bid came with: the span of its
    /// delivery or of its transaction if the trace is kept, else the client's own.
    traceparent: Option<String>,
}

/// Where this server read a bid from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum BidSource {
    /// A record of the DynamoDB stream.
    Stream,
    /// The lane that wrote it.
    Lane,
    /// The server that wrote it, or read its record, over the bus of the cluster.
    Bus,
    /// The table.
    Table,
}

/// When a bid passed each hop. `sentAt` is by the client's clock, the others by the clocks of the
/// servers.
#[derive(Debug, Clone, SimpleObject)]
pub struct BidTiming {
    /// When the client sent it, as the client says.
    sent_at: Option<DateTime>,
    /// When the server received it.
    received_at: DateTime,
    /// When the server that writes the auction received it from the one that its client sent it to;
    /// null if they are the same.
    forwarded_at: Option<DateTime>,
    /// When the lane sealed its transaction.
    written_at: DateTime,
    /// When the relay read it; null if it was not read from the stream or table for watchers.
    read_at: Option<DateTime>,
    /// When the broker published it; null in the same cases as `readAt`.
    published_at: Option<DateTime>,
    /// Where this server read it from.
    source: BidSource,
}

impl BidObject {
    /// A bid as the lane has just written it.
    pub fn from_lane(stored: StoredBid) -> Self {
        Self::new(&stored.bid, stored.written_at, BidSource::Lane)
    }

    /// A bid as the table has it.
    pub fn from_table(stored: StoredBid) -> Self {
        Self::new(&stored.bid, stored.written_at, BidSource::Table)
    }

    /// A bid as the broker publishes it, in the span of its delivery if its trace is kept.
    pub fn from_published(published: &PublishedBid, span: Option<Context>) -> Self {
        let source = match published.source {
            Source::Stream => BidSource::Stream,
            Source::Lane => BidSource::Lane,
            Source::Bus => BidSource::Bus,
            Source::Table => BidSource::Table,
        };
        let mut bid = Self::new(&published.bid, published.written_at, source);
        bid.timing.read_at = Some(DateTime(published.read_at));
        bid.timing.published_at = Some(DateTime(published.published_at));
        if let Some(span) = span {
            bid.traceparent = Some(span.to_string());
        }
        bid
    }

    fn new(bid: &auction::Bid, written_at: auction::Timestamp, source: BidSource) -> Self {
        Self {
            id: ID(bid.id.to_string()),
            auction_id: ID(bid.auction_id.to_string()),
            sequence: int(bid.sequence),
            bidder_id: ID(bid.bidder_id.to_string()),
            amount: MinorUnits(bid.amount),
            minimum_bid: bid.minimum_bid.map(MinorUnits),
            received_at: DateTime(bid.received_at),
            ends_at: DateTime(bid.ends_at),
            reserve_met: bid.reserve_met,
            timing: BidTiming {
                sent_at: bid.sent_at.map(DateTime),
                received_at: DateTime(bid.received_at),
                forwarded_at: bid.forwarded_at.map(DateTime),
                written_at: DateTime(written_at),
                read_at: None,
                published_at: None,
                source,
            },
            traceparent: bid.traceparent.clone(),
        }
    }
}

/// Converts a counter to a GraphQL Int.
pub(super) fn int(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
