//! Lambda's event source mapping on a stream, which the review judged. Pure; every default is
//! Lambda's own (SOURCES.md#lambda: the Lambda developer guide).
//!
//! A [`Line`] is one shard, or a part of it under a parallelization factor. It decides which batch
//! to invoke the handler with, and what the handler's answer means: only a fully successful batch
//! moves on; anything else comes again, and the line makes no progress meanwhile.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// The longest pause before a failed batch comes again.
const PAUSE_MAX: Duration = Duration::from_mins(1);
/// Most failures in a script.
const FAILURES_MAX: usize = 1_000;

/// The settings of a mapping and of the handler it invokes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Milliseconds between polls of a shard. Lambda: 4 times a second.
    pub poll_every_ms: u64,
    /// Most records in a batch. Lambda: 100, at most 10,000.
    pub batch_size: usize,
    /// Milliseconds that a batch waits to be filled. Lambda: 0.
    pub batching_window_ms: u64,
    /// Concurrent batches of one shard, with all records of an item in the same one. Lambda: 1, at
    /// most 10.
    pub parallelization_factor: usize,
    /// Retries of a failed batch; absent: until it succeeds. Lambda: -1, which is absent.
    pub maximum_retry_attempts: Option<u32>,
    /// Milliseconds after which a record is given up; absent: never. Lambda: -1, which is absent.
    pub maximum_record_age_ms: Option<u64>,
    /// Whether a failed batch is split in two. Lambda: no.
    pub bisect_batch_on_function_error: bool,
    /// Whether the handler reports which records failed. Lambda: no.
    pub report_batch_item_failures: bool,
    /// Whether only bids invoke the handler (FilterCriteria). Other records are then dropped, and
    /// the state of an auction is read from the table. Lambda: no filter.
    pub bids_only: bool,
    /// Milliseconds that a warm invocation takes before its first record. 0: the figures that the
    /// emulator's `aws` latencies reproduce end in the handler, so they include one already.
    pub invoke_ms: f64,
    /// Additional milliseconds of a cold start: the first invocation of a shard, and
    /// `cold_start_rate` of all others. Node 150-400, Rust about 20.
    pub cold_start_ms: f64,
    /// The share of later invocations that start cold. Lambda: under 0.01.
    pub cold_start_rate: f64,
    /// Milliseconds that the handler takes for each record.
    pub record_ms: f64,
    /// The share of records at which the handler fails, after those before them were handled.
    pub failure_rate: f64,
    /// Records at which it fails in addition.
    pub failures: Vec<Failure>,
}

/// One failure of a script; those of a script happen one after the other, on each shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// The position in a batch (1 is its first record) at which it fails, as soon as a batch is
    /// that long and the record there is new. The failure stays with that record.
    pub record: usize,
    /// How often the record fails; absent: always (a poison record).
    #[serde(default)]
    pub times: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            poll_every_ms: 250,
            batch_size: 100,
            batching_window_ms: 0,
            parallelization_factor: 1,
            maximum_retry_attempts: None,
            maximum_record_age_ms: None,
            bisect_batch_on_function_error: false,
            report_batch_item_failures: false,
            bids_only: false,
            invoke_ms: 0.0,
            cold_start_ms: 250.0,
            cold_start_rate: 0.0,
            record_ms: 0.0,
            failure_rate: 0.0,
            failures: Vec::new(),
        }
    }
}

impl Settings {
    /// Checks the settings.
    ///
    /// # Errors
    /// The first problem.
    pub fn check(&self) -> Result<(), &'static str> {
        let ms = [self.invoke_ms, self.cold_start_ms, self.record_ms];
        if !(1..=10_000).contains(&self.batch_size) {
            Err("batch_size must be from 1 to 10000")
        } else if !(1..=10).contains(&self.parallelization_factor) {
            Err("parallelization_factor must be from 1 to 10")
        } else if self.poll_every_ms == 0 || self.batching_window_ms > 300_000 {
            Err("poll_every_ms must be over 0, batching_window_ms at most 300000")
        } else if !ms.iter().all(|ms| ms.is_finite() && (0.0..=900_000.0).contains(ms)) {
            Err("a handler's times must be from 0 to 900000 milliseconds")
        } else if !(0.0..1.0).contains(&self.failure_rate) {
            Err("failure_rate must be from 0 to less than 1")
        } else if !(0.0..=1.0).contains(&self.cold_start_rate) {
            Err("cold_start_rate must be from 0 to 1")
        } else if self.failures.len() > FAILURES_MAX || self.failures.iter().any(|f| f.record == 0)
        {
            Err("failures must be at most 1000, each at a record from 1")
        } else {
            Ok(())
        }
    }
}

/// A record in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item<R> {
    /// Its sequence number.
    pub id: String,
    /// When it was first read.
    pub read_at: Instant,
    /// The record.
    pub record: R,
}

/// What a handler answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// All records succeeded.
    Success,
    /// It failed; how far it got is unknown.
    Failed,
    /// These records failed, by their sequence numbers; if empty, all succeeded.
    ItemFailures(Vec<String>),
}

/// What a line needs next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next<R> {
    /// Invoke the handler with these records, and answer.
    Invoke(Vec<Item<R>>),
    /// Wait for more records, or until this time.
    Wait(Option<Instant>),
}

#[derive(Debug, Clone)]
struct Batch<R> {
    items: Vec<Item<R>>,
    /// How often it has failed.
    failures: u32,
    /// How often in a row without any part of it succeeding.
    stuck: u32,
}

/// A line of batches.
#[derive(Debug)]
pub struct Line<R> {
    settings: Settings,
    pending: VecDeque<Item<R>>,
    /// Failed batches, in order: they come before everything else.
    again: VecDeque<Batch<R>>,
    /// The batch that the handler is processing.
    invoked: Option<Batch<R>>,
    /// Records that were given up, whose metadata goes to the on-failure destination.
    given_up: Vec<Item<R>>,
}

impl<R: Clone> Line<R> {
    /// An empty line.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            pending: VecDeque::new(),
            again: VecDeque::new(),
            invoked: None,
            given_up: Vec::new(),
        }
    }

    /// Records were read.
    pub fn push(&mut self, items: impl IntoIterator<Item = Item<R>>) {
        self.pending.extend(items);
    }

    /// Whether everything that was read is done.
    pub fn is_idle(&self) -> bool {
        self.pending.is_empty() && self.again.is_empty() && self.invoked.is_none()
    }

    /// What to do now.
    pub fn next(&mut self, now: Instant) -> Next<R> {
        if self.invoked.is_some() {
            return Next::Wait(None);
        }
        while let Some(mut batch) = self.again.pop_front() {
            self.give_up_old(&mut batch.items, now);
            if !batch.items.is_empty() {
                return self.invoke(batch);
            }
        }
        let Some(first) = self.pending.front() else { return Next::Wait(None) };
        let full = self.pending.len() >= self.settings.batch_size;
        let ripe = first.read_at + Duration::from_millis(self.settings.batching_window_ms);
        if !full && now < ripe {
            return Next::Wait(Some(ripe));
        }
        let count = self.pending.len().min(self.settings.batch_size);
        let mut items: Vec<Item<R>> = self.pending.drain(..count).collect();
        self.give_up_old(&mut items, now);
        if items.is_empty() {
            return self.next(now);
        }
        self.invoke(Batch { items, failures: 0, stuck: 0 })
    }

    /// How long the next batch waits because it has failed: after the first failure not at all,
    /// then for the time between polls, twice that and so on, at most a minute.
    pub fn pause(&self) -> Duration {
        let stuck = self.again.front().map_or(0, |batch| batch.stuck);
        let Some(doublings) = stuck.checked_sub(2) else { return Duration::ZERO };
        let first = Duration::from_millis(self.settings.poll_every_ms);
        first.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(PAUSE_MAX)
    }

    /// The handler has answered.
    pub fn answered(&mut self, answer: &Answer) {
        let Some(batch) = self.invoked.take() else { return };
        match answer {
            Answer::Success => {}
            Answer::Failed => self.failed(batch),
            // Not evaluated: the invocation itself succeeded.
            Answer::ItemFailures(_) if !self.settings.report_batch_item_failures => {}
            Answer::ItemFailures(failures) if failures.is_empty() => {}
            Answer::ItemFailures(failures) => {
                let places: Option<Vec<usize>> = failures
                    .iter()
                    .map(|id| batch.items.iter().position(|item| item.id == *id))
                    .collect();
                match places.and_then(|places| places.into_iter().min()) {
                    // From the lowest that failed on, whether later ones had succeeded or not.
                    Some(lowest) if lowest > 0 => {
                        let items = batch.items[lowest..].to_vec();
                        let rest = Batch { items, stuck: 0, ..batch };
                        if self.settings.bisect_batch_on_function_error {
                            // Split at that record instead of in the middle: what comes before it
                            // is done.
                            self.again.push_front(rest);
                        } else {
                            self.use_up_retry(rest);
                        }
                    }
                    // The first record, or a number that is not of the batch: all of it failed.
                    _ => self.failed(batch),
                }
            }
        }
    }

    /// Takes the records given up so far.
    pub fn take_given_up(&mut self) -> Vec<Item<R>> {
        std::mem::take(&mut self.given_up)
    }

    fn invoke(&mut self, batch: Batch<R>) -> Next<R> {
        let items = batch.items.clone();
        self.invoked = Some(batch);
        Next::Invoke(items)
    }

    fn failed(&mut self, mut batch: Batch<R>) {
        if self.settings.bisect_batch_on_function_error && batch.items.len() > 1 {
            // Does not use up retries.
            let items = batch.items.split_off(batch.items.len() / 2);
            self.again.push_front(Batch { items, failures: batch.failures, stuck: 0 });
            self.again.push_front(Batch { stuck: 0, ..batch });
            return;
        }
        batch.stuck = batch.stuck.saturating_add(1);
        self.use_up_retry(batch);
    }

    fn use_up_retry(&mut self, mut batch: Batch<R>) {
        batch.failures = batch.failures.saturating_add(1);
        match self.settings.maximum_retry_attempts {
            Some(retries) if batch.failures > retries => self.given_up.extend(batch.items),
            _ => self.again.push_front(batch),
        }
    }

    fn give_up_old(&mut self, items: &mut Vec<Item<R>>, now: Instant) {
        let Some(max_ms) = self.settings.maximum_record_age_ms else { return };
        let max = Duration::from_millis(max_ms);
        let (old, young) = items.drain(..).partition(|item| now.duration_since(item.read_at) > max);
        *items = young;
        self.given_up.extend::<Vec<Item<R>>>(old);
    }
}
