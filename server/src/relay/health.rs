//! Whether the relay reads, and what it has counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use parking_lot::Mutex;

use super::handler::Tally;
use super::shards::ShardId;
use crate::limits;

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
        } else {
            state.failing.entry(shard.clone()).or_insert_with(Instant::now);
        }
    }
}
