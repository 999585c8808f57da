//! The counts of the broker.

use super::event::{PublishedBid, Source};
use crate::metrics;
use crate::metrics::{Counter, CounterVec, Durations, Label};

impl Label for Source {
    const ALL: &'static [Self] = &[Self::Stream, Self::Lane, Self::Bus, Self::Table];

    fn label(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Lane => "lane",
            Self::Bus => "bus",
            Self::Table => "table",
        }
    }
}

metrics! {
    /// The counts of a broker.
    pub BrokerCounts {
        /// Bids published to watchers, by the source they were read from.
        published: CounterVec<Source> = "gavel_published_bids_total" by "source",
        /// Gaps that were filled from the table.
        repairs: Counter = "gavel_repairs_total",
        /// Bids that were read from the table to fill gaps.
        repaired: Counter = "gavel_repaired_bids_total",
        /// Writes that the stream did not show in time.
        late: Counter = "gavel_late_writes_total",
        /// Watched auctions that were read because the stream showed nothing.
        quiet_checks: Counter = "gavel_quiet_checks_total",
        /// Auctions of which the bus showed bids that the table does not have.
        contradicted: Counter = "gavel_bus_contradicted_total",
        /// Auctions for which no capacity to watch was left: a limit that was reached.
        no_place: Counter,
        /// From the sealed transaction to the read.
        store_and_stream: Durations = "gavel_hop_seconds" hop "store_and_stream",
        /// From the read to the publication.
        relay: Durations = "gavel_hop_seconds" hop "relay",
    }
}

impl BrokerCounts {
    pub(super) fn published(&self, bid: &PublishedBid) {
        self.published.inc(bid.source);
        self.store_and_stream.between(bid.written_at, bid.read_at);
        self.relay.between(bid.read_at, bid.published_at);
    }
}
