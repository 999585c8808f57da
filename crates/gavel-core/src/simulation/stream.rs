//! A stream that shows what the table wrote: late, in any order within a transaction, in shards that
//! end and have children, and with calls that fail.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodbstreams::types::{
    AttributeValue as StreamValue, OperationType, Record, StreamRecord,
};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::relay::shards::{Description, ShardId};
use crate::relay::stream::{
    Listed, Page, Position, Stream, StreamArn, StreamError, Streams as RelayStreams,
};
use crate::store::{Transaction, item};

/// The ARN of the only stream.
pub(super) const ARN: &str = "stream";

/// The streams of the simulated table: one. Clones share it.
#[derive(Clone)]
pub(super) struct Streams {
    model: Arc<Mutex<Model>>,
    /// From then on whoever has this reaches nothing.
    cut: CancellationToken,
}

struct Model {
    random: StdRng,
    is_calm: bool,
    shards: Vec<Shard>,
    /// The last sequence number.
    number: u64,
    /// Nothing that is written before is shown before.
    stalls_until: Instant,
}

struct Shard {
    parent: Option<ShardId>,
    /// When descriptions begin to have it.
    listed_from: Instant,
    /// Each with the time from which it can be read.
    records: Vec<(Instant, Record)>,
    /// How many were deleted.
    trimmed: usize,
    is_closed: bool,
}

impl Streams {
    pub(super) fn new(seed: u64) -> Self {
        let now = Instant::now();
        let model = Model {
            random: StdRng::seed_from_u64(seed),
            is_calm: false,
            shards: vec![Shard::new(None, now)],
            number: 0,
            stalls_until: now,
        };
        Self { model: Arc::new(Mutex::new(model)), cut: CancellationToken::new() }
    }

    /// The same streams, until they are cut off.
    pub(super) fn connection(&self, cut: CancellationToken) -> Self {
        Self { model: Arc::clone(&self.model), cut }
    }

    /// The table has written this; each item can be read from its time on.
    pub(super) fn show(&self, transaction: &Transaction, lands: &[Instant]) {
        self.model.lock().show(transaction, lands);
    }

    /// From now on it works as it should.
    pub(super) fn calm(&self) {
        let mut model = self.model.lock();
        model.is_calm = true;
        let now = Instant::now();
        model.stalls_until = now;
        for shard in &mut model.shards {
            shard.listed_from = shard.listed_from.min(now);
        }
    }

    async fn travel(&self) -> Result<(), StreamError> {
        let ms = self.model.lock().random.random_range(0..10);
        sleep(Duration::from_millis(ms)).await;
        if self.cut.is_cancelled() {
            return Err(StreamError::Failed("cut off".to_owned()));
        }
        Ok(())
    }
}

impl Shard {
    fn new(parent: Option<ShardId>, listed_from: Instant) -> Self {
        Self { parent, listed_from, records: Vec::new(), trimmed: 0, is_closed: false }
    }

    /// How many records can be read now, the trimmed ones among them.
    fn visible(&self, now: Instant) -> usize {
        self.records.iter().take_while(|(from, _)| *from <= now).count()
    }
}

impl Model {
    fn happens(&mut self, chance: f64) -> bool {
        !self.is_calm && self.random.random_bool(chance)
    }

    fn show(&mut self, transaction: &Transaction, lands: &[Instant]) {
        let now = Instant::now();
        if self.happens(0.05) {
            let parent = self.shards.len() - 1;
            self.shards[parent].is_closed = true;
            let listed_from = now + Duration::from_millis(self.random.random_range(0..1500));
            self.shards.push(Shard::new(Some(id_of(parent)), listed_from));
        }
        if self.happens(0.03) {
            self.stalls_until = now + Duration::from_millis(self.random.random_range(0..5000));
        }
        let Transaction { auction, bids, written_at, .. } = transaction;
        let mut images = vec![item::auction_item(auction, *written_at)];
        for new in bids {
            images.push(item::bid_item(&new.bid, *written_at));
            images.extend(new.key.as_ref().map(|key| item::key_item(new, key, *written_at)));
        }
        assert_eq!(images.len(), lands.len(), "one time an item");
        let mut images: Vec<_> = images.into_iter().zip(lands).collect();
        // Only the order of one item's changes is promised.
        images.shuffle(&mut self.random);
        for (image, lands) in images {
            if self.happens(0.01) {
                continue;
            }
            self.number += 1;
            let slowest = if self.random.random() { 5 } else { 200 };
            let travel = Duration::from_millis(self.random.random_range(0..slowest));
            let record = record(self.number, image);
            let earliest = self.stalls_until.max(*lands + travel);
            let records = &mut self.shards.last_mut().expect("a shard").records;
            let from = records.last().map_or(earliest, |(last, _)| earliest.max(*last));
            records.push((from, record));
        }
    }

    fn describe(&mut self, after: Option<&ShardId>) -> Result<Listed, StreamError> {
        if self.happens(0.1) {
            return Err(StreamError::Failed("simulated".to_owned()));
        }
        let now = Instant::now();
        let from = after.map_or(0, |after| index_of(after) + 1);
        let listed = self.shards.iter().take_while(|shard| shard.listed_from <= now).count();
        let to = listed.min(from + self.random.random_range(1..4));
        let shards = (from..to)
            .map(|at| Description { id: id_of(at), parent: self.shards[at].parent.clone() })
            .collect();
        let next = (from < to && to < listed).then(|| id_of(to - 1));
        Ok(Listed { shards, next, is_enabled: true })
    }

    fn iterator(&mut self, shard: &ShardId, position: &Position) -> Result<String, StreamError> {
        if self.happens(0.05) {
            return Err(StreamError::Failed("simulated".to_owned()));
        }
        let at = index_of(shard);
        let visible = self.shards[at].visible(Instant::now());
        let shard = &self.shards[at];
        let from = match position {
            // What is written and not shown yet may be before its tip, or after it.
            Position::Latest if self.random.random() => shard.records.len(),
            Position::Latest => visible,
            Position::TrimHorizon => shard.trimmed,
            Position::After(number) => {
                let is_it = |(_, record): &(Instant, Record)| number_of(record) == Some(number);
                shard.records.iter().position(is_it).map_or(0, |before| before + 1)
            }
        };
        if from < shard.trimmed { Err(StreamError::Trimmed) } else { Ok(format!("{at}:{from}")) }
    }

    fn records(&mut self, iterator: &str) -> Result<Page, StreamError> {
        let (at, from) = iterator.split_once(':').expect("an iterator of this stream");
        let (at, from): (usize, usize) = (at.parse().expect("a shard"), from.parse().expect("one"));
        let visible = self.shards[at].visible(Instant::now());
        if self.happens(0.002) {
            self.shards[at].trimmed = visible;
        }
        if from < self.shards[at].trimmed {
            return Err(StreamError::Trimmed);
        }
        if self.happens(0.05) {
            return Err(StreamError::Failed("simulated".to_owned()));
        }
        if self.happens(0.01) {
            return Err(StreamError::Expired);
        }
        let is_empty = self.happens(0.1);
        let again = if self.happens(0.05) { self.random.random_range(0..4) } else { 0 };
        let shard = &self.shards[at];
        let first = from.saturating_sub(again).max(shard.trimmed);
        let room = if is_empty { 0 } else { self.random.random_range(1..20) };
        let to = visible.min(first + room).max(first);
        let records = shard.records[first..to].iter().map(|(_, record)| record.clone()).collect();
        let next = from.max(to);
        let has_ended = shard.is_closed && next == shard.records.len();
        Ok(Page { records, next: (!has_ended).then(|| format!("{at}:{next}")) })
    }
}

impl RelayStreams for Streams {
    type Stream = Self;

    async fn latest(&self) -> Result<Option<StreamArn>, StreamError> {
        Ok(Some(ARN.into()))
    }

    fn open(&self, _: &StreamArn) -> Self {
        self.clone()
    }
}

impl Stream for Streams {
    async fn describe(&self, after: Option<&ShardId>) -> Result<Listed, StreamError> {
        self.travel().await?;
        self.model.lock().describe(after)
    }

    async fn iterator(&self, shard: &ShardId, at: &Position) -> Result<String, StreamError> {
        self.travel().await?;
        self.model.lock().iterator(shard, at)
    }

    async fn records(&self, iterator: &str) -> Result<Page, StreamError> {
        self.travel().await?;
        let page = self.model.lock().records(iterator);
        self.travel().await?;
        page
    }
}

fn id_of(at: usize) -> ShardId {
    format!("shard-{at:04}").into()
}

fn index_of(shard: &ShardId) -> usize {
    shard.trim_start_matches("shard-").parse().expect("a shard of this stream")
}

fn number_of(record: &Record) -> Option<&str> {
    record.dynamodb()?.sequence_number()
}

fn record(number: u64, image: HashMap<String, AttributeValue>) -> Record {
    let value = |value: AttributeValue| match value {
        AttributeValue::S(text) => StreamValue::S(text),
        AttributeValue::N(digits) => StreamValue::N(digits),
        AttributeValue::Bool(value) => StreamValue::Bool(value),
        other => panic!("an attribute that Gavel does not write: {other:?}"),
    };
    let image = image.into_iter().map(|(name, v)| (name, value(v))).collect();
    let change = StreamRecord::builder()
        .sequence_number(format!("{number:021}"))
        .set_new_image(Some(image))
        .build();
    Record::builder().event_name(OperationType::Modify).dynamodb(change).build()
}
