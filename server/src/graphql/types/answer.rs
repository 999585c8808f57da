//! The answer to a bid.

use async_graphql::{ComplexObject, Enum, SimpleObject, Union};
use gavel_core::auction::{RejectionCode, Status};

use super::auction::AuctionObject;
use super::bid::BidObject;
use crate::graphql::scalar::{DateTime, MinorUnits};

/// The result of placing a bid.
#[derive(Debug, Union)]
pub enum PlaceBidResult {
    /// The bid is in the table.
    BidAccepted(BidAccepted),
    /// The bid is not in the table and never will be.
    BidRejected(BidRejected),
}

/// The bid is in the table and will reach every watcher.
#[derive(Debug, SimpleObject)]
pub struct BidAccepted {
    /// The bid.
    pub bid: BidObject,
    /// Whether an earlier request wrote this bid: one with the same idempotency key, or, if this
    /// request has no key, one with the same amount from the bidder who leads (a double click, or a
    /// retry because the answer was lost).
    pub repeated: bool,
    /// When DynamoDB acknowledged the write; for a repeat that this server did not write itself,
    /// when the write was sealed.
    pub committed_at: DateTime,
}

/// Why a bid was rejected.
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
    /// Sellers may not bid on their own auctions.
    OwnAuction,
    /// The bidder already leads, and this auction does not let leaders raise their own bid, or the
    /// amount equals the leading one.
    AlreadyLeading,
}

/// The bid was rejected and will never appear. This is data, not an error.
#[derive(Debug, SimpleObject)]
#[graphql(complex)]
pub struct BidRejected {
    /// Why the bid was rejected.
    pub code: BidRejectedCode,
    /// The reason in a sentence.
    pub message: String,
    /// The auction as it was when the bid was rejected.
    pub auction: AuctionObject,
}

#[ComplexObject]
impl BidRejected {
    /// The minimum amount of a bid now; above the auction's `maximumBid` if no higher bid is
    /// possible.
    async fn minimum_bid(&self) -> MinorUnits {
        MinorUnits(self.auction.auction.minimum_bid())
    }
}

impl BidRejected {
    /// A rejection, with the auction that it was decided on.
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
