//! The reader of one shard: calls GetRecords as often as demand requires.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use aws_sdk_dynamodbstreams::types::Record;
use rand::Rng as _;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, error, info, warn};

use super::health::Health;
use super::record;
use super::shards::{Assignment, ShardId, Start};
use super::stream::{Page, Position, Stream, StreamError};
use crate::auction::Timestamp;
use crate::broker::Broker;
use crate::broker::demand::{Call, PollInterval};
use crate::cluster::Publisher;
use crate::outage::Outage;
use crate::store::Table;
use crate::{clock, limits};

/// Poll intervals of a shard, by demand.
#[derive(Debug, Clone, Copy)]
pub struct PollIntervals {
    /// While a watcher waits for a bid that is being written.
    pub busy: Duration,
    /// While any auction is watched.
    pub watched: Duration,
    /// Otherwise.
    pub idle: Duration,
}

impl PollIntervals {
    fn of(&self, poll_interval: PollInterval) -> Duration {
        match poll_interval {
            PollInterval::Busy => self.busy,
            PollInterval::Watched => self.watched,
            PollInterval::Idle => self.idle,
        }
    }
}

/// Why a reader ended.
#[derive(Debug)]
pub(super) enum End {
    /// The shard is closed and read to its end.
    Closed,
    /// The shard was reported gone for so long that it was given up.
    Gone(String),
}

/// Reads one shard to its end.
pub(super) struct Reader<S, T> {
    pub(super) stream: Arc<S>,
    pub(super) broker: Broker<T>,
    pub(super) health: Health,
    pub(super) poll_intervals: PollIntervals,
    /// Where what is read goes besides.
    pub(super) publisher: Option<Publisher>,
    pub(super) calls: watch::Receiver<Call>,
    pub(super) shard: ShardId,
    pub(super) position: Position,
}

impl<S: Stream, T: Table> Reader<S, T> {
    pub(super) fn start(assignment: &Assignment) -> Position {
        match assignment.start {
            Start::Latest => Position::Latest,
            Start::TrimHorizon => Position::TrimHorizon,
        }
    }

    /// Reads until the shard is closed and read to its end, or gone.
    pub(super) async fn run(mut self, mut iterator: Option<String>) -> End {
        let mut outage = Outage::default();
        let mut gone_since: Option<Instant> = None;
        // Whether an iterator has expired since the last read: a second expiry in a row waits.
        let mut expired = false;
        loop {
            let result = self.step(iterator.take()).await;
            self.health.read(&self.shard, result.is_ok());
            match result {
                Ok(None) => return End::Closed,
                Ok(next) => {
                    (gone_since, expired) = (None, false);
                    if let Some(lasted) = outage.succeeded(Instant::now()) {
                        info!(shard.id = %self.shard, ?lasted, "the shard can be read again");
                    }
                    iterator = next;
                }
                Err(StreamError::Gone(problem)) if is_over(&mut gone_since) => {
                    self.broker.check_live_topics("a shard is gone").await;
                    return End::Gone(problem);
                }
                Err(problem) => {
                    let waits = self.recover(&problem).await;
                    let expired_anew = !waits && !std::mem::replace(&mut expired, true);
                    if !expired_anew {
                        if outage.failed(Instant::now()) {
                            warn!(shard.id = %self.shard, %problem, "cannot read shard; retrying");
                        }
                        self.back_off(outage.in_a_row()).await;
                    }
                }
            }
        }
    }

    /// Reads one page, then waits for the next. `None`: the shard has ended.
    async fn step(&mut self, iterator: Option<String>) -> Result<Option<String>, StreamError> {
        let iterator = match iterator {
            Some(iterator) => iterator,
            None => self.reposition().await?,
        };
        // Taken before the read: a wake-up during the read asks for another one.
        let wake_up = self.calls.borrow_and_update().wake_up;
        let started = Instant::now();
        let page = self.stream.records(&iterator).await?;
        let large = page.records.len() >= limits::STREAM_PAGE_LARGE;
        self.publish(&page);
        let Some(next) = page.next else { return Ok(None) };
        if !large {
            self.wait(started, wake_up).await;
        }
        Ok(Some(next))
    }

    /// Obtains a new iterator. One at LATEST skips what was written before it, so the table is
    /// read.
    async fn reposition(&self) -> Result<String, StreamError> {
        let iterator = self.stream.iterator(&self.shard, &self.position).await?;
        if self.position == Position::Latest {
            self.broker.check_live_topics("a reader at LATEST").await;
        }
        Ok(iterator)
    }

    fn publish(&mut self, page: &Page) {
        let stats = self.health.stats();
        stats.polls.fetch_add(1, Relaxed);
        if page.records.is_empty() {
            stats.empty_polls.fetch_add(1, Relaxed);
            return;
        }
        stats.records.fetch_add(page.records.len() as u64, Relaxed);
        self.broker.stream().shows(&self.shard, Instant::now());
        let read_at = clock::now();
        for record in &page.records {
            self.publish_record(record, read_at);
            if let Some(number) = record.dynamodb().and_then(|change| change.sequence_number()) {
                self.position = Position::After(number.to_owned());
            }
        }
    }

    fn publish_record(&self, record: &Record, read_at: Timestamp) {
        let Some(subject) = record::subject(record) else { return };
        if let Some(written_at) = subject.written_at {
            self.health.lags(written_at, read_at);
        }
        if let Some(publisher) = &self.publisher
            && let Some((reached, item)) = record::item(record)
        {
            publisher.read(&subject.auction_id, reached, &item);
            self.broker.has_read(&subject.auction_id, reached.version);
        }
        // A topic registers before it reads the table: what it was too late for here, it reads there.
        if !self.broker.is_live(&subject.auction_id) {
            return;
        }
        match record::event(record, read_at) {
            Ok(Some(envelope)) => self.broker.publish(envelope),
            Ok(None) => {}
            Err(problem) => {
                self.health.stats().undecodable.fetch_add(1, Relaxed);
                error!(shard.id = %self.shard, %problem, "a stream record is not from Gavel");
            }
        }
    }

    /// Waits for the poll interval, or until it shortens or a wake-up comes (or has come since).
    async fn wait(&mut self, since: Instant, wake_up: u64) {
        loop {
            let call = *self.calls.borrow_and_update();
            if call.wake_up != wake_up {
                return;
            }
            tokio::select! {
                () = sleep_until(since + self.poll_intervals.of(call.poll_interval)) => return,
                changed = self.calls.changed() => {
                    // The process ends.
                    if changed.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Finds a new position to read from. Returns whether to wait before trying again.
    async fn recover(&mut self, problem: &StreamError) -> bool {
        self.health.failed(problem);
        match problem {
            StreamError::Expired => {
                debug!(shard.id = %self.shard, position = ?self.position, "iterator expired");
                false
            }
            StreamError::Trimmed => {
                error!(shard.id = %self.shard, "stream records lost; reading the table instead");
                self.position = Position::TrimHorizon;
                self.broker.check_live_topics("trimmed records").await;
                true
            }
            StreamError::Gone(_) | StreamError::Failed(_) => true,
        }
    }

    /// Backs off from 50 ms to 1 s with jitter, instead of the SDK's silent second.
    async fn back_off(&self, failures: u32) {
        let ceiling_ms = 50_u64.saturating_mul(1 << failures.min(5)).min(1000);
        let wait_ms = rand::rng().random_range(ceiling_ms / 2..=ceiling_ms);
        debug!(shard.id = %self.shard, failures, wait_ms, "backing off");
        sleep(Duration::from_millis(wait_ms)).await;
    }
}

/// Whether a shard has been reported gone for long enough to rule out a passing error.
fn is_over(gone_since: &mut Option<Instant>) -> bool {
    gone_since.get_or_insert_with(Instant::now).elapsed() >= limits::SHARD_GONE_AFTER
}
