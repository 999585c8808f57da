//! Drives a modelled event source mapping on one shard: polls, invokes, waits.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures_util::future::join_all;
use lambda_model::{Answer, Handler, Item, Line, Next, Settings};
use rand::Rng as _;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};
use tracing::{debug, warn};

use super::health::Health;
use super::record;
use super::shards::ShardId;
use super::stream::{Page, Position, Stream, StreamError};
use crate::broker::{Broker, Envelope, Event};
use crate::clock;
use crate::store::Table;

/// One shard under a mapping.
pub(super) struct Mapping<S, T> {
    pub(super) stream: Arc<S>,
    pub(super) broker: Broker<T>,
    pub(super) health: Health,
    pub(super) settings: Settings,
    pub(super) shard: ShardId,
    pub(super) position: Position,
}

/// A part of the shard: its queue, its handler, and since when it makes no progress.
struct Part {
    line: Line<Envelope>,
    handler: Handler,
    stands_since: Option<Instant>,
}

impl<S: Stream, T: Table> Mapping<S, T> {
    /// Runs until the shard is closed and read to its end.
    pub(super) async fn run(mut self, mut iterator: Option<String>) {
        let every = Duration::from_millis(self.settings.poll_every_ms);
        let phase = every.mul_f64(rand::rng().random::<f64>());
        let mut polls = interval_at(Instant::now() + phase, every);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let part = || Part {
            line: Line::new(self.settings.clone()),
            handler: Handler::new(self.settings.clone()),
            stands_since: None,
        };
        let mut parts: Vec<Part> =
            (0..self.settings.parallelization_factor).map(|_| part()).collect();
        loop {
            polls.tick().await;
            let polled = self.poll(iterator.take()).await;
            self.health.read(&self.shard, polled.is_ok());
            match polled {
                Ok(page) => {
                    self.take(&page, &mut parts);
                    // Waits for the invocations: the shard is not polled meanwhile.
                    join_all(parts.iter_mut().map(|part| self.work(part))).await;
                    match page.next {
                        Some(next) => iterator = Some(next),
                        None if parts.iter().all(|part| part.line.is_idle()) => return,
                        None => {}
                    }
                }
                Err(problem) => {
                    self.health.failed(&problem);
                    debug!(shard.id = %self.shard, %problem, "a poll failed; retrying");
                    if matches!(problem, StreamError::Trimmed) {
                        warn!(shard.id = %self.shard, "stream records lost");
                        self.position = Position::TrimHorizon;
                        self.broker.check_live_topics("trimmed records").await;
                    }
                }
            }
        }
    }

    async fn poll(&self, iterator: Option<String>) -> Result<Page, StreamError> {
        let iterator = match iterator {
            Some(iterator) => iterator,
            None => self.stream.iterator(&self.shard, &self.position).await?,
        };
        self.stream.records(&iterator).await
    }

    /// Assigns each record to a part: those of one item to the same one, so that their order is
    /// kept.
    fn take(&mut self, page: &Page, parts: &mut [Part]) {
        let read_at = std::time::Instant::now();
        let stats = self.health.stats();
        stats.polls.fetch_add(1, Relaxed);
        stats.empty_polls.fetch_add(u64::from(page.records.is_empty()), Relaxed);
        stats.records.fetch_add(page.records.len() as u64, Relaxed);
        for record in &page.records {
            let Some(number) = record.dynamodb().and_then(|change| change.sequence_number()) else {
                continue;
            };
            self.position = Position::After(number.to_owned());
            let Ok(Some(envelope)) = record::event(record, clock::now()) else { continue };
            self.health.lags(envelope.written_at, envelope.read_at);
            if self.settings.bids_only && !matches!(envelope.event, Event::Bid(_)) {
                continue;
            }
            let mut hash = DefaultHasher::new();
            envelope.event.auction_id().as_str().hash(&mut hash);
            let at = hash.finish() as usize % parts.len();
            parts[at].line.push([Item { id: number.to_owned(), read_at, record: envelope }]);
        }
    }

    /// Invokes the handler until the part has nothing to do for now.
    async fn work(&self, part: &mut Part) {
        loop {
            // Without an await here, a handler that fails at once could not be stopped.
            sleep(part.line.pause()).await;
            tokio::task::yield_now().await;
            let Next::Invoke(items) = part.line.next(std::time::Instant::now()) else { return };
            let before = part.handler.tally;
            let (answer, handled) = self.invoke(&items, &mut part.handler).await;
            part.line.answered(&answer);
            let given_up = part.line.take_given_up();
            if !given_up.is_empty() {
                warn!(shard.id = %self.shard, records = given_up.len(), "records given up");
                part.handler.tally.given_up += given_up.len() as u64;
                part.handler.forget(&given_up);
            }
            if answer != Answer::Failed {
                part.handler.forget(&items[..handled]);
            }
            let since = *part.stands_since.get_or_insert_with(Instant::now);
            if answer == Answer::Success || !given_up.is_empty() {
                part.stands_since = None;
            }
            part.handler.stood_still(since.elapsed());
            self.health.handled(&before, &part.handler.tally);
        }
    }

    /// The handler: it publishes record by record, and may fail on the way.
    async fn invoke(&self, items: &[Item<Envelope>], handler: &mut Handler) -> (Answer, usize) {
        let invocation = handler.invoke(items, || rand::rng().random());
        let cold_ms = if invocation.cold { self.settings.cold_start_ms } else { 0.0 };
        sleep_ms(self.settings.invoke_ms + cold_ms).await;
        for item in &items[..invocation.handled] {
            // The timestamp of this hop: the handler has the record now.
            self.broker.publish(Envelope { read_at: clock::now(), ..item.record.clone() });
            sleep_ms(self.settings.record_ms).await;
        }
        (invocation.answer, invocation.handled)
    }
}

async fn sleep_ms(ms: f64) {
    if ms > 0.0 {
        sleep(Duration::from_secs_f64(ms / 1e3)).await;
    }
}
