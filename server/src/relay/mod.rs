//! The relay: stream records -> broker. It writes nothing and keeps no checkpoint: the stream is
//! the doorbell, the table is the truth.
//!
//! Start order: topics register (always), then iterators are obtained, then the state of every
//! live topic is read. So what is committed before the read is seen by it, and what is committed
//! after it, by the iterators.

pub mod shards;
pub mod record;
pub mod stream;
pub mod health;
pub mod reader;
pub mod lambda;
pub mod handler;
mod mapping;
#[cfg(test)]
mod reader_tests;
#[cfg(test)]
mod lambda_tests;
#[cfg(test)]
mod handler_tests;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::broker::Broker;
use crate::broker::demand::Demand;
use crate::limits;
use crate::outage::Outage;
pub use health::{Health, Stats};
use mapping::Mapping;
pub use reader::Paces;
use reader::Reader;
use shards::{Assignment, Lineage, ShardId};
use stream::Stream;

/// The relay of a stream.
pub struct Relay<S> {
    stream: Arc<S>,
    broker: Broker,
    demand: Demand,
    paces: Paces,
    /// How shards are read: by our own readers, or as Lambda would.
    lambda: Option<lambda::Settings>,
    health: Health,
}

impl<S: Stream> Relay<S> {
    /// A relay from a stream to a broker.
    pub fn new(stream: S, broker: Broker, demand: Demand, paces: Paces) -> Self {
        let stream = Arc::new(stream);
        Self { stream, broker, demand, paces, lambda: None, health: Health::default() }
    }

    /// Reads as Lambda's event source mapping would.
    pub fn as_lambda(mut self, settings: lambda::Settings) -> Self {
        self.lambda = Some(settings);
        self
    }

    /// Whether it reads.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Reads every shard until shutdown. Readers run inside this future: they end with it.
    pub async fn run(self, shutdown: CancellationToken) {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = self.read_all() => {}
        }
    }

    async fn read_all(&self) {
        let mut lineage = Lineage::default();
        // Aborted when this future ends.
        let mut readers = JoinSet::new();
        let mut looks = interval(limits::DESCRIBE_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut first = true;
        let mut outage = Outage::default();
        loop {
            tokio::select! {
                _ = looks.tick() => {
                    let assignments = self.discover(&mut lineage, &mut outage).await;
                    for (assignment, iterator) in self.iterators(assignments).await {
                        readers.spawn(self.reader(&assignment, iterator));
                    }
                    if first && lineage.reading() > 0 {
                        first = false;
                        self.broker.check_live_topics("the relay has started").await;
                        self.health.started();
                        info!(shards = lineage.reading(), "relay reads the stream");
                    }
                    if first {
                        // Nothing is read yet: soon again, not at the next regular look.
                        looks.reset_after(limits::DESCRIBE_PAUSE);
                    }
                }
                Some(ended) = readers.join_next() => {
                    // A reader that panics stops the relay, and that the process, with a message.
                    let ended = ended.unwrap_or_else(|error| panic!("a reader failed: {error}"));
                    self.health.ended(&ended);
                    info!(shard.id = %ended, "shard read to its end");
                    for assignment in lineage.ended(&ended) {
                        readers.spawn(self.reader(&assignment, None));
                    }
                    // Its children may be visible already.
                    looks.reset_after(limits::DESCRIBE_AFTER_END);
                }
            }
        }
    }

    async fn discover(&self, lineage: &mut Lineage, outage: &mut Outage) -> Vec<Assignment> {
        for _ in 0..3 {
            match self.stream.describe().await {
                Ok(described) => {
                    if let Some(lasted) = outage.went_well(Instant::now()) {
                        info!(?lasted, "the stream is described again");
                    }
                    return lineage.described(&described);
                }
                Err(problem) => {
                    self.health.stats().errors.fetch_add(1, Relaxed);
                    if outage.failed(Instant::now()) {
                        warn!(%problem, "cannot describe the stream; trying again");
                    }
                    sleep(limits::DESCRIBE_PAUSE).await;
                }
            }
        }
        Vec::new()
    }

    /// Obtains the iterators of new readers before anything else happens: a LATEST iterator
    /// obtained later would stand later.
    async fn iterators(&self, assignments: Vec<Assignment>) -> Vec<(Assignment, Option<String>)> {
        let iterators = assignments.iter().map(|assignment| async {
            let position = Reader::<S>::start(assignment);
            match self.stream.iterator(&assignment.id, &position).await {
                Ok(iterator) => Some(iterator),
                Err(problem) => {
                    warn!(shard.id = %assignment.id, %problem, "no iterator yet");
                    None
                }
            }
        });
        let iterators = join_all(iterators).await;
        assignments.into_iter().zip(iterators).collect()
    }

    fn reader(
        &self,
        assignment: &Assignment,
        iterator: Option<String>,
    ) -> BoxFuture<'static, ShardId> {
        let id = assignment.id.clone();
        let (stream, broker) = (Arc::clone(&self.stream), self.broker.clone());
        let (health, shard) = (self.health.clone(), id.clone());
        let position = Reader::<S>::start(assignment);
        if let Some(settings) = self.lambda.clone() {
            let mapping = Mapping { stream, broker, health, settings, shard, position };
            return mapping.run(iterator).map(|()| id).boxed();
        }
        let (paces, calls) = (self.paces, self.demand.calls());
        let reader = Reader { stream, broker, health, paces, calls, shard, position };
        reader.run(iterator).map(|()| id).boxed()
    }
}
