//! What tests of lanes build on: a bid that is placed, in few words.

use super::PlaceBid;
use crate::auction::testing::bid;
use crate::clock;
use crate::store::IdempotencyKey;

/// A bid that has just come.
pub fn placed(bidder: &str, minor: u64, key: Option<&str>) -> PlaceBid {
    let request = bid(bidder, minor, clock::now());
    let key = key.map(|key| IdempotencyKey::new(&request.auction_id, &request.bidder_id, key));
    PlaceBid { request, key, trace: None }
}
