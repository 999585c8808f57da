//! Opening, closing and cancelling.

use std::time::Duration;

use super::state::{Auction, Status};
use super::types::Timestamp;

/// A change of an auction's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// The seller or the clock opens it.
    Open,
    /// The clock closes it, `grace` after its end.
    Close {
        /// How long to wait after the end before closing: at least the clock skew allowed between
        /// servers.
        grace: Duration,
    },
    /// The seller or an auctioneer cancels it.
    Cancel {
        /// Who cancels it.
        by: Canceller,
    },
}

/// Who cancels an auction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Canceller {
    /// The seller, until the end; afterwards the seller could choose by the result.
    Seller,
    /// An auctioneer, or the schedule: until it is closed.
    Auctioneer,
}

/// What a transition did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The auction has changed and must be written.
    Changed,
    /// The auction was in this state already, or its time has not come: nothing to write.
    Unchanged,
}

/// Why a transition is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransitionError {
    /// A closed or cancelled auction never changes again.
    #[error("the auction is already {0}")]
    Final(&'static str),
    /// An auction past its end cannot be opened.
    #[error("endsAt has passed, so the auction cannot be opened; create another")]
    EndPassed,
    /// A seller may not cancel an auction once its result is known.
    #[error("endsAt has passed; until the auction is closed only an auctioneer may cancel it")]
    CancelledLate,
}

/// Applies a transition at the given time.
pub fn apply(
    auction: &mut Auction,
    transition: Transition,
    now: Timestamp,
) -> Result<Applied, TransitionError> {
    match transition {
        Transition::Open => open(auction, now),
        Transition::Close { grace } => Ok(close(auction, grace, now)),
        Transition::Cancel { by } => cancel(auction, by, now),
    }
}

fn open(auction: &mut Auction, now: Timestamp) -> Result<Applied, TransitionError> {
    match auction.status {
        Status::Open => Ok(Applied::Unchanged),
        Status::Closed => Err(TransitionError::Final("CLOSED")),
        Status::Cancelled => Err(TransitionError::Final("CANCELLED")),
        Status::Draft if auction.has_ended(now) => Err(TransitionError::EndPassed),
        Status::Draft => {
            auction.status = Status::Open;
            if auction.opens_at.is_none_or(|at| at > now) {
                auction.opens_at = Some(now);
            }
            Ok(Applied::Changed)
        }
    }
}

fn close(auction: &mut Auction, grace: Duration, now: Timestamp) -> Applied {
    if auction.status.is_final() || now < auction.ends_at.plus(grace) {
        return Applied::Unchanged;
    }
    auction.status = Status::Closed;
    Applied::Changed
}

fn cancel(
    auction: &mut Auction,
    by: Canceller,
    now: Timestamp,
) -> Result<Applied, TransitionError> {
    match auction.status {
        Status::Cancelled => Ok(Applied::Unchanged),
        Status::Closed => Err(TransitionError::Final("CLOSED")),
        Status::Open if by == Canceller::Seller && auction.has_ended(now) => {
            Err(TransitionError::CancelledLate)
        }
        Status::Draft | Status::Open => {
            auction.status = Status::Cancelled;
            Ok(Applied::Changed)
        }
    }
}
