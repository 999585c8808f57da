//! What a node counts of its cluster.

use crate::labels;
use crate::metrics;
use crate::metrics::{Counter, CounterVec};

labels! {
    /// A kind of message.
    pub Kind {
        /// Bids and states of an auction.
        Event = "event",
        /// A digest.
        Digest = "digest",
        /// A version that is being written.
        Awaited = "awaited",
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
