//! Commands to a lane, and its answers.

use std::sync::Arc;

use gavel_trace::Context;
use tokio::sync::oneshot;

use crate::auction::{Auction, BidRequest, RejectionCode, Timestamp, Transition, TransitionError};
use crate::store::{IdempotencyKey, StoredBid};

/// A bid to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceBid {
    /// The bid as received.
    pub request: BidRequest,
    /// The idempotency key, if the client gave one.
    pub key: Option<IdempotencyKey>,
    /// The span of the bid's transaction, if the trace is kept.
    pub trace: Option<Context>,
}

/// A decided bid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BidAnswer {
    /// The bid is in the table.
    Accepted {
        /// The bid as written.
        stored: StoredBid,
        /// Whether an earlier request with the same key wrote it.
        repeated: bool,
        /// When DynamoDB acknowledged the write; for a repeat whose first answer this process does
        /// not remember, when the write was sealed.
        committed_at: Timestamp,
        /// The group that wrote it; `None` for a repeat.
        group: Option<Committed>,
    },
    /// The bid is not in the table and never will be.
    Rejected {
        /// Why the bid was rejected.
        code: RejectionCode,
        /// The state of the auction on which it was decided.
        auction: Box<Auction>,
    },
}

/// A committed group, as the traces of its bids show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// How many bids it wrote.
    pub bids: usize,
    /// The transaction's span in each trace that is kept; `None` if none is.
    pub spans: Option<Arc<[Context]>>,
}

impl Committed {
    /// A group of bids with these transaction spans. Allocates nothing unless a trace is kept.
    pub fn of(traces: impl Iterator<Item = Option<Context>> + Clone) -> Self {
        let is_traced = traces.clone().any(|trace| trace.is_some());
        let spans = is_traced.then(|| traces.clone().flatten().collect());
        Self { bids: traces.count(), spans }
    }
}

/// Why a lane could not decide or write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LaneError {
    /// There is no such auction.
    #[error("no auction has this id")]
    NotFound,
    /// The key was used for another amount.
    #[error("this idempotency key was used for a bid of another amount; use a new key")]
    IdempotencyConflict,
    /// Other servers kept writing the auction first. Nothing was written, and no bid exists under
    /// the key.
    #[error("other servers are writing this auction; this request wrote nothing, try again")]
    Contention,
    /// Whether it was written is unknown.
    #[error("the bid may or may not be accepted; send it again with the same idempotency key")]
    OutcomeUnknown,
    /// Definitely not written, and no bid exists under the key.
    #[error("the store does not answer; this request wrote nothing, try again")]
    StoreUnavailable,
    /// The server accepts no more commands. Nothing was written, and the bid has no key.
    #[error("this server is shutting down; this request wrote nothing, try again")]
    Stopping,
    /// The lane's queue is full, or there are too many lanes. This request wrote nothing; its key
    /// was not looked up.
    #[error(
        "too many bids are waiting for this auction; this request wrote nothing (an earlier one \
         with the same idempotency key may have), try again"
    )]
    Overloaded,
    /// The auction cannot change in this way.
    #[error(transparent)]
    Transition(#[from] TransitionError),
    /// A bug in this service; the log has the details.
    #[error("internal error")]
    Internal,
}

impl LaneError {
    /// Whether this error states, for a bid with an idempotency key, that no bid exists under that
    /// key.
    pub(super) fn denies_key(&self) -> bool {
        matches!(self, Self::Contention | Self::StoreUnavailable | Self::Stopping)
    }

    /// The error for a bid whose key, if any, was not looked up: an earlier request with the same
    /// key may have been written.
    pub(super) fn without_lookup(self, bid: &PlaceBid) -> Self {
        if bid.key.is_some() && self.denies_key() { Self::OutcomeUnknown } else { self }
    }
}

/// Where a bid's answer goes.
pub(super) type BidReply = oneshot::Sender<Result<BidAnswer, LaneError>>;
/// Where a transition's answer goes.
pub(super) type TransitionReply = oneshot::Sender<Result<Auction, LaneError>>;

/// A command in a lane's queue.
#[derive(Debug)]
pub(super) enum Command {
    /// Decide a bid.
    Bid(Box<PlaceBid>, BidReply),
    /// Open, close or cancel.
    Transition(Transition, TransitionReply),
}

impl Command {
    /// The bid, if this command is one.
    pub(super) fn bid(&self) -> Option<&PlaceBid> {
        match self {
            Self::Bid(bid, _) => Some(bid),
            Self::Transition(..) => None,
        }
    }

    /// Answers with an error; the bid's key, if any, was not looked up.
    pub(super) fn fail(self, error: LaneError) {
        match self {
            Self::Bid(bid, reply) => answer(reply, Err(error.without_lookup(&bid))),
            Self::Transition(_, reply) => answer(reply, Err(error)),
        }
    }
}

/// Sends the answer. The caller may be gone; the decision stands all the same.
pub(super) fn answer<T>(reply: oneshot::Sender<T>, value: T) {
    reply.send(value).ok();
}
