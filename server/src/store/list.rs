//! Lists: what is due, and auctions by status, through the sparse index.
//!
//! Every auction stands in one partition of its phase, chosen by a hash of its id, so that no index
//! partition is hot. The index has keys alone; the auctions are read from the table.

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;

use super::Dynamo;
use super::error::{StoreError, classify};
use super::item;
use super::setup::DUE_INDEX;
use crate::auction::{Auction, AuctionId, Status, Timestamp};
use crate::limits;

/// A half of the index: what an auction waits for, or how it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Open: due to close at its end.
    Closing,
    /// A draft with an opening time: due to open then.
    Opening,
    /// A draft that waits to be told.
    Draft,
    /// Closed, by its end.
    Closed,
    /// Cancelled, by its end.
    Cancelled,
}

/// Where an auction stands in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The index partition.
    pub partition: String,
    /// The time it is sorted by.
    pub at: Timestamp,
}

/// A place in a list: everything up to and including it has been seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The time the auction is sorted by.
    pub at: Timestamp,
    /// The auction.
    pub id: AuctionId,
}

impl Phase {
    /// The phases whose auctions have this status; all in listing order for none.
    pub fn of_status(status: Option<Status>) -> &'static [Phase] {
        match status {
            Some(Status::Open) => &[Phase::Closing],
            Some(Status::Draft) => &[Phase::Opening, Phase::Draft],
            Some(Status::Closed) => &[Phase::Closed],
            Some(Status::Cancelled) => &[Phase::Cancelled],
            None => {
                &[Phase::Closing, Phase::Opening, Phase::Draft, Phase::Closed, Phase::Cancelled]
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Closing => "CLOSING",
            Self::Opening => "OPENING",
            Self::Draft => "DRAFT",
            Self::Closed => "CLOSED",
            Self::Cancelled => "CANCELLED",
        }
    }

    fn partition(self, number: u8) -> String {
        format!("{}#{number}", self.name())
    }
}

/// Where an auction stands in the index.
pub fn due_of(auction: &Auction) -> Due {
    let (phase, at) = match (auction.status, auction.opens_at) {
        (Status::Open, _) => (Phase::Closing, auction.ends_at),
        (Status::Draft, Some(opens_at)) => (Phase::Opening, opens_at),
        (Status::Draft, None) => (Phase::Draft, auction.created_at),
        (Status::Closed, _) => (Phase::Closed, auction.ends_at),
        (Status::Cancelled, _) => (Phase::Cancelled, auction.ends_at),
    };
    // FNV-1a: stable over versions and machines, which a table needs and std's hasher is not.
    let hash = auction.id.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let number = (hash >> 32) as u8 % limits::DUE_PARTITIONS;
    Due { partition: phase.partition(number), at }
}

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
                .map_err(|error| classify(&error))?;
            for item in output.items() {
                let place = item::place(item)?;
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
