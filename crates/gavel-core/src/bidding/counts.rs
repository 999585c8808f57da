//! What lanes count: bids by what became of them, transactions, and the hops up to the commit.

use super::command::{BidAnswer, LaneError};
use crate::auction::{RejectionCode, Timestamp};
use crate::labels;
use crate::limits;
use crate::metrics;
use crate::metrics::{Counter, CounterVec, Durations, Sizes};
use crate::store::Transaction;

labels! {
    /// What became of a bid: as its client is told.
    pub BidOutcome {
        /// It is in the table.
        Accepted = "ACCEPTED",
        /// The same key, or the leader's same amount, once more: the first answer again.
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
    /// What became of a transaction.
    pub CommitOutcome {
        /// It is in the table.
        Committed = "committed",
        /// Another server wrote the auction first.
        VersionTaken = "version_taken",
        /// Some of its keys were remembered.
        KeysTaken = "keys_taken",
        /// Certainly not written.
        Unavailable = "unavailable",
        /// Nobody knows.
        Unknown = "unknown",
        /// A programmer's error.
        Impossible = "impossible",
    }
}

labels! {
    /// Where there was no place for a command.
    pub NoPlace {
        /// In the queue of its auction.
        Queue = "lane_queue",
        /// Among the lanes.
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
        /// Bids by what their clients were told.
        bids: CounterVec<BidOutcome> = "gavel_bids_total" by "outcome",
        /// Transactions by what became of them.
        commits: CounterVec<CommitOutcome> = "gavel_commits_total" by "outcome",
        /// Transactions that were sent again unchanged.
        resends: Counter = "gavel_commit_resends_total",
        /// Bids in each committed transaction that had some.
        group_bids: Sizes = "gavel_group_commit_bids",
        /// Commands that found no place: limits that were met.
        no_place: CounterVec<NoPlace>,
        /// From the client's stamp to the service's, of bids that have one.
        request: Durations = "gavel_hop_seconds" hop "request",
        /// From there to the seal.
        lane: Durations = "gavel_hop_seconds" hop "lane",
        /// From the seal to the store's acknowledgement.
        commit: Durations = "gavel_hop_seconds" hop "commit",
    }
}

impl LaneCounts {
    /// A transaction was acknowledged.
    pub(super) fn committed(&self, written: &Transaction, committed_at: Timestamp) {
        if !written.bids.is_empty() {
            self.group_bids.add(written.bids.len());
        }
        for new in &written.bids {
            if let Some(sent_at) = new.bid.sent_at.filter(|at| is_near(*at, new.bid.received_at)) {
                self.request.between(sent_at, new.bid.received_at);
            }
            self.lane.between(new.bid.received_at, written.written_at);
            self.commit.between(written.written_at, committed_at);
        }
    }
}

/// Whether a client's stamp can be of this bid: a wrong or invented one would outweigh all others.
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
