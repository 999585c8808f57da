use super::*;
use crate::auction::testing::{amount, at, open_auction};
use crate::auction::{Auction, AuctionId, Bid, BidId};
use crate::broker::demand::Demand;
use crate::store::{CommitError, IdempotencyKey, KeyRecord, StoreError, Transaction};
use crate::tasks::Tasks;

/// A table in which a transaction is half visible: its first bid, and not yet its auction.
struct HalfVisible;

impl Table for HalfVisible {
    async fn load(&self, _: &AuctionId) -> Result<Option<Auction>, StoreError> {
        Ok(Some(open_auction()))
    }

    async fn bid(&self, id: &AuctionId, sequence: u64) -> Result<Option<StoredBid>, StoreError> {
        let bid = Bid {
            id: BidId::random(),
            auction_id: id.clone(),
            sequence,
            bidder_id: "ann".into(),
            amount: amount(100),
            minimum_bid: None,
            sent_at: None,
            received_at: at(1),
            forwarded_at: None,
            ends_at: at(100),
            reserve_met: false,
            traceparent: None,
        };
        Ok((sequence == 1).then_some(StoredBid { bid, written_at: at(1) }))
    }

    async fn commit(&self, _: &Transaction) -> Result<(), CommitError> {
        unimplemented!("the broker does not write")
    }

    async fn keys(&self, _: &[IdempotencyKey]) -> Result<Vec<Option<KeyRecord>>, StoreError> {
        unimplemented!("the broker knows no keys")
    }

    async fn page(&self, _: &AuctionId, _: Order, _: usize) -> Result<Vec<StoredBid>, StoreError> {
        Ok(Vec::new())
    }

    async fn load_each(
        &self,
        _: &[AuctionId],
    ) -> Result<Vec<Result<Auction, StoreError>>, StoreError> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn a_cursor_of_a_bid_whose_auction_is_not_visible_yet_is_not_ahead() {
    let demand = Demand::new(limits::DEMAND_EXPIRY);
    let broker = Broker::new(Arc::new(HalfVisible), demand, Tasks::default());
    let topic = broker.topic(&open_auction().id).await.unwrap();
    for (after, is_ahead) in [(0, false), (1, false), (2, true)] {
        assert_eq!(broker.is_ahead(&topic, after).await.unwrap(), is_ahead, "after {after}");
    }
}
