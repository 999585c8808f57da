//! Whether the relay reads, and what it has counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::handler::Tally;
use super::shards::ShardId;
use super::stream::StreamError;
use crate::broker::Stamped;
use crate::limits;
use crate::metrics::Level;

/// Counters of the relay, since start.
#[derive(Debug, Default)]
pub struct Stats {
    /// GetRecords calls that answered.
    pub polls: AtomicU64,
    /// Those without a record.
    pub empty_polls: AtomicU64,
    /// Records read.
    pub records: AtomicU64,
    /// Records that are not ours.
    pub undecodable: AtomicU64,
    /// Iterators that had expired.
    pub expired_iterators: AtomicU64,
    /// Times that records were trimmed before they were read.
    pub trimmed: AtomicU64,
    /// Calls that failed.
    pub errors: AtomicU64,
    /// How long the last record that was read had been on its way since its seal, in microseconds.
    pub lag_us: Level,
    /// The handlers of `--relay lambda`.
    pub handlers: Mutex<Tally>,
}

/// The health of a relay. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Health {
    stats: Arc<Stats>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    started: bool,
    /// Shards whose last read failed, since when.
    failing: BTreeMap<ShardId, Instant>,
    /// When each shard was last read.
    read: BTreeMap<ShardId, Instant>,
}

impl Health {
    /// The counters.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Whether every open shard is being read, or why not.
    pub fn ready(&self) -> Result<(), String> {
        let state = self.state.lock();
        if !state.started {
            return Err("the relay has not found the stream's shards yet".to_owned());
        }
        let now = Instant::now();
        let long = |since: &&Instant| now.duration_since(**since) >= limits::RELAY_UNREADY_AFTER;
        match state.failing.values().filter(long).count() {
            0 => Ok(()),
            shards => Err(format!("{shards} shards cannot be read")),
        }
    }

    /// How many shards are being read, and for how long the one that waits longest was not.
    pub fn ages(&self) -> (usize, Duration) {
        let state = self.state.lock();
        let oldest = state.read.values().min().map(Instant::elapsed);
        (state.read.len(), oldest.unwrap_or_default())
    }

    pub(super) fn started(&self) {
        self.state.lock().started = true;
    }

    /// A handler has gone from this tally to that.
    pub(super) fn handled(&self, before: &Tally, after: &Tally) {
        self.stats.handlers.lock().add(before, after);
    }

    pub(super) fn read(&self, shard: &ShardId, ok: bool) {
        let mut state = self.state.lock();
        if ok {
            state.failing.remove(shard);
            match state.read.get_mut(shard) {
                Some(read) => *read = Instant::now(),
                None => {
                    state.read.insert(shard.clone(), Instant::now());
                }
            }
        } else {
            // One that was never read ages, too.
            state.read.entry(shard.clone()).or_insert_with(Instant::now);
            state.failing.entry(shard.clone()).or_insert_with(Instant::now);
        }
    }

    /// A shard has ended.
    pub(super) fn ended(&self, shard: &ShardId) {
        let mut state = self.state.lock();
        state.read.remove(shard);
        state.failing.remove(shard);
    }

    /// A record was read.
    pub(super) fn lags(&self, of: &Stamped) {
        self.stats.lag_us.set(of.read_at.as_micros() - of.written_at.as_micros());
    }

    /// A call has failed.
    pub(super) fn failed(&self, problem: &StreamError) {
        let counter = match problem {
            StreamError::Expired => &self.stats.expired_iterators,
            StreamError::Trimmed => &self.stats.trimmed,
            StreamError::Gone(_) | StreamError::Failed(_) => &self.stats.errors,
        };
        counter.fetch_add(1, Relaxed);
    }
}
