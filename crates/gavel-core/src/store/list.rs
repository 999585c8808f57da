//! Lists, through the sparse index: due auctions, and auctions by status.
//!
//! The index has only keys; the auctions are read from the table. Each partition of a phase is
//! continued from a key (`pages`), so that a page costs the same however many auctions share a
//! time.

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::{join_all, try_join_all};
use tokio::time::Instant;

use super::Dynamo;
use super::agenda::Look;
use super::error::StoreError;
use super::item::{self, Item};
use super::pages::{self, Direction, Span};
use super::phase::{Phase, Place};
use super::setup::DUE_INDEX;
use crate::auction::{Auction, AuctionId, Timestamp};
use crate::limits;

impl Dynamo {
    /// Due auctions, each with its phase, earliest first: those whose time is not later than
    /// `until`, at most [`limits::DUE_PAGE`] per partition. Reads only where something may be due.
    pub async fn due(
        &self,
        until: impl Fn(Phase) -> Timestamp,
    ) -> Result<Vec<(Phase, AuctionId)>, StoreError> {
        let looks = self.agenda.lock().take(until, Instant::now());
        let looks = looks.into_iter().map(async |look| {
            let found = self.look(look).await;
            // A partition that could not be read is due to be read again.
            let next = found.as_ref().map_or(Some(look.until), |(_, next)| *next);
            if let Some(next) = next {
                self.agenda.lock().note(look.phase, look.number, next);
            }
            let (places, _) = found?;
            Ok(places.into_iter().map(move |place| (look.phase, place)))
        });
        // All reads run to their end, even if one fails: each says when to read again.
        let found: Result<Vec<_>, StoreError> = join_all(looks).await.into_iter().collect();
        let mut due: Vec<_> = found?.into_iter().flatten().collect();
        due.sort_by_key(|(_, place)| place.at);
        Ok(due.into_iter().map(|(phase, place)| (phase, place.id)).collect())
    }

    /// The due auctions of a partition, and the next time after them, if there is one.
    async fn look(&self, look: Look) -> Result<(Vec<Place>, Option<Timestamp>), StoreError> {
        let places = async |until, limit| {
            let span = Span { from: Timestamp::from_micros(0), until, after: None };
            let partition = look.phase.partition(look.number);
            self.places_of(partition, span, limit, Direction::Ascending).await
        };
        let end = Timestamp::from_micros(i64::MAX);
        let next = places(end, 1).await?.first().map(|place| place.at);
        match next {
            // More may be due, and what failed is due again.
            Some(at) if at <= look.until => Ok((places(look.until, limits::DUE_PAGE).await?, next)),
            _ => Ok((Vec::new(), next)),
        }
    }

    /// Auctions of a phase after a position in the order of time, at most `limit`. The index is
    /// eventually consistent: an auction created a moment ago may be missing.
    pub async fn list(
        &self,
        phase: Phase,
        after: Option<&Place>,
        limit: usize,
        direction: Direction,
    ) -> Result<Vec<(Place, Auction)>, StoreError> {
        let end = Timestamp::from_micros(i64::MAX);
        let mut after = after.cloned();
        let mut found = Vec::with_capacity(limit);
        while found.len() < limit {
            let wanted = limit - found.len();
            let places = self.places(phase, after.as_ref(), end, wanted, direction).await?;
            let places = pages::merge(places, wanted, direction);
            let ids: Vec<AuctionId> = places.iter().map(|place| place.id.clone()).collect();
            let auctions = self.load_many(&ids).await?;
            let place_of = |auction: &Auction| places.iter().find(|p| p.id == auction.id).cloned();
            found.extend(auctions.into_iter().filter_map(|a| Some((place_of(&a)?, a))));
            // An auction that the index shows and the table no longer has is not the end of the
            // list.
            if places.len() < wanted {
                break;
            }
            after = places.into_iter().next_back();
        }
        Ok(found)
    }

    /// The ids of the first auctions of a phase in the order of time, at most `limit`: reads only the
    /// index, which is eventually consistent.
    pub async fn ids(
        &self,
        phase: Phase,
        limit: usize,
        direction: Direction,
    ) -> Result<Vec<AuctionId>, StoreError> {
        let end = Timestamp::from_micros(i64::MAX);
        let places = self.places(phase, None, end, limit, direction).await?;
        let places = pages::merge(places, limit, direction);
        Ok(places.into_iter().map(|place| place.id).collect())
    }

    /// The next `limit` of each partition of a phase.
    async fn places(
        &self,
        phase: Phase,
        after: Option<&Place>,
        until: Timestamp,
        limit: usize,
        direction: Direction,
    ) -> Result<Vec<Vec<Place>>, StoreError> {
        let partitions = pages::partitions().map(|number| async move {
            match pages::span(number, after, until, direction) {
                Some(span) => {
                    self.places_of(phase.partition(number), span, limit.max(1), direction).await
                }
                None => Ok(Vec::new()),
            }
        });
        try_join_all(partitions).await
    }

    /// The first `limit` entries of a partition in a span.
    async fn places_of(
        &self,
        partition: String,
        span: Span,
        limit: usize,
        direction: Direction,
    ) -> Result<Vec<Place>, StoreError> {
        let number = |at: Timestamp| AttributeValue::N(at.as_micros().to_string());
        let mut places: Vec<Place> = Vec::new();
        let mut start_key: Option<Item> =
            span.after.map(|place| item::index_key(&partition, &place));
        loop {
            let _turn = self.turn().await;
            let output = self
                .client
                .query()
                .table_name(&self.table)
                .index_name(DUE_INDEX)
                .key_condition_expression("due = :due AND dueAt BETWEEN :from AND :until")
                .expression_attribute_values(":due", AttributeValue::S(partition.clone()))
                .expression_attribute_values(":from", number(span.from))
                .expression_attribute_values(":until", number(span.until))
                .scan_index_forward(direction == Direction::Ascending)
                .limit(i32::try_from(limit - places.len()).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start_key)
                .send()
                .await
                .map_err(|error| self.failed(&error))?;
            for item in output.items() {
                // An unreadable entry, written by somebody else, does not affect the others.
                match self.read(item::place(item)) {
                    Ok(place) => places.push(place),
                    Err(error) => self.watch.passed_over(&error, Instant::now()),
                }
            }
            start_key = output.last_evaluated_key;
            if places.len() >= limit || start_key.is_none() {
                return Ok(places);
            }
        }
    }
}
