//! The probe's reads: one reader per shard, at an interval that changes between the phases of a run.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodbstreams::types::{Record, Shard, ShardIteratorType};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::bracket::Sighting;
use super::writes::number_of;
use crate::measure::latency::Latency;

/// A page of so many records may not be the last that could be read.
const PAGE_FULL: usize = 1_000;
/// How often new shards are looked for.
const DESCRIBE_EVERY: Duration = Duration::from_secs(1);
/// How long a reader waits after a call that failed.
const AFTER_ERROR: Duration = Duration::from_millis(200);

/// The interval between the reads of a shard, and its place in the list of intervals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Poll {
    /// Its place in the list.
    pub phase: usize,
    /// From the start of one read to the start of the next.
    pub every: Duration,
}

/// A record, as it was read.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// The write that it is of.
    pub number: usize,
    /// The interval at which its shard was read.
    pub phase: usize,
    /// The number of its shard.
    pub shard: usize,
    /// Between which reads it became visible.
    pub sighting: Sighting,
}

/// What all readers have seen.
#[derive(Debug, Default)]
pub struct Log {
    /// Records in the order in which they were read.
    pub seen: Vec<Seen>,
    /// GetRecords calls that returned nothing.
    pub empty: Latency,
    /// GetRecords calls that returned records.
    pub filled: Latency,
    /// Calls that were throttled.
    pub throttled: u64,
    /// Calls that failed otherwise, and the last error.
    pub failed: u64,
    /// The last of these errors.
    pub last_error: Option<String>,
    /// Shards that were read.
    pub shards: usize,
}

/// What readers share.
#[derive(Clone)]
pub struct Readers {
    /// The client.
    pub client: Client,
    /// The stream.
    pub stream: String,
    /// The interval now.
    pub poll: watch::Receiver<Poll>,
    /// What they have seen.
    pub log: Arc<Mutex<Log>>,
}

impl Readers {
    /// Reads every shard, and those that come, until it is stopped.
    ///
    /// # Errors
    /// When the stream cannot be described at first.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut known = HashSet::new();
        let mut readers = JoinSet::new();
        let mut shards = self.shards().await.context("cannot describe the stream")?;
        loop {
            for id in shards.iter().filter_map(Shard::shard_id) {
                if known.insert(id.to_owned()) {
                    let number = known.len() - 1;
                    self.log.lock().shards = known.len();
                    let (readers_of, id, stop) = (self.clone(), id.to_owned(), stop.clone());
                    readers.spawn(async move {
                        tokio::select! {
                            () = readers_of.follow(&id, number) => {}
                            () = stop.cancelled() => {}
                        }
                    });
                }
            }
            tokio::select! {
                () = sleep(DESCRIBE_EVERY) => {}
                () = stop.cancelled() => break,
            }
            match self.shards().await {
                Ok(found) => shards = found,
                Err(error) => self.failed(None, format!("{error:#}")),
            }
        }
        readers.join_all().await;
        Ok(())
    }

    async fn shards(&self) -> anyhow::Result<Vec<Shard>> {
        let (mut shards, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = self.client.describe_stream().stream_arn(&self.stream);
            let page = page.set_exclusive_start_shard_id(after).send().await?;
            let description = page.stream_description.context("no description")?;
            shards.extend(description.shards.unwrap_or_default());
            after = description.last_evaluated_shard_id;
            if after.is_none() {
                return Ok(shards);
            }
        }
    }

    /// Reads a shard to its end.
    async fn follow(&self, id: &str, shard: usize) {
        let mut poll = self.poll.clone();
        let mut position: Option<String> = None;
        let mut iterator = None;
        // The last read, if it came to the end of what there was.
        let mut before: Option<(Instant, Poll)> = None;
        let mut due = tokio::time::Instant::now();
        loop {
            sleep_until(due).await;
            let now = *poll.borrow_and_update();
            due = tokio::time::Instant::now() + now.every;
            let Some(current) = iterator.take() else {
                match self.iterator(id, position.as_deref()).await {
                    Ok(opened) => iterator = Some(opened),
                    Err(error) => {
                        self.failed(None, format!("{error:#}"));
                        due = tokio::time::Instant::now() + AFTER_ERROR;
                    }
                }
                continue;
            };
            let started = Instant::now();
            let answer = self.client.get_records().shard_iterator(&current).send().await;
            let present = Instant::now();
            let page = match answer {
                Ok(page) => page,
                Err(error) => {
                    let code = error.as_service_error().and_then(|error| error.code());
                    let is_gone = matches!(
                        code,
                        Some("ExpiredIteratorException" | "TrimmedDataAccessException")
                    );
                    iterator = (!is_gone).then_some(current);
                    let code = code.map(str::to_owned);
                    self.failed(code.as_deref(), format!("{:#}", anyhow::Error::new(error)));
                    due = due.max(tokio::time::Instant::now() + AFTER_ERROR);
                    continue;
                }
            };
            let records = page.records();
            let absent = before.filter(|(_, at)| *at == now).map(|(started, _)| started);
            let sighting = Sighting { absent, present };
            let numbers = records.iter().filter_map(number);
            let seen = numbers.map(|number| Seen { number, phase: now.phase, shard, sighting });
            let mut log = self.log.lock();
            let of = if records.is_empty() { &mut log.empty } else { &mut log.filled };
            of.add((present - started).as_micros() as i64);
            log.seen.extend(seen);
            drop(log);
            before = (records.len() < PAGE_FULL).then_some((started, now));
            let last = records.last().and_then(|r| r.dynamodb()?.sequence_number());
            position = last.map(str::to_owned).or(position);
            iterator = page.next_shard_iterator;
            if iterator.is_none() {
                return;
            }
        }
    }

    async fn iterator(&self, shard: &str, after: Option<&str>) -> anyhow::Result<String> {
        let kind = match after {
            Some(_) => ShardIteratorType::AfterSequenceNumber,
            None => ShardIteratorType::TrimHorizon,
        };
        let request = self.client.get_shard_iterator().stream_arn(&self.stream).shard_id(shard);
        let request = request.shard_iterator_type(kind);
        let opened = request.set_sequence_number(after.map(str::to_owned)).send().await?;
        opened.shard_iterator.context("no iterator")
    }

    fn failed(&self, code: Option<&str>, error: String) {
        let mut log = self.log.lock();
        if matches!(code, Some("LimitExceededException" | "ThrottlingException")) {
            log.throttled += 1;
        } else {
            log.failed += 1;
            log.last_error = Some(error);
        }
    }
}

fn number(record: &Record) -> Option<usize> {
    number_of(record.dynamodb()?.keys()?.get("pk")?.as_s().ok()?)
}
