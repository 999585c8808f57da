//! Counts of the lanes: bids by outcome, transactions, and the hops up to the commit.

use super::command::{BidAnswer, LaneError};
use crate::auction::{RejectionCode, Timestamp};
use crate::labels;
use crate::limits;
use crate::metrics;
use crate::metrics::{Counter, CounterVec, Durations, Sizes};
use crate::store::Transaction;

labels! {
    /// The outcome of a bid, as its client sees it.
    pub BidOutcome {
        /// The bid is in the table.
        Accepted = "ACCEPTED",
        /// A repeat, by key or by the leader's amount: answered as before.
        Repeated = "REPEATED",
        /// See [`RejectionCode`].
        TooLow = "TOO_LOW",
        /// See [`RejectionCode`].
        TooHigh = "TOO_HIGH",
        /// See [`RejectionCode`].
        NotOpen = "NOT_OPEN",
        /// See [`RejectionCode`].
        Closed = "CLOSED",
        /// See [`RejectionCode`].
        OwnAuction = "OWN_AUCTION",
        /// See [`RejectionCode`].
        AlreadyLeading = "ALREADY_LEADING",
        /// See [`LaneError`].
        NotFound = "NOT_FOUND",
        /// See [`LaneError`].
        IdempotencyConflict = "IDEMPOTENCY_CONFLICT",
        /// See [`LaneError`].
        Contention = "CONTENTION",
        /// See [`LaneError`].
        OutcomeUnknown = "OUTCOME_UNKNOWN",
        /// See [`LaneError`].
        StoreUnavailable = "STORE_UNAVAILABLE",
        /// See [`LaneError`].
        Overloaded = "OVERLOADED",
        /// See [`LaneError`].
        Internal = "INTERNAL",
    }
}

labels! {
    /// The outcome of a transaction.
    pub CommitOutcome {
        /// It is in the table.
        Committed = "committed",
        /// Another server wrote the auction first.
        VersionTaken = "version_taken",
        /// Some of its idempotency keys exist already.
        KeysTaken = "keys_taken",
        /// Definitely not written.
        Unavailable = "unavailable",
        /// Unknown whether it was written.
        Unknown = "unknown",
        /// A bug in this service.
        Impossible = "impossible",
    }
}

labels! {
    /// Where no capacity was left for a command.
    pub NoPlace {
        /// In the queue of its auction.
        Queue = "lane_queue",
        /// In the set of lanes.
        Lanes = "lanes",
    }
}

impl From<&Result<BidAnswer, LaneError>> for BidOutcome {
    fn from(answer: &Result<BidAnswer, LaneError>) -> Self {
        match answer {
            Ok(BidAnswer::Accepted { repeated: false, .. }) => Self::Accepted,
            Ok(BidAnswer::Accepted { repeated: true, .. }) => Self::Repeated,
            Ok(BidAnswer::Rejected { code, .. }) => match code {
                RejectionCode::TooLow => Self::TooLow,
                RejectionCode::TooHigh => Self::TooHigh,
                RejectionCode::NotOpen => Self::NotOpen,
                RejectionCode::Closed => Self::Closed,
                RejectionCode::OwnAuction => Self::OwnAuction,
                RejectionCode::AlreadyLeading => Self::AlreadyLeading,
            },
            Err(error) => match error {
                LaneError::NotFound => Self::NotFound,
                LaneError::IdempotencyConflict => Self::IdempotencyConflict,
                LaneError::Contention => Self::Contention,
                LaneError::OutcomeUnknown => Self::OutcomeUnknown,
                LaneError::StoreUnavailable | LaneError::Stopping => Self::StoreUnavailable,
                LaneError::Overloaded => Self::Overloaded,
                LaneError::Transition(_) | LaneError::Internal => Self::Internal,
            },
        }
    }
}

metrics! {
    /// The counts of the lanes of a process.
    pub LaneCounts {
        /// Bids by outcome, as clients see it.
        bids: CounterVec<BidOutcome> = "gavel_bids_total" by "outcome",
        /// Transactions by outcome.
        commits: CounterVec<CommitOutcome> = "gavel_commits_total" by "outcome",
        /// Transactions that were resent unchanged.
        resends: Counter = "gavel_commit_resends_total",
        /// Bids per committed transaction, where it has any.
        group_bids: Sizes = "gavel_group_commit_bids",
        /// Commands for which no capacity was left: limits that were reached.
        no_place: CounterVec<NoPlace>,
        /// From the client's timestamp to the receipt, for bids that have one.
        request: Durations = "gavel_hop_seconds" hop "request",
        /// From the receipt to the receipt by the node that decided it, for bids that were forwarded.
        forward: Durations = "gavel_hop_seconds" hop "forward",
        /// From the receipt, by the node that decided it, to the sealed transaction.
        lane: Durations = "gavel_hop_seconds" hop "lane",
        /// From the sealed transaction to DynamoDB's acknowledgement.
        commit: Durations = "gavel_hop_seconds" hop "commit",
    }
}

impl LaneCounts {
    /// Counts an acknowledged transaction.
    pub(super) fn committed(&self, written: &Transaction, committed_at: Timestamp) {
        if !written.bids.is_empty() {
            self.group_bids.add(written.bids.len());
        }
        for new in &written.bids {
            if let Some(sent_at) = new.bid.sent_at.filter(|at| is_near(*at, new.bid.received_at)) {
                self.request.between(sent_at, new.bid.received_at);
            }
            if let Some(forwarded_at) = new.bid.forwarded_at {
                self.forward.between(new.bid.received_at, forwarded_at);
            }
            self.lane.between(new.bid.here_at(), written.written_at);
            self.commit.between(written.written_at, committed_at);
        }
    }
}

/// Whether a client's timestamp is plausible for this bid: a wrong or invented one would outweigh
/// all others.
fn is_near(sent_at: Timestamp, received_at: Timestamp) -> bool {
    let apart = received_at.since(sent_at).max(sent_at.since(received_at));
    apart <= limits::SENT_AT_SKEW_MAX
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_stamp_that_is_far_from_the_clock_is_none_of_this_bid() {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let max = limits::SENT_AT_SKEW_MAX;
        let later = now.plus(max);
        assert!(is_near(now, later) && is_near(later, now) && is_near(now, now));
        let beyond = later.plus(Duration::from_micros(1));
        assert!(!is_near(now, beyond) && !is_near(beyond, now));
        assert!(!is_near(Timestamp::from_micros(i64::MIN), now));
        assert!(!is_near(Timestamp::from_micros(i64::MAX), now));
    }
}
