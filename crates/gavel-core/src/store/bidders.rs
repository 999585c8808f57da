//! Which auctions a user has bid on: one item for each, written in the transaction of the bid.
//!
//! How the user stands there is derived from the auction itself.

use aws_sdk_dynamodb::types::AttributeValue;
use tokio::time::Instant;

use super::Dynamo;
use super::error::StoreError;
use super::item;
use crate::auction::{AuctionId, UserId};

impl Dynamo {
    /// The auctions that a user has bid on, in the order of their ids, after an id, at most `limit`.
    /// A consistent query of the user's own partition.
    pub async fn bid_on(
        &self,
        user: &UserId,
        after: Option<&AuctionId>,
        limit: usize,
    ) -> Result<Vec<AuctionId>, StoreError> {
        let from = after.map_or_else(|| item::auction_pk(&"".into()), item::bidder_sk);
        let _turn = self.turn().await;
        let output = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND sk > :from")
            .expression_attribute_values(":pk", AttributeValue::S(item::user_pk(user)))
            .expression_attribute_values(":from", AttributeValue::S(from))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|error| self.failed(&error))?;
        let mut ids = Vec::with_capacity(output.items().len());
        for item in output.items() {
            match self.read(item::bid_on(item)) {
                Ok(id) => ids.push(id),
                Err(error) => self.watch.passed_over(&error, Instant::now()),
            }
        }
        Ok(ids)
    }

    /// Whether a user has bid on an auction.
    pub async fn has_bid_on(&self, user: &UserId, id: &AuctionId) -> Result<bool, StoreError> {
        let _turn = self.turn().await;
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .consistent_read(true)
            .set_key(Some(item::bidder_item(user, id)))
            .send()
            .await
            .map_err(|error| self.failed(&error))?;
        Ok(output.item.is_some())
    }
}
