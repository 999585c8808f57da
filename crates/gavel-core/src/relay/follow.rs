//! Follows one stream: finds its shards, starts a reader for each, and notices when the table has a
//! new stream.
//!
//! A stream that is switched off and on again is a new one, with a new ARN, and so is that of a
//! table that was deleted and created again. The old one stays readable, but shows nothing more.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use rand::Rng as _;
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};
use tracing::{debug, error, info, warn};

use super::Relay;
#[cfg(feature = "lambda-model")]
use super::mapping::Mapping;
use super::reader::{End, Reader};
use super::shards::{Assignment, Lineage, ShardId, Start};
use super::stream::{Stream as _, StreamArn, StreamError, Streams};
use super::walk::{Described, Walk};
use crate::limits;
use crate::outage::Outage;
use crate::store::Table;

/// A stream that is being read.
pub(super) struct Follower<'r, S: Streams, T: Table> {
    relay: &'r Relay<S, T>,
    arn: StreamArn,
    stream: Arc<S::Stream>,
    lineage: Lineage,
    walk: Walk,
    /// The readers; they are aborted when this is dropped.
    readers: JoinSet<(ShardId, End)>,
    /// Failures to describe the stream.
    outage: Outage,
    /// Shards that readers gave up.
    given_up: Outage,
    has_begun: bool,
    /// When the table was last asked for its stream.
    looked_up: Instant,
    /// When the stream was last described.
    described: Instant,
}

/// The result of reading a page of the stream's description.
enum Look {
    /// Some of the shards; more follow.
    Part,
    /// All of the shards.
    Whole { is_enabled: bool },
    /// The description failed.
    Failed { is_gone: bool },
}

impl<'r, S: Streams, T: Table> Follower<'r, S, T> {
    pub(super) fn new(relay: &'r Relay<S, T>, arn: StreamArn) -> Self {
        Self {
            relay,
            stream: Arc::new(relay.streams.open(&arn)),
            arn,
            lineage: Lineage::default(),
            walk: Walk::default(),
            readers: JoinSet::new(),
            outage: Outage::default(),
            given_up: Outage::default(),
            has_begun: false,
            looked_up: Instant::now(),
            described: Instant::now(),
        }
    }

    /// Reads the stream until the table has a new one; returns the new one.
    pub(super) async fn run(mut self) -> StreamArn {
        let mut looks = interval(limits::DESCRIBE_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = looks.tick() => {
                    let look = self.look().await;
                    if let Some(arn) = self.another(&look).await {
                        return arn;
                    }
                    if let Some(pause) = self.pause(&look) {
                        self.look_within(&mut looks, pause);
                    }
                }
                () = self.relay.health.stream_is_gone() => {
                    self.look_within(&mut looks, limits::DESCRIBE_AFTER_END);
                }
                Some(ended) = self.readers.join_next() => {
                    // A reader that panics stops the relay, and so the process, with a message.
                    let (id, end) = ended.unwrap_or_else(|error| panic!("a reader failed: {error}"));
                    self.ended(&id, &end);
                    // The shard's children may be visible already.
                    self.look_within(&mut looks, limits::DESCRIBE_AFTER_END);
                }
            }
        }
    }

    /// Schedules the next look within this time, but leaves the other server its share of calls.
    fn look_within(&self, looks: &mut Interval, pause: Duration) {
        let earliest = self.described + limits::DESCRIBE_PAGE_PAUSE;
        looks.reset_at((Instant::now() + pause).max(earliest));
    }

    /// How soon to look again; `None`: at the regular time.
    fn pause(&self, look: &Look) -> Option<Duration> {
        match look {
            Look::Part => Some(limits::DESCRIBE_PAGE_PAUSE),
            Look::Whole { .. } if self.lineage.reading() == 0 => Some(limits::DESCRIBE_PAUSE),
            Look::Whole { .. } => None,
            Look::Failed { .. } => {
                let times = self.outage.in_a_row().saturating_sub(1).min(3);
                let ceiling = limits::DESCRIBE_PAUSE * (1 << times);
                Some(ceiling.mul_f64(rand::rng().random_range(0.5..=1.0)))
            }
        }
    }

    /// Reads the next page of the description; once it is whole, assigns new shards to readers.
    async fn look(&mut self) -> Look {
        let described = self.stream.describe(self.walk.after()).await;
        self.described = Instant::now();
        match described {
            Ok(page) => {
                if let Some(lasted) = self.outage.succeeded(Instant::now()) {
                    info!(?lasted, "the stream is described again");
                }
                let Some(whole) = self.walk.take(page) else { return Look::Part };
                let is_enabled = whole.is_enabled;
                self.assign(&whole).await;
                Look::Whole { is_enabled }
            }
            Err(problem) => {
                self.relay.health.stats().errors.fetch_add(1, Relaxed);
                if self.outage.failed(Instant::now()) {
                    warn!(%problem, "cannot describe the stream; retrying");
                }
                // The shard that a later page begins after may have left the stream meanwhile.
                let is_gone = matches!(problem, StreamError::Gone(_)) && !self.walk.restart();
                Look::Failed { is_gone }
            }
        }
    }

    /// The new stream of the table, if it has one. Read when the current one shows nothing more,
    /// and from time to time in any case.
    async fn another(&mut self, look: &Look) -> Option<StreamArn> {
        let is_over = match look {
            Look::Part => return None,
            Look::Whole { is_enabled } => !is_enabled || self.lineage.reading() == 0,
            Look::Failed { is_gone } => *is_gone || self.lineage.reading() == 0,
        };
        let pause = if is_over { limits::LOOK_UP_PAUSE } else { limits::LOOK_UP_EVERY };
        if self.looked_up.elapsed() < pause {
            return None;
        }
        self.looked_up = Instant::now();
        match self.relay.streams.latest().await {
            Ok(Some(arn)) if arn != self.arn => Some(arn),
            Ok(latest) => {
                self.relay.health.table_has_stream(latest.is_some());
                None
            }
            Err(problem) => {
                debug!(%problem, "cannot read which stream the table has");
                None
            }
        }
    }

    /// Starts readers for the new shards of a description.
    async fn assign(&mut self, whole: &Described) {
        self.relay.health.listed(whole.shards.iter().map(|shard| &shard.id));
        let assignments = self.lineage.described(&whole.shards);
        let at_tip = assignments.iter().any(|assignment| assignment.start == Start::Latest);
        for (assignment, iterator) in self.iterators(assignments).await {
            self.read(&assignment, iterator);
        }
        let begins = !self.has_begun && self.lineage.reading() > 0;
        if begins {
            self.has_begun = true;
            self.relay.health.started();
            info!(shards = self.lineage.reading(), stream.arn = %self.arn, "reading the stream");
        }
        if at_tip {
            // What was written before the iterators were obtained is only in the table.
            let why = if begins { "the relay has started" } else { "a shard is read again" };
            self.relay.broker.check_live_topics(why).await;
        }
    }

    /// A reader has ended.
    fn ended(&mut self, id: &ShardId, end: &End) {
        self.relay.broker.stream().ends(id);
        let next = match end {
            End::Closed => {
                self.relay.health.ended(id);
                info!(shard.id = %id, "shard read to its end");
                self.lineage.ended(id)
            }
            End::Gone(problem) => {
                self.relay.health.gave_up(id);
                if self.given_up.failed(Instant::now()) {
                    error!(shard.id = %id, problem, "a shard is gone; reading the table instead");
                }
                self.lineage.gave_up(id)
            }
        };
        for assignment in next {
            self.read(&assignment, None);
        }
    }

    /// Obtains the iterators of new readers before anything else happens: a LATEST iterator
    /// obtained later would start later.
    async fn iterators(&self, assignments: Vec<Assignment>) -> Vec<(Assignment, Option<String>)> {
        let iterators = assignments.iter().map(|assignment| async {
            let position = Reader::<S::Stream, T>::start(assignment);
            match self.stream.iterator(&assignment.id, &position).await {
                Ok(iterator) => Some(iterator),
                Err(problem) => {
                    debug!(shard.id = %assignment.id, %problem, "no iterator yet");
                    None
                }
            }
        });
        let iterators = join_all(iterators).await;
        assignments.into_iter().zip(iterators).collect()
    }

    fn read(&mut self, assignment: &Assignment, iterator: Option<String>) {
        let reader = self.reader(assignment, iterator);
        self.relay.health.begins(&assignment.id);
        self.relay.broker.stream().begins(&assignment.id);
        self.readers.spawn(reader);
    }

    fn reader(
        &self,
        assignment: &Assignment,
        iterator: Option<String>,
    ) -> BoxFuture<'static, (ShardId, End)> {
        let id = assignment.id.clone();
        let (stream, broker) = (Arc::clone(&self.stream), self.relay.broker.clone());
        let (health, shard) = (self.relay.health.clone(), id.clone());
        let position = Reader::<S::Stream, T>::start(assignment);
        #[cfg(feature = "lambda-model")]
        if let Some(settings) = self.relay.lambda.clone() {
            let mapping = Mapping { stream, broker, health, settings, shard, position };
            return mapping.run(iterator).map(|()| (id, End::Closed)).boxed();
        }
        let (poll_intervals, calls) = (self.relay.poll_intervals, self.relay.demand.calls());
        let publisher = self.relay.publisher.clone();
        let reader =
            Reader { stream, broker, health, poll_intervals, publisher, calls, shard, position };
        reader.run(iterator).map(|end| (id, end)).boxed()
    }
}
