//! The table over the AWS SDK: reads, and the creation of auctions.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::agenda::Agenda;
use super::counts::Kind;
use super::error::{CommitError, StoreError};
use super::item::{self, Item};
use super::key::{IdempotencyKey, KeyRecord};
use super::phase::due_of;
use super::watch::Watch;
use super::{Order, StoredBid, Table, Transaction, transact};
use crate::auction::{Auction, AuctionId};
use crate::metrics::{Counter, CounterVec};
use crate::{clock, limits};

/// One table of one DynamoDB.
#[derive(Debug, Clone)]
pub struct Dynamo {
    pub(super) client: Client,
    pub(super) table: String,
    pub(super) errors: Arc<CounterVec<Kind>>,
    pub(super) watch: Arc<Watch>,
    pub(super) agenda: Arc<Mutex<Agenda>>,
    /// Permits of requests that read for queries and watchers.
    turns: Arc<Semaphore>,
    takes_turns: bool,
    waited: Arc<Counter>,
}

impl Dynamo {
    /// The table with this name. Does not connect.
    pub fn new(client: Client, table: String) -> Self {
        Self {
            client,
            table,
            errors: Arc::default(),
            watch: Arc::default(),
            agenda: Arc::default(),
            turns: Arc::new(Semaphore::new(limits::TABLE_READS_MAX)),
            takes_turns: false,
            waited: Arc::default(),
        }
    }

    /// The same table for queries and watchers: at most [`limits::TABLE_READS_MAX`] of their
    /// requests read concurrently, so that bids do not wait behind them.
    #[must_use]
    pub fn taking_turns(&self) -> Self {
        Self { takes_turns: true, ..self.clone() }
    }

    /// Waits for a permit to read, if this one needs permits.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        if !self.takes_turns {
            return None;
        }
        if let Ok(turn) = self.turns.try_acquire() {
            return Some(turn);
        }
        self.waited.inc();
        self.turns.acquire().await.ok()
    }

    /// How often a request had to wait for its permit to read.
    pub fn waited(&self) -> u64 {
        self.waited.get()
    }

    /// The number of failed requests, by kind.
    pub fn errors(&self) -> &CounterVec<Kind> {
        &self.errors
    }

    /// Writes a new auction; returns false if an earlier attempt with the same id has written it.
    pub async fn create(&self, auction: &Auction) -> Result<bool, StoreError> {
        self.note(auction);
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item::auction_item(auction, auction.created_at)))
            .condition_expression("attribute_not_exists(pk)");
        let written = match put.send().await {
            Ok(_) => Ok(true),
            // Ids are random, or derived from a seller and a key: an item with this id is this
            // auction.
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
            Err(error) => Err(self.failed(&error)),
        };
        self.watch.wrote(written.as_ref().map(|_| ()), Instant::now());
        written
    }

    /// This server writes an auction: whatever the outcome, the schedule checks when it is due.
    fn note(&self, auction: &Auction) {
        let due = due_of(auction);
        self.agenda.lock().note(due.phase, due.number, due.at);
    }

    /// Several auctions by id, strongly consistent, in the order requested; unknown ids and
    /// unreadable auctions are left out.
    pub async fn load_many(&self, ids: &[AuctionId]) -> Result<Vec<Auction>, StoreError> {
        let mut found = HashMap::new();
        for chunk in ids.chunks(limits::BATCH_GET_MAX) {
            for auction in self.load_each(chunk).await? {
                match auction {
                    Ok(auction) => _ = found.insert(auction.id.clone(), auction),
                    Err(error) => self.watch.passed_over(&error, Instant::now()),
                }
            }
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// A consistent BatchGetItem that requests unprocessed keys again.
    pub(super) async fn batch_get(&self, keys: Vec<Item>) -> Result<Vec<Item>, StoreError> {
        let mut wanted = keys;
        let mut items = Vec::with_capacity(wanted.len());
        for _ in 0..limits::BATCH_GET_TRIES {
            let request = KeysAndAttributes::builder()
                .consistent_read(true)
                .set_keys(Some(wanted))
                .build()
                .map_err(|error| StoreError::Refused(error.to_string()))?;
            let turn = self.turn().await;
            let output = self
                .client
                .batch_get_item()
                .request_items(&self.table, request)
                .send()
                .await
                .map_err(|error| self.failed(&error))?;
            drop(turn);
            let mut responses = output.responses.unwrap_or_default();
            items.extend(responses.remove(&self.table).unwrap_or_default());
            wanted = output
                .unprocessed_keys
                .unwrap_or_default()
                .remove(&self.table)
                .map(|left| left.keys)
                .unwrap_or_default();
            if wanted.is_empty() {
                return Ok(items);
            }
            tokio::time::sleep(limits::BATCH_GET_PAUSE).await;
        }
        Err(StoreError::Unavailable("BatchGetItem leaves keys unprocessed".to_owned()))
    }
}

impl Table for Dynamo {
    async fn load(&self, id: &AuctionId) -> Result<Option<Auction>, StoreError> {
        let _turn = self.turn().await;
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(item::state_key(id)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| self.failed(&error))?;
        self.read(output.item.as_ref().map(item::auction).transpose())
    }

    async fn commit(&self, transaction: &Transaction) -> Result<(), CommitError> {
        self.note(&transaction.auction);
        transact::commit(self, transaction).await
    }

    async fn keys(&self, keys: &[IdempotencyKey]) -> Result<Vec<Option<KeyRecord>>, StoreError> {
        let mut found = HashMap::new();
        for chunk in keys.chunks(limits::TRANSACT_GET_MAX) {
            // TransactGetItems refuses a request that names a key twice.
            let mut wanted: Vec<&IdempotencyKey> = chunk.iter().collect();
            wanted.sort();
            wanted.dedup();
            let items = wanted.iter().map(|key| item::idempotency_item_key(key)).collect();
            for (key, item) in wanted.into_iter().zip(self.isolated(items).await?) {
                let Some(item) = item else { continue };
                if let Some(record) = self.read(item::key_record(&item, clock::now()))? {
                    found.insert(key, record);
                }
            }
        }
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    async fn bid(&self, id: &AuctionId, sequence: u64) -> Result<Option<StoredBid>, StoreError> {
        let items = self.isolated(vec![item::bid_key(id, sequence)]).await?;
        let item = items.into_iter().next().flatten();
        self.read(item.as_ref().map(item::bid).transpose())
    }

    async fn page(
        &self,
        id: &AuctionId,
        order: Order,
        limit: usize,
    ) -> Result<Vec<StoredBid>, StoreError> {
        let (ascending, from, to) = match order {
            Order::After(sequence) => (true, sequence.saturating_add(1), u64::MAX),
            Order::Before(sequence) => (false, 1, sequence.saturating_sub(1)),
        };
        let to = to.min(limits::SEQUENCE_MAX);
        if from > to {
            return Ok(Vec::new());
        }
        let mut bids = Vec::new();
        let mut start_key = None;
        for _ in 0..limits::STORE_PAGE_QUERIES_MAX {
            let _turn = self.turn().await;
            let output = self
                .client
                .query()
                .table_name(&self.table)
                .consistent_read(true)
                .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
                .expression_attribute_values(":pk", AttributeValue::S(item::auction_pk(id)))
                .expression_attribute_values(":from", AttributeValue::S(item::bid_sk(from)))
                .expression_attribute_values(":to", AttributeValue::S(item::bid_sk(to)))
                .scan_index_forward(ascending)
                .limit(i32::try_from(limit - bids.len()).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start_key)
                .send()
                .await
                .map_err(|error| self.failed(&error))?;
            // Others may keep items beside a bid, such as BID#000000000001#risk.
            for item in output.items().iter().filter(|item| item::is_bid(item)) {
                bids.push(self.read(item::bid(item))?);
            }
            // DynamoDB cuts an answer at 1 MB: only the last key shows whether there is more.
            start_key = output.last_evaluated_key;
            if bids.len() >= limit || start_key.is_none() {
                return Ok(bids);
            }
        }
        Err(StoreError::Unavailable("a page of bids contains too many other items".to_owned()))
    }

    async fn load_each(
        &self,
        ids: &[AuctionId],
    ) -> Result<Vec<Result<Auction, StoreError>>, StoreError> {
        let items = self.batch_get(ids.iter().map(item::state_key).collect()).await?;
        Ok(items.iter().map(|item| self.read(item::auction(item))).collect())
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::config::BehaviorVersion;
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn queries_and_watchers_read_so_much_at_a_time_and_lanes_never_wait_for_them() {
        let config = aws_sdk_dynamodb::Config::builder();
        let client = Client::from_conf(config.behavior_version(BehaviorVersion::latest()).build());
        let store = Dynamo::new(client, "table".to_owned());
        let reading = store.taking_turns();
        let held: Vec<_> =
            (0..limits::TABLE_READS_MAX).map(|_| reading.turn().now_or_never()).collect();
        assert!(held.iter().all(Option::is_some));
        assert_eq!(store.waited(), 0);
        assert!(reading.turn().now_or_never().is_none(), "the next one waits");
        assert_eq!(store.waited(), 1);
        assert!(store.turn().now_or_never().is_some(), "a lane does not");
        drop(held);
        assert!(reading.turn().now_or_never().is_some());
    }
}
