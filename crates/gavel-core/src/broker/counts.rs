//! What the broker counts.

use super::event::{PublishedBid, Source};
use crate::metrics::{CountBy, Counter, Durations, Label};

impl Label for Source {
    const ALL: &'static [Self] = &[Self::Stream, Self::Lane, Self::Table];

    fn label(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Lane => "lane",
            Self::Table => "table",
        }
    }
}

/// The counts of a broker.
#[derive(Debug, Default)]
pub struct BrokerCounts {
    /// Bids that were published, by where they were read.
    pub published: CountBy<Source>,
    /// Repairs that were started.
    pub repairs: Counter,
    /// Bids that repairs have read.
    pub repaired: Counter,
    /// Writes that the stream did not show in time.
    pub late: Counter,
    /// Auctions that were read because the stream showed nothing.
    pub quiet_checks: Counter,
    /// Auctions that found no place among those that are watched.
    pub no_place: Counter,
    /// The hop from the seal to the read.
    pub store_and_stream: Durations,
    /// The hop from the read to the publication.
    pub relay: Durations,
}

impl BrokerCounts {
    pub(super) fn published(&self, bid: &PublishedBid) {
        self.published.inc(bid.source);
        self.store_and_stream.between(bid.written_at, bid.read_at);
        self.relay.between(bid.read_at, bid.published_at);
    }
}
