//! What a node counts of its cluster.

use crate::metrics;
use crate::metrics::{Counter, CounterVec, Label};

/// A kind of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Bids and states of an auction.
    Event,
    /// A digest.
    Digest,
    /// A version that is being written.
    Awaited,
}

impl Label for Kind {
    const ALL: &'static [Self] = &[Self::Event, Self::Digest, Self::Awaited];

    fn label(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Digest => "digest",
            Self::Awaited => "awaited",
        }
    }
}

metrics! {
    /// The counts of a node.
    pub ClusterCounts {
        /// Messages that were sent.
        sent: CounterVec<Kind> = "gavel_bus_sent_total" by "kind",
        /// Messages that came.
        received: CounterVec<Kind> = "gavel_bus_received_total" by "kind",
        /// Messages that could not be read.
        malformed: Counter = "gavel_bus_malformed_total",
        /// Auctions that were read from the table because a digest was ahead of them.
        behind: Counter = "gavel_bus_behind_total",
        /// Times that the live topics were checked because the bus was not to be trusted.
        checks: Counter = "gavel_bus_checks_total",
        /// Changes that found no room among those of the digests.
        no_room: Counter = "gavel_bus_digest_full_total",
    }
}
