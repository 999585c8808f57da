//! Lists: what is due, and auctions by status, through the sparse index.
//!
//! The index has keys alone; the auctions are read from the table.

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;

use super::Dynamo;
use super::error::StoreError;
use super::item;
use super::phase::{Phase, Place};
use super::setup::DUE_INDEX;
use crate::auction::{Auction, AuctionId, Timestamp};
use crate::limits;

impl Dynamo {
    /// Auctions of a phase that are due at `now`: at most `limit` of each partition, earliest first.
    pub async fn due(
        &self,
        phase: Phase,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<AuctionId>, StoreError> {
        let mut places = self.places(phase, None, Some(now), limit).await?;
        places.sort();
        Ok(places.into_iter().map(|place| place.id).collect())
    }

    /// Auctions of a phase after a place in time order, at most `limit`. The index is eventually
    /// consistent: an auction made a moment ago may be missing.
    pub async fn list(
        &self,
        phase: Phase,
        after: Option<&Place>,
        limit: usize,
    ) -> Result<Vec<(Place, Auction)>, StoreError> {
        let mut places = self.places(phase, after, None, limit).await?;
        places.sort();
        places.truncate(limit);
        let ids: Vec<AuctionId> = places.iter().map(|place| place.id.clone()).collect();
        let auctions = self.load_many(&ids).await?;
        let place_of = |auction: &Auction| places.iter().find(|p| p.id == auction.id).cloned();
        Ok(auctions.into_iter().filter_map(|a| place_of(&a).map(|place| (place, a))).collect())
    }

    async fn places(
        &self,
        phase: Phase,
        after: Option<&Place>,
        until: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<Place>, StoreError> {
        let until = until.unwrap_or(Timestamp::from_micros(i64::MAX));
        let limit = limit.max(1);
        let partitions = (0..limits::DUE_PARTITIONS)
            .map(|number| self.places_of(phase.partition(number), after, until, limit));
        Ok(try_join_all(partitions).await?.into_iter().flatten().collect())
    }

    /// Reads a partition until `limit` places follow `after`, and every tie of the last one: the
    /// index does not order auctions of the same time, so a page must not end among them.
    async fn places_of(
        &self,
        partition: String,
        after: Option<&Place>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Place>, StoreError> {
        let number = |at: Timestamp| AttributeValue::N(at.as_micros().to_string());
        let from = after.map_or(Timestamp::from_micros(0), |after| after.at);
        let mut places: Vec<Place> = Vec::new();
        let mut start_key = None;
        loop {
            let output = self
                .client
                .query()
                .table_name(&self.table)
                .index_name(DUE_INDEX)
                .key_condition_expression("due = :due AND dueAt BETWEEN :from AND :until")
                .expression_attribute_values(":due", AttributeValue::S(partition.clone()))
                .expression_attribute_values(":from", number(from))
                .expression_attribute_values(":until", number(until))
                .limit(i32::try_from(limit + 1).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start_key)
                .send()
                .await
                .map_err(|error| self.failed(&error))?;
            for item in output.items() {
                let place = self.read(item::place(item))?;
                if after.is_none_or(|after| place > *after) {
                    places.push(place);
                }
            }
            start_key = output.last_evaluated_key;
            let full = places.len() > limit && places[limit - 1].at < places[places.len() - 1].at;
            if full || start_key.is_none() {
                return Ok(places);
            }
        }
    }
}
