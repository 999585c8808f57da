//! One stream: its shards, its records and its readers. Every decision takes the time as an
//! argument; nothing here does IO.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::key::{Iterator as ShardIterator, Key};
use super::lineage::{Lineage, Shard, ShardError};
use super::log::{Entry, Log};
use super::readers::{Readers, Recent};
use super::visibility::Visibility;
use super::{records_answer, shard_not_found};
use crate::arn::StreamName;
use crate::call::Reply;
use crate::clock::Micros;
use crate::latency::Propagation;

/// How streams behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StreamOptions {
    /// Shards that a stream starts with. 0: the engine's own single shard, which
    /// never closes, with none of the behaviours below.
    pub shards: u32,
    /// How long a new child is hidden from `DescribeStream`, in milliseconds.
    pub child_hidden_ms: u64,
    /// How long a shard iterator is valid, in milliseconds. AWS: 15 minutes.
    pub iterator_life_ms: u64,
    /// How long a record is kept, in milliseconds. AWS: 24 hours. In any case only the last 250,000
    /// records of a stream are kept.
    pub retention_ms: u64,
    /// Most shards in a page of `DescribeStream`. AWS: 100.
    pub page_shards: usize,
    /// Concurrent readers of a shard; more are throttled. AWS: 2. 0: no limit.
    pub readers_max: usize,
    /// `DescribeStream` calls a second per stream. AWS: 10. 0: no limit.
    pub describes_per_second: u32,
    /// `GetRecords` calls a second per shard; more are throttled. 0: no limit. AWS documents none;
    /// 5 is sometimes claimed (SOURCES.md#streams).
    pub reads_per_second: u32,
    /// How long after its request a LATEST iterator starts, in milliseconds: it never shows what
    /// becomes visible in between.
    pub latest_late_ms: u64,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            shards: 0,
            child_hidden_ms: 0,
            iterator_life_ms: 15 * 60 * 1_000,
            retention_ms: 24 * 60 * 60 * 1_000,
            page_shards: 100,
            readers_max: 0,
            describes_per_second: 0,
            reads_per_second: 0,
            latest_late_ms: 0,
        }
    }
}

impl StreamOptions {
    /// The values that AWS documents (SOURCES.md#streams), with 4 shards.
    pub fn aws() -> Self {
        Self {
            shards: 4,
            child_hidden_ms: 500,
            readers_max: 2,
            describes_per_second: 10,
            ..Self::default()
        }
    }
}

/// A record as the engine committed it.
pub(crate) struct Committed {
    /// The engine's number: the commit's time in microseconds.
    pub(crate) engine: u64,
    /// The hash of its partition key, and that of its whole key.
    pub(crate) partition: u64,
    pub(crate) item: u64,
    /// The record in JSON, for a given sequence number.
    pub(crate) json: Box<dyn FnOnce(&str) -> String>,
}

/// A time during which nothing new becomes visible.
struct Stall {
    /// One shard, or all.
    shard: Option<String>,
    /// What was visible when it began.
    bound: Micros,
    until: Micros,
}

/// What a reader asks of `GetShardIterator`.
pub(crate) enum Start {
    TrimHorizon,
    Latest,
    At(Key),
    After(Key),
}

/// One stream's state.
pub(crate) struct StreamState {
    name: StreamName,
    options: StreamOptions,
    pub(crate) lineage: Lineage,
    log: Log,
    visibility: Visibility,
    readers: Readers,
    stalls: Vec<Stall>,
    /// Iterators given out before are dead.
    expired_before: Micros,
    /// The greatest time ever read up to: nothing is put behind it.
    read_up_to: Micros,
    /// The last record's number.
    last_engine: u64,
    /// When the emulator began: earlier commits are visible already.
    began: Micros,
    describes: Recent,
    /// By shard.
    reads: HashMap<String, Recent>,
    readers_made: u64,
}

impl StreamState {
    /// A stream that was created at `made` and is read for the first time now.
    pub(crate) fn new(
        name: StreamName,
        options: StreamOptions,
        visibility: Visibility,
        made: Micros,
        began: Micros,
    ) -> Self {
        Self {
            name,
            lineage: Lineage::new(options.shards, made, began.max(made)),
            options,
            log: Log::default(),
            visibility,
            readers: Readers::default(),
            stalls: Vec::new(),
            expired_before: Micros(0),
            read_up_to: Micros(0),
            last_engine: 0,
            began,
            describes: Recent::default(),
            reads: HashMap::new(),
            readers_made: 0,
        }
    }

    #[cfg(test)]
    pub(crate) fn options_mut(&mut self) -> &mut StreamOptions {
        &mut self.options
    }

    pub(crate) fn name(&self) -> &StreamName {
        &self.name
    }

    /// Takes in what was committed, in commit order.
    pub(crate) fn ingest(&mut self, records: impl IntoIterator<Item = Committed>) {
        for record in records {
            let committed = Micros(record.engine);
            self.last_engine = self.last_engine.max(record.engine);
            let visible = if committed < self.began {
                committed
            } else {
                // A clock that was set back must not put a record behind readers.
                let arrival = self.visibility.arrival(committed, record.partition, record.item);
                arrival.max(self.read_up_to)
            };
            let key = Key { visible, engine: record.engine };
            let json = (record.json)(&key.to_string()).into();
            self.log.insert(key, Entry { hash: (record.partition >> 32) as u32, json });
        }
    }

    /// The first time of which nothing is visible yet.
    fn bound(&mut self, now: Micros) -> Micros {
        self.read_up_to = self.read_up_to.max(now).max(Micros(self.last_engine + 1));
        self.read_up_to
    }

    fn bound_of(&mut self, shard: &str, now: Micros) -> Micros {
        let bound = self.bound(now);
        self.stalls.retain(|stall| now < stall.until);
        let stalled = self
            .stalls
            .iter()
            .filter(|stall| stall.shard.as_deref().is_none_or(|stalled| stalled == shard));
        stalled.fold(bound, |bound, stall| bound.min(stall.bound))
    }

    /// `GetShardIterator`.
    pub(crate) fn iterator(
        &mut self,
        shard_id: &str,
        start: &Start,
        now: Micros,
    ) -> Result<ShardIterator, Reply> {
        let bound = self.bound_of(shard_id, now);
        let shard = self.lineage.shard(shard_id).filter(|shard| shard.is_described(now));
        let shard = shard.ok_or_else(|| shard_not_found(shard_id))?;
        let from = match start {
            Start::TrimHorizon => oldest(shard),
            Start::Latest => {
                let late = Duration::from_millis(self.options.latest_late_ms);
                oldest(shard).max(Key::from_time(bound + late))
            }
            Start::At(key) => within(shard, *key)?,
            Start::After(key) => within(shard, *key)?.next(),
        };
        self.readers_made += 1;
        Ok(ShardIterator {
            stream: self.name.clone(),
            shard: shard_id.to_owned(),
            from,
            issued: now,
            reader: self.readers_made,
        })
    }

    /// `GetRecords`: its answer in JSON.
    pub(crate) fn records(
        &mut self,
        iterator: &ShardIterator,
        limit: usize,
        empty_page: bool,
        region: &str,
        now: Micros,
    ) -> Result<String, Reply> {
        let bound = self.bound_of(&iterator.shard, now);
        let life = Duration::from_millis(self.options.iterator_life_ms);
        if iterator.issued < self.expired_before || now.since(iterator.issued) > life {
            return Err(Reply::expired_iterator());
        }
        let shard = self.lineage.shard(&iterator.shard);
        let shard = shard.ok_or_else(|| shard_not_found(&iterator.shard))?;
        if shard.trimmed.is_some_and(|trimmed| iterator.from <= trimmed) {
            return Err(Reply::trimmed_data());
        }
        let readers_max = self.options.readers_max;
        if !self.readers.admit(&iterator.shard, iterator.reader, readers_max, now) {
            return Err(too_often("Too many readers of this shard at once."));
        }
        let reads = self.reads.entry(iterator.shard.clone()).or_default();
        if !reads.admit(self.options.reads_per_second, now) {
            return Err(too_often("GetRecords was called too often for this shard."));
        }
        let end = Key::from_time(shard.ends.map_or(bound, |ends| bound.min(ends)));
        let places = iterator.from..if empty_page { iterator.from } else { end };
        let page = self.log.page(shard.range, places, limit);
        let is_finished = shard.ends.is_some_and(|ends| page.next >= Key::from_time(ends));
        let next = (!is_finished || empty_page).then(|| {
            ShardIterator { from: page.next, issued: now, ..iterator.clone() }.to_string()
        });
        Ok(records_answer(page.records.into_iter(), next.as_deref(), region))
    }

    /// The `Shards` of `DescribeStream` and its `LastEvaluatedShardId`.
    pub(crate) fn describe(
        &mut self,
        after: Option<&str>,
        limit: Option<usize>,
        children_of: Option<&str>,
        now: Micros,
    ) -> Result<(Vec<Value>, Option<String>), Reply> {
        if !self.describes.admit(self.options.describes_per_second, now) {
            return Err(too_often("DescribeStream was called too often for this stream."));
        }
        let page = self.options.page_shards.max(1);
        let limit = limit.map_or(page, |limit| limit.clamp(1, page));
        let (shards, more) = self.lineage.describe(now, after, limit, children_of);
        let last = shards.last().filter(|_| more).map(|shard| shard.id.clone());
        Ok((shards.into_iter().map(description).collect(), last))
    }

    /// Closes an open shard (the widest one if none is named) in favour of
    /// `children`.
    pub(crate) fn close(
        &mut self,
        shard: Option<&str>,
        children: u32,
        now: Micros,
    ) -> Result<Vec<String>, ShardError> {
        let widest = |lineage: &Lineage| {
            let widths = lineage.open().map(|shard| {
                // The oldest of equals, so that rolls go round.
                (shard.range.high - shard.range.low, std::cmp::Reverse(shard.starts), &shard.id)
            });
            widths.max().map(|(_, _, id)| id.clone())
        };
        let id = shard.map(str::to_owned).or_else(|| widest(&self.lineage));
        let at = self.bound(now);
        let described = at + Duration::from_millis(self.options.child_hidden_ms);
        self.lineage.close(&id.ok_or(ShardError::NotOpen)?, children, at, described)
    }

    /// The stream was disabled, or its table deleted: its open shards close without children, when all
    /// that was committed has become visible.
    pub(crate) fn end(&mut self, now: Micros) {
        let last = self.log.last().map_or(Micros(0), |last| Micros(last.visible.0 + 1));
        let at = self.bound(now).max(last);
        self.lineage.end(at);
    }

    /// Nothing new becomes visible for `span` from now on.
    pub(crate) fn stall(&mut self, shard: Option<String>, span: Duration, now: Micros) {
        let bound = self.bound(now);
        self.stalls.push(Stall { shard, bound, until: now + span });
    }

    /// Ends every stall.
    pub(crate) fn resume(&mut self) {
        self.stalls.clear();
    }

    /// No iterator given out so far can be used.
    pub(crate) fn expire_iterators(&mut self, now: Micros) {
        self.expired_before = Micros(now.0 + 1);
    }

    /// Closed shards leave `DescribeStream`.
    pub(crate) fn forget_closed(&mut self, now: Micros) -> usize {
        self.lineage.forget_closed(Micros(u64::MAX), now)
    }

    /// Records that became visible more than `keep` ago are gone.
    pub(crate) fn trim(&mut self, keep: Duration, now: Micros) -> usize {
        let oldest = self.bound(now).minus(keep);
        let taken = self.log.trim(Key::from_time(oldest));
        for (hash, key) in &taken {
            self.lineage.mark_trimmed(*hash, *key);
        }
        self.lineage.drop_unreadable(oldest);
        taken.len()
    }

    /// What age alone does: trims records and lets closed shards go.
    pub(crate) fn age(&mut self, now: Micros) {
        let retention = Duration::from_millis(self.options.retention_ms);
        self.trim(retention, now);
        self.lineage.forget_closed(now.minus(retention), now);
    }

    pub(crate) fn set_propagation(&mut self, propagation: Propagation) {
        self.visibility.set(propagation);
    }

    /// Records kept, visible or not.
    pub(crate) fn record_count(&self) -> usize {
        self.log.len()
    }
}

/// The first place of `shard` that can still be read.
fn oldest(shard: &Shard) -> Key {
    let start = Key::from_time(shard.starts);
    shard.trimmed.map_or(start, |trimmed| trimmed.next().max(start))
}

/// `key`, if it lies in `shard` and was not trimmed.
fn within(shard: &Shard, key: Key) -> Result<Key, Reply> {
    let is_within = shard.starts <= key.visible && shard.ends.is_none_or(|ends| key.visible < ends);
    if !is_within {
        return Err(Reply::refused(
            "ValidationException",
            "The sequence number is not within the shard's sequence number range",
        ));
    }
    if shard.trimmed.is_some_and(|trimmed| key < trimmed) {
        return Err(Reply::trimmed_data());
    }
    Ok(key)
}

fn too_often(message: &str) -> Reply {
    Reply::refused("LimitExceededException", message)
}

fn description(shard: &Shard) -> Value {
    let mut range = json!({ "StartingSequenceNumber": Key::from_time(shard.starts).to_string() });
    if let Some(ends) = shard.ends {
        let last = Key { visible: Micros(ends.0 - 1), engine: 99_999_999_999_999_999 };
        range["EndingSequenceNumber"] = Value::String(last.to_string());
    }
    let mut description = json!({ "ShardId": shard.id, "SequenceNumberRange": range });
    if let Some(parent) = &shard.parent {
        description["ParentShardId"] = Value::String(parent.clone());
    }
    description
}
