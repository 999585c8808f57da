//! The state of one auction.

use std::sync::Arc;

use super::types::{Amount, AuctionId, Currency, Timestamp, UserId};

/// Where an auction is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Made, not yet open.
    Draft,
    /// Takes bids until `ends_at`.
    Open,
    /// Ended; the leader, if the reserve is met, has won.
    Closed,
    /// Called off; nobody wins.
    Cancelled,
}

impl Status {
    /// Closed and cancelled auctions never change again.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Closed | Self::Cancelled)
    }
}

/// One auction: what its terms are, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auction {
    /// Its id.
    pub id: AuctionId,
    /// What is for sale, in a line.
    pub title: String,
    /// What is for sale, at length.
    pub description: Arc<str>,
    /// Who sells; may not bid.
    pub seller_id: UserId,
    /// The currency of every amount of this auction.
    pub currency: Currency,
    /// The least first bid.
    pub opening_price: Amount,
    /// The least step over the current price.
    pub minimum_increment: Amount,
    /// The secret price below which nothing is sold.
    pub reserve_price: Option<Amount>,
    /// When it opens by itself; `None`: when told to.
    pub opens_at: Option<Timestamp>,
    /// When it ends, soft closes included.
    pub ends_at: Timestamp,
    /// An accepted bid in the last so many seconds moves the end to so many seconds after it.
    pub soft_close_seconds: u32,
    /// How often that may happen.
    pub soft_close_extensions_max: u32,
    /// Whether the leader may raise its own bid.
    pub leader_may_raise: bool,
    /// When it was made.
    pub created_at: Timestamp,

    /// Where it is in its life.
    pub status: Status,
    /// The highest accepted bid's amount.
    pub current_price: Option<Amount>,
    /// Who bid it.
    pub leader_id: Option<UserId>,
    /// How often the soft close has moved the end.
    pub extensions: u32,
    /// The number of accepted bids, and the last one's number.
    pub sequence: u64,
    /// Raised by every write of the auction.
    pub version: u64,
}

impl Auction {
    /// Whether this auction, however far it has come, was made with the terms of that new one.
    pub fn has_terms_of(&self, new: &Self) -> bool {
        let moved = Self {
            // What may have changed since.
            opens_at: if self.status == Status::Draft { self.opens_at } else { new.opens_at },
            ends_at: if self.extensions == 0 { self.ends_at } else { new.ends_at },
            created_at: new.created_at,
            status: new.status,
            current_price: new.current_price,
            leader_id: new.leader_id.clone(),
            extensions: new.extensions,
            sequence: new.sequence,
            version: new.version,
            ..self.clone()
        };
        moved == *new
    }

    /// The least amount that the next bid must have.
    pub fn minimum_bid(&self) -> Amount {
        match self.current_price {
            Some(price) => price.saturating_add(self.minimum_increment),
            None => self.opening_price,
        }
    }

    /// The most that the next bid may be: half-way from the current price to the largest amount. So
    /// one bid, by a slip of the hand or by malice, cannot end the bidding.
    pub fn maximum_bid(&self) -> Amount {
        self.current_price.unwrap_or(Amount::ZERO).halfway_to_max()
    }

    /// Whether a higher bid than the current price is possible.
    pub fn can_rise(&self) -> bool {
        let maximum = self.maximum_bid();
        self.minimum_bid() <= maximum && self.current_price.is_none_or(|price| price < maximum)
    }

    /// Whether the current price has reached the reserve; true if there is a bid and no reserve.
    pub fn reserve_met(&self) -> bool {
        match (self.current_price, self.reserve_price) {
            (Some(price), Some(reserve)) => price >= reserve,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }

    /// Who has won: the leader of a closed auction whose reserve is met.
    pub fn winner_id(&self) -> Option<&UserId> {
        self.leader_id.as_ref().filter(|_| self.status == Status::Closed && self.reserve_met())
    }

    /// The status by the clock: what every reader is told, before and after the write that makes
    /// it so.
    ///
    /// An auction past its end is not shown as CLOSED until that is written, for a bid received
    /// before the end may still be on its way to the table.
    pub fn status_at(&self, now: Timestamp) -> Status {
        match self.status {
            Status::Draft if self.opens_at.is_some_and(|at| at <= now) => Status::Open,
            status => status,
        }
    }

    /// Whether the end has been reached.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        now >= self.ends_at
    }
}
