//! The receiving half of a node: what comes from the bus goes to the broker, and what may have been
//! lost is read from the table.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::bus::{Notice, Notices};
use super::counts::{ClusterCounts, Kind};
use super::digest::Reached;
use super::members::Members;
use super::message::{self, Awaited, Digest, MessageError};
use super::publisher::Publisher;
use super::rendezvous;
use crate::auction::AuctionId;
use crate::broker::Broker;
use crate::broker::demand::Demand;
use crate::outage::Outage;
use crate::store::lease::NodeId;
use crate::store::{Dynamo, Table};
use crate::tasks::Tasks;
use crate::{clock, limits};

/// What a node does for others.
pub trait Requests: Send + Sync + 'static {
    /// The answer to a request; nothing where none is due.
    fn serve(&self, message: Vec<u8>) -> BoxFuture<'static, Option<Vec<u8>>>;
}

/// A node of a cluster. Clones share it.
pub struct Node<T = Dynamo> {
    publisher: Publisher,
    broker: Broker<T>,
    demand: Demand,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    members: Mutex<Members>,
    /// Auctions that digests are ahead of, since when.
    behind: Mutex<HashMap<AuctionId, (Reached, Instant)>>,
    is_connected: AtomicBool,
    overflows: Mutex<Outage>,
    /// Rung when all live topics are to be checked at once.
    check: Notify,
    trusted: watch::Sender<bool>,
}

impl<T> std::fmt::Debug for Node<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Node").field(self.publisher.node()).finish()
    }
}

impl<T> Clone for Node<T> {
    fn clone(&self) -> Self {
        Self {
            publisher: self.publisher.clone(),
            broker: self.broker.clone(),
            demand: self.demand.clone(),
            state: Arc::clone(&self.state),
        }
    }
}

impl<T: Table> Node<T> {
    /// A node that sends by this publisher and hands what comes to this broker.
    pub fn new(publisher: Publisher, broker: Broker<T>, demand: Demand) -> Self {
        Self { publisher, broker, demand, state: Arc::default() }
    }

    /// What it counts.
    pub fn counts(&self) -> Arc<ClusterCounts> {
        self.publisher.counts()
    }

    /// Whether the bus is connected and no node's digest is missing.
    pub fn is_trusted(&self) -> bool {
        *self.state.trusted.borrow()
    }

    /// The node that writes an auction, if it is another one.
    pub fn owner_elsewhere(&self, id: &AuctionId) -> Option<NodeId> {
        if !self.state.is_connected.load(Relaxed) {
            return None;
        }
        let members = self.state.members.lock();
        let me = self.publisher.node();
        let owner = rendezvous::owner(id, members.live(Instant::now()).chain([me]))?;
        (owner != me).then(|| owner.clone())
    }

    /// Asks another node. Nothing: it did not answer in time.
    pub async fn request(&self, node: &NodeId, message: Vec<u8>) -> Option<Vec<u8>> {
        let asked = self.publisher.bus().request(node, message);
        timeout(limits::FORWARD_TIMEOUT, asked).await.ok().flatten()
    }

    /// How many other nodes live.
    pub fn others(&self) -> usize {
        self.state.members.lock().live(Instant::now()).count()
    }

    /// Receives, and says that this node lives, until shutdown.
    pub async fn run(
        self,
        mut notices: Notices,
        requests: impl Requests,
        tasks: Tasks,
        shutdown: CancellationToken,
    ) {
        let serving = Arc::new(Semaphore::new(limits::FORWARDED_MAX));
        let receives = async {
            while let Some(notice) = notices.recv().await {
                match notice {
                    // One too many is not answered: who asks decides by itself.
                    Notice::Request(message, replier) => {
                        let Ok(permit) = Arc::clone(&serving).try_acquire_owned() else { continue };
                        let served = requests.serve(message);
                        tasks.spawn("forwarded", async move {
                            if let Some(answer) = served.await {
                                replier.answer(answer);
                            }
                            drop(permit);
                        });
                    }
                    other => self.take(other),
                }
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            _ = async { tokio::join!(receives, self.speak(), self.check(), self.catch_up()) } => {}
        }
        self.publisher.digest(false, true, Instant::now());
    }

    fn take(&self, notice: Notice) {
        let counts = self.publisher.counts();
        let taken = match notice {
            Notice::Event(message) => {
                counts.received.inc(Kind::Event);
                self.take_events(&message)
            }
            Notice::Digest(message) => {
                counts.received.inc(Kind::Digest);
                self.take_digest(&message)
            }
            Notice::Awaited(message) => {
                counts.received.inc(Kind::Awaited);
                self.take_awaited(&message)
            }
            // Taken before.
            Notice::Request(..) => Ok(()),
            Notice::Connected => {
                info!("the bus is connected");
                self.state.is_connected.store(true, Relaxed);
                self.state.check.notify_one();
                Ok(())
            }
            Notice::Disconnected => {
                warn!("the bus is not connected; this node reads the table instead");
                self.state.is_connected.store(false, Relaxed);
                self.state.check.notify_one();
                Ok(())
            }
            Notice::Overflowed => {
                if self.state.overflows.lock().failed(Instant::now()) {
                    warn!("messages of the bus were dropped; reading the table instead");
                }
                self.state.check.notify_one();
                Ok(())
            }
        };
        if let Err(problem) = taken {
            counts.malformed.inc();
            debug!(%problem, "dropped");
        }
    }

    fn take_events(&self, message: &[u8]) -> Result<(), MessageError> {
        let events = message::decode_events(message, clock::now())?;
        events.into_iter().for_each(|envelope| self.broker.publish(envelope));
        Ok(())
    }

    fn take_digest(&self, message: &[u8]) -> Result<(), MessageError> {
        let Digest { node, watches, leaves, reached } = Digest::decode(message)?;
        if node == *self.publisher.node() {
            return Ok(());
        }
        let now = Instant::now();
        let mut members = self.state.members.lock();
        if leaves {
            members.left(&node);
        } else if members.heard(&node, watches, now) {
            // What it wrote while it was not heard may never have come.
            self.state.check.notify_one();
        }
        drop(members);
        let behind = reached.into_iter().filter(|(id, reached)| self.is_behind(id, *reached));
        let mut suspects = self.state.behind.lock();
        for (id, reached) in behind {
            let (known, _) = suspects.entry(id).or_insert((reached, now));
            *known = known.furthest(reached);
        }
        Ok(())
    }

    fn take_awaited(&self, message: &[u8]) -> Result<(), MessageError> {
        let Awaited { auction, version, committed } = Awaited::decode(message)?;
        self.demand.elsewhere(&auction.into(), version, committed, Instant::now());
        Ok(())
    }

    /// Says four times a second that this node lives, and looks who else does.
    async fn speak(&self) {
        let mut ticks = interval(limits::DIGEST_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let now = ticks.tick().await;
            self.publisher.digest(self.broker.count() > 0, false, now);
            let mut members = self.state.members.lock();
            let is_one_missing = members.is_one_missing(now);
            let watches = members.anybody_watches(now);
            drop(members);
            self.demand.watched_elsewhere(watches);
            let trusted = self.state.is_connected.load(Relaxed) && !is_one_missing;
            self.broker.stream().set_covered(trusted);
            self.state.trusted.send_if_modified(|was| std::mem::replace(was, trusted) != trusted);
        }
    }

    /// Reads all live topics when something may have been lost, and every second while that lasts.
    async fn check(&self) {
        let mut trusted = self.state.trusted.subscribe();
        loop {
            let is_trusted = *trusted.borrow_and_update();
            if is_trusted {
                tokio::select! {
                    () = self.state.check.notified() => {}
                    _ = trusted.changed() => {}
                }
            } else {
                timeout(limits::BUS_CHECK_EVERY, self.state.check.notified()).await.ok();
            }
            self.publisher.counts().checks.inc();
            self.broker.check_live_topics("messages of the bus may be lost").await;
        }
    }

    /// Reads auctions that digests are ahead of, unless their events have come meanwhile.
    async fn catch_up(&self) {
        let mut ticks = interval(limits::BROKER_TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let now = ticks.tick().await;
            let due = self.overdue(now);
            if due.is_empty() {
                continue;
            }
            self.publisher.counts().behind.add(due.len() as u64);
            self.broker.check(&due, "a digest is ahead").await;
        }
    }

    fn is_behind(&self, id: &AuctionId, reached: Reached) -> bool {
        self.broker.is_behind(id, reached.sequence, reached.version)
    }

    fn overdue(&self, now: Instant) -> Vec<AuctionId> {
        let mut due = Vec::new();
        self.state.behind.lock().retain(|id, (reached, since)| {
            if !self.is_behind(id, *reached) {
                return false;
            }
            let is_due = now.saturating_duration_since(*since) >= limits::DIGEST_PATIENCE;
            if is_due {
                due.push(id.clone());
                // Should it not be readable, it is asked for again.
                *since = now;
            }
            true
        });
        due
    }
}
