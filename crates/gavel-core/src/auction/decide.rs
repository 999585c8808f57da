//! Decides what a bid does to an auction.

use std::time::Duration;

use super::state::{Auction, Status};
use super::types::{Amount, AuctionId, BidId, Timestamp, UserId};

/// A bid as received, before anything is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BidRequest {
    /// The id that the bid gets if it is accepted.
    pub id: BidId,
    /// The auction that it bids on.
    pub auction_id: AuctionId,
    /// The bidder, from the token, never from the input.
    pub bidder_id: UserId,
    /// The amount of the bid.
    pub amount: Amount,
    /// When the client sent it, if the client says.
    pub sent_at: Option<Timestamp>,
    /// The time of the bid: stamped once, and kept when the bid is decided again.
    pub received_at: Timestamp,
    /// When the node that decides it received it, if that is not the node that its client sent it
    /// to.
    pub forwarded_at: Option<Timestamp>,
    /// The W3C trace context that the bid will carry.
    pub traceparent: Option<String>,
}

/// An accepted bid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bid {
    /// The id of the bid.
    pub id: BidId,
    /// The auction it belongs to.
    pub auction_id: AuctionId,
    /// The number of the bid within the auction: 1, 2, 3, without gaps.
    pub sequence: u64,
    /// The bidder.
    pub bidder_id: UserId,
    /// The amount of the bid.
    pub amount: Amount,
    /// The minimum amount of the next bid after this one. `None`: no higher bid is possible, or an
    /// earlier version wrote the bid.
    pub minimum_bid: Option<Amount>,
    /// When the client sent it, if the client says.
    pub sent_at: Option<Timestamp>,
    /// When the server received it.
    pub received_at: Timestamp,
    /// When the node that decided it received it, if that is not the node that its client sent it
    /// to.
    pub forwarded_at: Option<Timestamp>,
    /// The end of the auction after this bid.
    pub ends_at: Timestamp,
    /// Whether the reserve is met after this bid.
    pub reserve_met: bool,
    /// The W3C trace context that the bid carries: the span of its transaction if its trace is
    /// kept, else that of the client.
    pub traceparent: Option<String>,
}

impl Bid {
    /// When the node that decided it received it.
    pub fn here_at(&self) -> Timestamp {
        self.forwarded_at.unwrap_or(self.received_at)
    }
}

/// Why a bid was rejected. An expected outcome, not an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RejectionCode {
    /// Below the minimum bid.
    TooLow,
    /// Above the maximum bid, which keeps room for others; or no higher bid is possible.
    TooHigh,
    /// The auction has not opened.
    NotOpen,
    /// The auction has ended or was cancelled.
    Closed,
    /// Sellers may not bid on their own auctions.
    OwnAuction,
    /// The bidder already leads, and this auction does not let leaders raise their own bid, or the
    /// amount is not higher.
    AlreadyLeading,
}

/// A rejected bid: the code, and the state it was decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejection {
    /// Why the bid was rejected.
    pub code: RejectionCode,
    /// Whether every later state of the auction would reject the same bid too, whatever other
    /// servers write. Such a rejection may be answered from the last committed state, without a
    /// read.
    pub for_good: bool,
}

/// Decides a bid. On acceptance the auction is updated and the bid returned; on rejection the
/// auction is unchanged.
///
/// A draft whose opening time has come counts as open, and the bid opens it.
pub fn decide(auction: &mut Auction, request: &BidRequest) -> Result<Bid, Rejection> {
    if let Some(rejection) = rejection(auction, request) {
        return Err(rejection);
    }
    auction.status = Status::Open;
    auction.sequence += 1;
    auction.current_price = Some(request.amount);
    auction.leader_id = Some(request.bidder_id.clone());
    extend_end(auction, request.received_at);
    Ok(Bid {
        id: request.id.clone(),
        auction_id: auction.id.clone(),
        sequence: auction.sequence,
        bidder_id: request.bidder_id.clone(),
        amount: request.amount,
        minimum_bid: auction.can_rise().then(|| auction.minimum_bid()),
        sent_at: request.sent_at,
        received_at: request.received_at,
        forwarded_at: request.forwarded_at,
        ends_at: auction.ends_at,
        reserve_met: auction.reserve_met(),
        traceparent: request.traceparent.clone(),
    })
}

/// The reason why this state rejects a bid, if it does.
pub fn rejection(auction: &Auction, request: &BidRequest) -> Option<Rejection> {
    let reject = |code, for_good| Some(Rejection { code, for_good });
    if auction.status.is_final() {
        return reject(RejectionCode::Closed, true);
    }
    if request.bidder_id == auction.seller_id {
        return reject(RejectionCode::OwnAuction, true);
    }
    let leads = auction.leader_id.as_ref() == Some(&request.bidder_id);
    let is_same = auction.current_price == Some(request.amount);
    // The same amount again from the leader is not too low: a different bid would have to exceed
    // it.
    if !(leads && is_same) {
        // The price never falls: if no higher bid is possible now, none ever will be.
        if !auction.can_rise() {
            return reject(RejectionCode::TooHigh, true);
        }
        // For the same reason, a bid that is too low now stays too low.
        if request.amount < auction.minimum_bid() {
            return reject(RejectionCode::TooLow, true);
        }
    }
    if auction.status_at(request.received_at) == Status::Draft {
        return reject(RejectionCode::NotOpen, false);
    }
    // Another server's bid may have moved the end.
    if auction.has_ended(request.received_at) {
        return reject(RejectionCode::Closed, false);
    }
    // Another server's bid may have taken the lead.
    if leads && (is_same || !auction.leader_may_raise) {
        return reject(RejectionCode::AlreadyLeading, false);
    }
    // Another server's bid may have raised the bound.
    if request.amount > auction.maximum_bid() {
        return reject(RejectionCode::TooHigh, false);
    }
    None
}

/// Whether a bid without an idempotency key repeats the leader's own bid: a double click, or a
/// retry because the answer was lost. It is answered with that bid.
///
/// This holds after the end too, because the bid stands, but not once the auction is cancelled,
/// when nobody leads.
pub fn repeats_lead(auction: &Auction, request: &BidRequest) -> bool {
    auction.status != Status::Cancelled
        && auction.leader_id.as_ref() == Some(&request.bidder_id)
        && auction.current_price == Some(request.amount)
}

/// The soft close: an accepted bid in the last seconds moves the end, a bounded number of times.
fn extend_end(auction: &mut Auction, bid_at: Timestamp) {
    let window = Duration::from_secs(u64::from(auction.soft_close_seconds));
    let moved = bid_at.plus(window);
    if moved > auction.ends_at && auction.extensions < auction.soft_close_extensions_max {
        auction.ends_at = moved;
        auction.extensions += 1;
    }
}
