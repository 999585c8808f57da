//! The answer to a bid.

use async_graphql::{ComplexObject, Enum, SimpleObject, Union};
use gavel_core::auction::{RejectionCode, Status};

use super::auction::AuctionObject;
use super::bid::BidObject;
use crate::graphql::scalar::{DateTime, MinorUnits};

/// What became of a bid.
#[derive(Debug, Union)]
pub enum PlaceBidResult {
    /// It is in the table.
    BidAccepted(BidAccepted),
    /// It is not and never will be.
    BidRejected(BidRejected),
}

/// The bid is in the table and will reach every watcher.
#[derive(Debug, SimpleObject)]
pub struct BidAccepted {
    /// The bid.
    pub bid: BidObject,
    /// Whether an earlier request wrote it: one with the same idempotency key, or, where this request
    /// has none, one of the bidder who leads with the same amount (a double click, or a request that
    /// was sent again because its answer was lost).
    pub repeated: bool,
    /// When DynamoDB acknowledged it. For a repeat that this server did not write itself: when the
    /// write was sealed.
    pub committed_at: DateTime,
}

/// Why a bid was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum BidRejectedCode {
    /// Below `minimumBid`.
    TooLow,
    /// Above the auction's `maximumBid`, or no higher bid is possible.
    TooHigh,
    /// The auction has not opened.
    NotOpen,
    /// The auction has ended or was cancelled.
    Closed,
    /// A seller may not bid on its own auction.
    OwnAuction,
    /// The bidder leads already, and this auction does not let a leader raise itself, or the amount
    /// is the one that leads.
    AlreadyLeading,
}

/// The bid was refused; it never appears. Data, not an error.
#[derive(Debug, SimpleObject)]
#[graphql(complex)]
pub struct BidRejected {
    /// Why.
    pub code: BidRejectedCode,
    /// The same in a sentence.
    pub message: String,
    /// The auction that it was decided on.
    pub auction: AuctionObject,
}

#[ComplexObject]
impl BidRejected {
    /// The least amount that a bid must have now; above the auction's `maximumBid` where no higher bid
    /// is possible.
    async fn minimum_bid(&self) -> MinorUnits {
        MinorUnits(self.auction.auction.minimum_bid())
    }
}

impl BidRejected {
    /// A refusal on the state it was decided on.
    pub fn new(code: RejectionCode, auction: AuctionObject) -> Self {
        let minimum = auction.auction.minimum_bid();
        let (code, message) = match code {
            RejectionCode::TooLow => {
                (BidRejectedCode::TooLow, format!("the minimum bid is now {minimum} minor units"))
            }
            RejectionCode::TooHigh => {
                let maximum = auction.auction.maximum_bid();
                let message = if auction.auction.can_rise() {
                    format!("the maximum bid is now {maximum} minor units")
                } else {
                    "no higher bid is possible on this auction".to_owned()
                };
                (BidRejectedCode::TooHigh, message)
            }
            RejectionCode::NotOpen => {
                (BidRejectedCode::NotOpen, "the auction has not opened yet".to_owned())
            }
            RejectionCode::Closed => {
                let cancelled = auction.auction.status == Status::Cancelled;
                let how = if cancelled { "was cancelled" } else { "has ended" };
                (BidRejectedCode::Closed, format!("the auction {how}"))
            }
            RejectionCode::OwnAuction => (
                BidRejectedCode::OwnAuction,
                "sellers may not bid on their own auctions".to_owned(),
            ),
            RejectionCode::AlreadyLeading => (
                BidRejectedCode::AlreadyLeading,
                if auction.auction.leader_may_raise {
                    "you already lead with this amount".to_owned()
                } else {
                    "you already lead, and this auction does not let leaders raise their own bid"
                        .to_owned()
                },
            ),
        };
        Self { code, message, auction }
    }
}
