//! The state of one auction.

use std::sync::Arc;

use super::types::{Amount, AuctionId, Currency, Timestamp, UserId};

/// The status of an auction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Created, but not open yet.
    Draft,
    /// Accepts bids until `ends_at`.
    Open,
    /// Ended; the leader has won if the reserve is met.
    Closed,
    /// Cancelled; nobody wins.
    Cancelled,
}

impl Status {
    /// Whether the auction is closed or cancelled, and never changes again.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Closed | Self::Cancelled)
    }
}

/// One auction: its terms and its current state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auction {
    /// The id of the auction.
    pub id: AuctionId,
    /// What is for sale, in one line.
    pub title: String,
    /// What is for sale, in detail.
    pub description: Arc<str>,
    /// The seller, who may not bid.
    pub seller_id: UserId,
    /// The currency of every amount of this auction.
    pub currency: Currency,
    /// The minimum first bid.
    pub opening_price: Amount,
    /// The minimum step above the current price.
    pub minimum_increment: Amount,
    /// The secret price below which nothing is sold.
    pub reserve_price: Option<Amount>,
    /// When the auction opens by itself; `None`: only on request.
    pub opens_at: Option<Timestamp>,
    /// When the auction ends, including soft-close extensions.
    pub ends_at: Timestamp,
    /// The soft-close window: an accepted bid in the last this many seconds moves the end to this
    /// many seconds after the bid.
    pub soft_close_seconds: u32,
    /// How often the soft close may move the end.
    pub soft_close_extensions_max: u32,
    /// Whether leaders may raise their own bid.
    pub leader_may_raise: bool,
    /// When the auction was created.
    pub created_at: Timestamp,

    /// The current status.
    pub status: Status,
    /// The amount of the highest accepted bid.
    pub current_price: Option<Amount>,
    /// The bidder of the current price.
    pub leader_id: Option<UserId>,
    /// How often the soft close has moved the end.
    pub extensions: u32,
    /// The number of accepted bids, which is also the number of the last one.
    pub sequence: u64,
    /// The version of the auction, which every write raises.
    pub version: u64,
}

impl Auction {
    /// Whether this auction, in whatever state, was created with the same terms as `new`.
    pub fn has_terms_of(&self, new: &Self) -> bool {
        let moved = Self {
            // These may have changed since.
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

    /// The minimum amount of the next bid.
    pub fn minimum_bid(&self) -> Amount {
        match self.current_price {
            Some(price) => price.saturating_add(self.minimum_increment),
            None => self.opening_price,
        }
    }

    /// The lowest amounts that the next bid may have, a minimum increment apart, at most `count`;
    /// none if no higher bid is possible.
    pub fn next_bids(&self, count: usize) -> Vec<Amount> {
        let maximum = self.maximum_bid();
        let from = self.can_rise().then(|| self.minimum_bid());
        let step = |amount: &Amount| {
            let next = amount.saturating_add(self.minimum_increment);
            (next > *amount && next <= maximum).then_some(next)
        };
        std::iter::successors(from, step).take(count).collect()
    }

    /// The maximum amount of the next bid: half-way from the current price to the largest amount,
    /// so that no single bid, by mistake or by malice, ends the bidding.
    pub fn maximum_bid(&self) -> Amount {
        self.current_price.unwrap_or(Amount::ZERO).halfway_to_max()
    }

    /// Whether a higher bid than the current price is possible.
    pub fn can_rise(&self) -> bool {
        let maximum = self.maximum_bid();
        self.minimum_bid() <= maximum && self.current_price.is_none_or(|price| price < maximum)
    }

    /// Whether the current price has reached the reserve. Without a reserve: whether there is a
    /// bid.
    pub fn reserve_met(&self) -> bool {
        match (self.current_price, self.reserve_price) {
            (Some(price), Some(reserve)) => price >= reserve,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }

    /// The winner: the leader of a closed auction whose reserve is met.
    pub fn winner_id(&self) -> Option<&UserId> {
        self.leader_id.as_ref().filter(|_| self.status == Status::Closed && self.reserve_met())
    }

    /// The status by the clock, which every reader sees, before and after the write that makes it
    /// so.
    ///
    /// An auction past its end is not shown as CLOSED until that is written, because a bid received
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
