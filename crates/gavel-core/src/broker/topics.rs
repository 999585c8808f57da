//! The topics of a process: created when first watched, checked against the table, dropped when
//! idle.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use gavel_trace::Tracer;
use parking_lot::Mutex;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::contradiction::Contradictions;
use super::counts::BrokerCounts;
use super::demand::Demand;
use super::event::Envelope;
use super::quiet::StreamActivity;
use super::topic::{Published, Reader, Topic};
use crate::auction::AuctionId;
use crate::fault_injection::{self, Fault};
use crate::limits;
use crate::outage::Outage;
use crate::store::{Dynamo, StoreError, Table};
use crate::tasks::Tasks;

/// Why an auction cannot be watched.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TopicError {
    /// There is no such auction.
    #[error("no auction has this id")]
    NotFound,
    /// The process watches as many auctions as it can.
    #[error("too many auctions are watched on this server")]
    TooMany,
    /// The table did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who wants to know which auctions are watched here: a message bus between servers.
pub trait Interest: Send + Sync + 'static {
    /// From when it returns true, what other servers publish on an auction comes here, unless it is
    /// lost. False: it does not answer now; the interest stands all the same.
    fn join<'a>(&'a self, id: &'a AuctionId) -> BoxFuture<'a, bool>;

    /// What is published on an auction need not come any more. After this call comes a `join`, if
    /// it is watched again.
    fn leave(&self, id: &AuctionId);
}

/// The broker. Clones share it.
pub struct Broker<T = Dynamo> {
    pub(super) store: Arc<T>,
    pub(super) demand: Demand,
    pub(super) tasks: Tasks,
    pub(super) counts: Arc<BrokerCounts>,
    pub(super) topics: Arc<Mutex<HashMap<AuctionId, Arc<Topic>>>>,
    tracer: Tracer,
    topics_max: usize,
    /// When each shard of the stream last showed a record.
    pub(super) activity: StreamActivity,
    /// Most auctions that are read a second while a shard shows nothing.
    pub(super) quiet_checks_per_second: usize,
    pub(super) interest: Option<Arc<dyn Interest>>,
    /// What the checks of topics have seen of failures.
    pub(super) outage: Arc<Mutex<Outage>>,
    /// And of bids that the table does not have.
    pub(super) contradictions: Arc<Mutex<Contradictions>>,
}

impl<T> std::fmt::Debug for Broker<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broker").field("topics", &self.topics.lock().len()).finish_non_exhaustive()
    }
}

impl<T> Clone for Broker<T> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            demand: self.demand.clone(),
            tasks: self.tasks.clone(),
            counts: Arc::clone(&self.counts),
            topics: Arc::clone(&self.topics),
            tracer: self.tracer.clone(),
            topics_max: self.topics_max,
            activity: self.activity.clone(),
            quiet_checks_per_second: self.quiet_checks_per_second,
            interest: self.interest.clone(),
            outage: Arc::clone(&self.outage),
            contradictions: Arc::clone(&self.contradictions),
        }
    }
}

/// A topic whose first read is under way. If the read fails, or its caller goes away, the topic is
/// dropped unless somebody else waits for it.
struct Starting<'a, T: Table> {
    broker: &'a Broker<T>,
    reader: Option<Reader>,
}

impl<T: Table> Starting<'_, T> {
    fn started(mut self) -> Option<Reader> {
        self.reader.take()
    }
}

impl<T: Table> Drop for Starting<'_, T> {
    fn drop(&mut self) {
        let Some(reader) = self.reader.take() else { return };
        let id = reader.id().clone();
        drop(reader);
        self.broker.forget_unstarted(&id);
    }
}

impl<T: Table> Broker<T> {
    /// Makes a broker over a table. Repairs run on `tasks`.
    pub fn new(store: Arc<T>, demand: Demand, tasks: Tasks) -> Self {
        Self {
            store,
            demand,
            tasks,
            counts: Arc::default(),
            topics: Arc::default(),
            topics_max: limits::TOPICS_MAX,
            activity: StreamActivity::default(),
            quiet_checks_per_second: 0,
            interest: None,
            tracer: Tracer::off(),
            outage: Arc::default(),
            contradictions: Arc::default(),
        }
    }

    /// The same broker, with its publications traced.
    pub fn traced(self, tracer: Tracer) -> Self {
        Self { tracer, ..self }
    }

    /// The same broker, for at most this many auctions.
    pub fn with_room_for(self, topics_max: usize) -> Self {
        Self { topics_max, ..self }
    }

    /// The same broker, reading at most this many auctions a second while the stream shows nothing.
    pub fn checking_per_second(self, quiet_checks_per_second: usize) -> Self {
        Self { quiet_checks_per_second, ..self }
    }

    /// The same that says which auctions are watched.
    pub fn interested(self, interest: Arc<dyn Interest>) -> Self {
        Self { interest: Some(interest), ..self }
    }

    /// What the stream shows: for who reads it.
    pub fn stream(&self) -> &StreamActivity {
        &self.activity
    }

    /// The counts of the broker.
    pub fn counts(&self) -> Arc<BrokerCounts> {
        Arc::clone(&self.counts)
    }

    /// The topic of an auction, with its position known.
    pub async fn topic(&self, id: &AuctionId) -> Result<Reader, TopicError> {
        let starting = Starting { broker: self, reader: Some(self.find_or_make(id)?) };
        let Some(reader) = &starting.reader else { return Err(TopicError::NotFound) };
        // Registered first, read second: what is committed after the read comes by the stream or the
        // bus.
        let started = reader.started.get_or_try_init(|| async {
            if let Some(interest) = &self.interest {
                // A bus that does not answer is not waited for: its node reads the table meanwhile.
                timeout(limits::BUS_JOIN_TIMEOUT, interest.join(id)).await.ok();
            }
            let auction = self.store.load(id).await?.ok_or(TopicError::NotFound)?;
            let published = reader.start(auction, Instant::now());
            self.after_publish(reader, published);
            Ok(())
        });
        match started.await {
            Ok(()) => starting.started().ok_or(TopicError::NotFound),
            Err(error) => Err(error),
        }
    }

    /// Takes an event from any source. Events of auctions that nobody watches are dropped here.
    pub fn publish(&self, envelope: Envelope) {
        let Some(topic) = self.find(envelope.event.auction_id()) else { return };
        let published = topic.publish(envelope, Instant::now());
        self.after_publish(&topic, published);
    }

    /// Whether an auction is watched here.
    pub fn is_live(&self, id: &AuctionId) -> bool {
        self.topics.lock().contains_key(id)
    }

    /// Whether an auction is watched here and has not come so far: its number of bids, its version.
    pub fn is_behind(&self, id: &AuctionId, sequence: u64, version: u64) -> bool {
        self.find(id).is_some_and(|topic| {
            let progress = topic.mark();
            let is_behind = progress.position < sequence || progress.version < version;
            topic.started.get().is_some() && is_behind
        })
    }

    /// The stream has shown a version of an auction: who awaits it on another node is served. For one
    /// that is watched here its topic says so, once its bids are published.
    pub fn has_read(&self, id: &AuctionId, version: u64) {
        if version > 0 && !self.is_live(id) {
            self.demand.seen(id, version);
        }
    }

    /// How many auctions are watched here.
    pub fn count(&self) -> usize {
        self.topics.lock().len()
    }

    /// Runs until shutdown: repairs expired demand, checks live topics, drops idle ones.
    pub async fn run(self, shutdown: CancellationToken) {
        tokio::select! {
            () = shutdown.cancelled() => {}
            // A check of many topics takes long, and a late write must not wait for it.
            _ = async { tokio::join!(self.repair_late_writes(), self.check_regularly()) } => {}
        }
    }

    pub(super) fn after_publish(&self, topic: &Arc<Topic>, published: Published) {
        if published.mark.version > 0 {
            self.demand.seen(topic.id(), published.mark.version);
        }
        if published.start_repair && !fault_injection::is(Fault::Repair) {
            self.start_repair(Arc::clone(topic));
        }
    }

    pub(super) fn find(&self, id: &AuctionId) -> Option<Arc<Topic>> {
        self.topics.lock().get(id).cloned()
    }

    fn find_or_make(&self, id: &AuctionId) -> Result<Reader, TopicError> {
        let mut topics = self.topics.lock();
        if let Some(topic) = topics.get(id) {
            return Ok(topic.attach());
        }
        if topics.len() >= self.topics_max {
            self.counts.no_place.inc();
            return Err(TopicError::TooMany);
        }
        let counts = Arc::clone(&self.counts);
        let topic = Arc::new(Topic::new(id.clone(), self.tracer.clone(), counts));
        topics.insert(id.clone(), Arc::clone(&topic));
        self.demand.topic_live(id);
        Ok(topic.attach())
    }

    fn forget_unstarted(&self, id: &AuctionId) {
        let mut topics = self.topics.lock();
        let forget = topics.get(id).is_some_and(|topic| {
            topic.started.get().is_none() && topic.idle_for(Instant::now()).is_some()
        });
        if forget {
            topics.remove(id);
            self.gone(id);
        }
    }

    /// An auction is not watched any more. Under the lock of the topics: before it is watched again.
    fn gone(&self, id: &AuctionId) {
        self.demand.topic_gone(id);
        if let Some(interest) = &self.interest {
            interest.leave(id);
        }
    }

    pub(super) fn drop_idle(&self, now: Instant) {
        let mut topics = self.topics.lock();
        let before = topics.len();
        topics.retain(|id, topic| {
            let keep = topic.idle_for(now).is_none_or(|idle| idle < limits::TOPIC_IDLE);
            if !keep {
                self.gone(id);
            }
            keep
        });
        self.contradictions.lock().retain(|id| topics.contains_key(id));
        if topics.len() < before {
            info!(dropped = before - topics.len(), live = topics.len(), "idle topics dropped");
        }
    }
}
