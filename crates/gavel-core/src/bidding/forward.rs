//! Places bids at the node that owns their auction, so that a hot auction is written by one lane.
//!
//! Correctness never depends on ownership: two nodes may both believe that they own an auction, and
//! each writes by the auction item's condition. A forwarded bid always has an idempotency key, its
//! client's or one made for it, so that a second attempt never becomes a second bid.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tracing::debug;

use super::command::{BidAnswer, LaneError, PlaceBid};
use super::forward_message::{decode_answer, decode_bid, encode_answer, encode_bid};
use super::lanes::Lanes;
use crate::auction::{BidRequest, rejection};
use crate::cluster::{Node, Requests};
use crate::labels;
use crate::metrics;
use crate::metrics::CounterVec;
use crate::store::{Dynamo, IdempotencyKey, Table};

labels! {
    /// What became of a bid that another node's auction was for.
    pub Forwarded {
        /// The owner has answered.
        Answered = "answered",
        /// The owner did not answer in time: decided here, under the same key.
        Fallback = "fallback",
        /// Another node's bid was decided here.
        Served = "served",
    }
}

metrics! {
    /// The counts of forwarding.
    pub ForwardCounts {
        /// Bids forwarded to the node that owns their auction, by what became of it.
        forwarded: CounterVec<Forwarded> = "gavel_bids_forwarded_total" by "result",
    }
}

/// Places bids, here or at their owner. Clones share it.
#[derive(Debug)]
pub struct Bidding<T = Dynamo> {
    lanes: Lanes<T>,
    node: Option<Node<T>>,
    counts: Arc<ForwardCounts>,
}

impl<T> Clone for Bidding<T> {
    fn clone(&self) -> Self {
        let (lanes, node) = (self.lanes.clone(), self.node.clone());
        Self { lanes, node, counts: Arc::clone(&self.counts) }
    }
}

impl<T: Table> Bidding<T> {
    /// Places bids on these lanes, and as a node of a cluster at their owner.
    pub fn new(lanes: Lanes<T>, node: Option<Node<T>>) -> Self {
        Self { lanes, node, counts: Arc::default() }
    }

    /// The lanes of this node.
    pub fn lanes(&self) -> &Lanes<T> {
        &self.lanes
    }

    /// What it counts.
    pub fn counts(&self) -> Arc<ForwardCounts> {
        Arc::clone(&self.counts)
    }

    /// Decides and writes a bid.
    pub async fn place(&self, bid: PlaceBid) -> Result<BidAnswer, LaneError> {
        let owner = self.node.as_ref().and_then(|node| {
            node.owner_elsewhere(&bid.request.auction_id).map(|owner| (node, owner))
        });
        let Some((node, owner)) = owner else { return self.lanes.place(bid).await };
        let is_made_here = bid.key.is_none();
        let key = bid.key.clone().unwrap_or_else(IdempotencyKey::random);
        let bid = PlaceBid { key: Some(key), ..bid };
        let request = bid.request.clone();
        let answer = match node.request(&owner, encode_bid(&bid)).await {
            Some(answer) => decode_answer(&answer).ok(),
            None => None,
        };
        let answer = match answer {
            // Nothing was written by an owner that goes.
            Some(Err(LaneError::Stopping)) => {
                self.counts.forwarded.inc(Forwarded::Fallback);
                self.lanes.place(bid).await
            }
            Some(answer) => {
                self.counts.forwarded.inc(Forwarded::Answered);
                answer
            }
            None => {
                self.counts.forwarded.inc(Forwarded::Fallback);
                while_it_may_be_decided(self.lanes.place(bid).await, &request)
            }
        };
        answer.map(|answer| if is_made_here { as_first(answer) } else { answer })
    }
}

/// What may be said of a bid that its owner may still decide: it is accepted, it is rejected for good,
/// or nobody knows.
fn while_it_may_be_decided(
    answer: Result<BidAnswer, LaneError>,
    request: &BidRequest,
) -> Result<BidAnswer, LaneError> {
    match &answer {
        Ok(BidAnswer::Rejected { auction, .. }) => {
            let for_good = rejection(auction, request).is_some_and(|rejection| rejection.for_good);
            if for_good { answer } else { Err(LaneError::OutcomeUnknown) }
        }
        Ok(BidAnswer::Accepted { .. })
        | Err(LaneError::NotFound | LaneError::IdempotencyConflict) => answer,
        Err(_) => Err(LaneError::OutcomeUnknown),
    }
}

/// A client that gave no key has sent its bid once, however often it was tried.
fn as_first(answer: BidAnswer) -> BidAnswer {
    match answer {
        BidAnswer::Accepted { stored, committed_at, group, .. } => {
            BidAnswer::Accepted { stored, repeated: false, committed_at, group }
        }
        rejected @ BidAnswer::Rejected { .. } => rejected,
    }
}

impl<T: Table> Requests for Bidding<T> {
    fn serve(&self, message: Vec<u8>) -> BoxFuture<'static, Option<Vec<u8>>> {
        let bidding = self.clone();
        Box::pin(async move {
            let bid = match decode_bid(&message) {
                Ok(bid) => bid,
                Err(problem) => {
                    debug!(%problem, "a forwarded bid cannot be read");
                    return None;
                }
            };
            bidding.counts.forwarded.inc(Forwarded::Served);
            // Here, whoever else may be its owner by now: it is forwarded once.
            Some(encode_answer(&bidding.lanes.place(bid).await))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auction::testing::{at, bid, open_auction};
    use crate::auction::{RejectionCode, decide};

    #[test]
    fn a_bid_that_its_owner_may_still_accept_is_not_said_to_be_rejected() {
        let mut auction = open_auction();
        decide(&mut auction, &bid("ann", 120, at(5))).expect("it is high enough");
        let rejected = |code| BidAnswer::Rejected { code, auction: Box::new(auction.clone()) };
        // Too low for good; to lead is not for good.
        let (low, leading) = (bid("bob", 100, at(6)), bid("ann", 200, at(6)));
        let told = while_it_may_be_decided(Ok(rejected(RejectionCode::TooLow)), &low);
        assert_eq!(told, Ok(rejected(RejectionCode::TooLow)));
        let told = while_it_may_be_decided(Ok(rejected(RejectionCode::AlreadyLeading)), &leading);
        assert_eq!(told, Err(LaneError::OutcomeUnknown));
        for (error, told) in [
            (LaneError::StoreUnavailable, LaneError::OutcomeUnknown),
            (LaneError::Contention, LaneError::OutcomeUnknown),
            (LaneError::NotFound, LaneError::NotFound),
        ] {
            assert_eq!(while_it_may_be_decided(Err(error), &low), Err(told));
        }
    }
}
