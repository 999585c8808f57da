//! The health of the relay, and its counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

#[cfg(feature = "lambda-model")]
use lambda_model::Tally;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::shards::ShardId;
use super::stream::StreamError;
use crate::auction::Timestamp;
use crate::limits;
use crate::metrics::Gauge;

/// Counters of the relay, since the start.
#[derive(Debug, Default)]
pub struct Stats {
    /// GetRecords calls that answered.
    pub polls: AtomicU64,
    /// Of these, calls without a record.
    pub empty_polls: AtomicU64,
    /// Records read.
    pub records: AtomicU64,
    /// Records that are not from Gavel.
    pub undecodable: AtomicU64,
    /// Iterators that had expired.
    pub expired_iterators: AtomicU64,
    /// How often records were trimmed before they were read.
    pub trimmed: AtomicU64,
    /// Calls that failed.
    pub errors: AtomicU64,
    /// The time from the seal to the read of the last record, in microseconds.
    pub lag_us: Gauge,
    /// The counts of the handlers of `--relay lambda`.
    #[cfg(feature = "lambda-model")]
    pub handlers: Mutex<Tally>,
}

/// The condition of a relay. In any of them, bids are accepted, and watchers are sent them from the
/// lane or the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has found no shard since the start of the process.
    Starting,
    /// Every shard is read.
    Reading,
    /// Other nodes of the cluster read.
    Standby,
    /// The table has no stream that takes records.
    NoStream,
    /// No shard has been read for some seconds.
    Nothing,
    /// This many shards have been unreadable for some seconds.
    Failing(usize),
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("the relay has not found the stream's shards yet"),
            Self::Reading => f.write_str("ok"),
            Self::Standby => f.write_str("ok: other nodes read the stream"),
            Self::NoStream => f.write_str("the table has no stream; no shard is read"),
            Self::Nothing => f.write_str("no shard is read"),
            Self::Failing(shards) => write!(f, "{shards} shards cannot be read"),
        }
    }
}

/// The health of a relay. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Health {
    stats: Arc<Stats>,
    state: Arc<Mutex<State>>,
    /// Notified when the stream, or one of its shards, is reported gone.
    gone: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    started: bool,
    /// Whether other nodes read.
    standby: bool,
    /// Whether the table has no stream that takes records.
    no_stream: bool,
    /// Shards whose last read failed, and since when.
    failing: BTreeMap<ShardId, Instant>,
    /// When each shard was last read, or assigned to a reader.
    read: BTreeMap<ShardId, Instant>,
    /// Since when no shard is read.
    nothing_since: Instant,
}

impl Default for State {
    fn default() -> Self {
        Self {
            started: false,
            standby: false,
            no_stream: false,
            failing: BTreeMap::new(),
            read: BTreeMap::new(),
            nothing_since: Instant::now(),
        }
    }
}

impl State {
    fn standing(&self, now: Instant) -> Standing {
        let long =
            |since: Instant| now.saturating_duration_since(since) >= limits::RELAY_DEGRADED_AFTER;
        let failing = self.failing.values().filter(|since| long(**since)).count();
        if self.standby {
            return Standing::Standby;
        }
        match (self.started, self.read.is_empty()) {
            (false, _) => Standing::Starting,
            (true, true) if long(self.nothing_since) && self.no_stream => Standing::NoStream,
            (true, true) if long(self.nothing_since) => Standing::Nothing,
            _ if failing > 0 => Standing::Failing(failing),
            _ => Standing::Reading,
        }
    }

    fn end(&mut self, shard: &ShardId, now: Instant) {
        if self.read.remove(shard).is_some() && self.read.is_empty() {
            self.nothing_since = now;
        }
    }
}

impl Health {
    /// The counters.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Whether other nodes of the cluster read, and not this one.
    pub(super) fn set_standby(&self, standby: bool) {
        self.state.lock().standby = standby;
    }

    /// How the relay stands.
    pub fn standing(&self) -> Standing {
        self.state.lock().standing(Instant::now())
    }

    /// The number of shards being read, and the longest time that one of them has not been read;
    /// without any shard, for how long there was none.
    pub fn ages(&self) -> (usize, Duration) {
        let state = self.state.lock();
        let oldest = state.read.values().min().copied().unwrap_or(state.nothing_since);
        (state.read.len(), oldest.elapsed())
    }

    pub(super) fn started(&self) {
        self.state.lock().started = true;
    }

    /// Records whether the table has a stream.
    pub(super) fn table_has_stream(&self, has_stream: bool) {
        self.state.lock().no_stream = !has_stream;
    }

    /// A new stream is read from now on.
    pub(super) fn stream_changed(&self) {
        let mut state = self.state.lock();
        if !state.read.is_empty() {
            state.nothing_since = Instant::now();
        }
        state.read.clear();
        state.failing.clear();
        state.no_stream = false;
    }

    /// Returns when a reader learns that the stream, or its shard, is gone.
    pub(super) async fn stream_is_gone(&self) {
        self.gone.notified().await;
    }

    /// A shard is assigned to a reader.
    pub(super) fn begins(&self, shard: &ShardId) {
        let mut state = self.state.lock();
        // A shard that was given up and is tried again was not read meanwhile.
        let since = state.failing.get(shard).copied().unwrap_or_else(Instant::now);
        state.read.insert(shard.clone(), since);
    }

    /// The stream has these shards: those that were given up and are not among them no longer count
    /// as failing.
    pub(super) fn listed<'s>(&self, shards: impl Iterator<Item = &'s ShardId>) {
        let mut state = self.state.lock();
        let listed: BTreeSet<&ShardId> = shards.collect();
        let State { failing, read, .. } = &mut *state;
        failing.retain(|shard, _| listed.contains(shard) || read.contains_key(shard));
    }

    /// The counts of a handler have changed.
    #[cfg(feature = "lambda-model")]
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
            state.failing.entry(shard.clone()).or_insert_with(Instant::now);
        }
    }

    /// A shard has ended.
    pub(super) fn ended(&self, shard: &ShardId) {
        let mut state = self.state.lock();
        state.failing.remove(shard);
        state.end(shard, Instant::now());
    }

    /// A shard was given up: it counts as failing until it is read again, or leaves the stream.
    pub(super) fn gave_up(&self, shard: &ShardId) {
        self.state.lock().end(shard, Instant::now());
    }

    /// A record was read.
    pub(super) fn lags(&self, written_at: Timestamp, read_at: Timestamp) {
        self.stats.lag_us.set(read_at.as_micros().saturating_sub(written_at.as_micros()));
    }

    /// Records a failed call.
    pub(super) fn failed(&self, problem: &StreamError) {
        let counter = match problem {
            StreamError::Expired => &self.stats.expired_iterators,
            StreamError::Trimmed => &self.stats.trimmed,
            StreamError::Gone(_) | StreamError::Failed(_) => &self.stats.errors,
        };
        counter.fetch_add(1, Relaxed);
        if matches!(problem, StreamError::Gone(_)) {
            self.gone.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(1);

    #[test]
    fn a_relay_without_a_shard_says_so_after_some_seconds_until_it_reads_again() {
        let (mut state, start) = (State::default(), Instant::now());
        let long = limits::RELAY_DEGRADED_AFTER;
        assert_eq!(state.standing(start + long * 2), Standing::Starting);
        state.started = true;
        state.read.insert("a".into(), start);
        assert_eq!(state.standing(start + long * 2), Standing::Reading);
        state.end(&"a".into(), start + long);
        assert_eq!(state.standing(start + long * 2 - SOON), Standing::Reading, "shards roll");
        assert_eq!(state.standing(start + long * 2), Standing::Nothing);
        state.no_stream = true;
        assert_eq!(state.standing(start + long * 2), Standing::NoStream);
        state.read.insert("b".into(), start);
        assert_eq!(state.standing(start + long * 2), Standing::Reading);
    }

    #[test]
    fn shards_whose_reads_fail_for_long_are_counted() {
        let (mut state, start) = (State { started: true, ..State::default() }, Instant::now());
        for (shard, since) in [("a", start), ("b", start + SOON)] {
            state.read.insert(shard.into(), start);
            state.failing.insert(shard.into(), since);
        }
        let long = start + limits::RELAY_DEGRADED_AFTER;
        assert_eq!(state.standing(long - SOON), Standing::Reading);
        assert_eq!(state.standing(long), Standing::Failing(1));
        assert_eq!(state.standing(long + SOON), Standing::Failing(2));
    }
}
