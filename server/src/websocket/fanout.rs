//! The fan-out: one execution and one encoding per group of subscribers.
//!
//! A group is all subscribers with the same operation (apart from its cursor), the same variables
//! and the same view of the same auction. Its task pulls from the topic, executes each event once,
//! and writes the payload to every member's socket, or puts it into its queue.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::Request;
use futures_util::future::BoxFuture;
use gavel_core::broker::topic::Reader;
use gavel_core::store::Table;
use gavel_core::tasks::Tasks;
use gavel_trace::Tracer;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::counts::SocketCounts;
use super::execution::Execution;
use super::group::{Group, GroupBounds, GroupKey, Join, Joined, Subject};
use super::lobby::Lobby;
use super::lots::Lots;
use super::send_queue::Subscriber;
use crate::cost::Price;
use crate::graphql::Schema;
use crate::limiter::{Address, ClientLimiter, HeldGroup, TooMany};
use crate::limits;

/// What starts a group: this address holds its weight until the group has ended.
#[derive(Debug, Clone, Copy)]
pub struct Cause {
    /// The address of the subscriber.
    pub address: Address,
    /// The price of each event.
    pub price: Price,
}

impl Cause {
    /// The weight of the group: what each event costs while the group exists, and what the group
    /// keeps.
    fn weight(&self) -> usize {
        let events = self.price.points.saturating_add(self.price.bytes / 256);
        limits::GROUP_WEIGHT.saturating_add(usize::try_from(events).unwrap_or(usize::MAX))
    }
}

/// The groups of a process. Clones share them.
#[derive(Clone)]
pub struct Fanout {
    schema: Schema,
    limiter: ClientLimiter,
    tasks: Tasks,
    groups: Arc<Mutex<HashMap<GroupKey, mpsc::Sender<Join>>>>,
    tracer: Tracer,
    each_watcher: bool,
    counts: Arc<SocketCounts>,
    /// The bounds of each group.
    bounds: GroupBounds,
}

impl Fanout {
    /// A fan-out that executes on a schema. Groups run on `tasks`.
    pub fn new(schema: Schema, limiter: ClientLimiter, tasks: Tasks, tracer: Tracer) -> Self {
        let (groups, counts) = Default::default();
        Self {
            schema,
            limiter,
            tasks,
            groups,
            tracer,
            each_watcher: false,
            counts,
            bounds: GroupBounds::default(),
        }
    }

    /// The same fan-out, with other bounds of groups.
    #[cfg(test)]
    pub(super) fn bounded(self, bounds: GroupBounds) -> Self {
        Self { bounds, ..self }
    }

    /// The same fan-out; if `each_watcher`, a traced delivery has a span for each watcher, too.
    pub fn telling_each_watcher(self, each_watcher: bool) -> Self {
        Self { each_watcher, ..self }
    }

    /// The schema that groups execute on.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    pub(super) fn limiter(&self) -> &ClientLimiter {
        &self.limiter
    }

    /// The counts of sockets and groups.
    pub fn counts(&self) -> &Arc<SocketCounts> {
        &self.counts
    }

    /// The number of running groups.
    pub fn count(&self) -> usize {
        self.groups.lock().len()
    }

    /// Joins the group with this key, created if necessary, after a number (`None`: from now on).
    pub async fn join(
        &self,
        key: &GroupKey,
        request: impl Fn() -> Request,
        topic: &Reader,
        subscriber: &Arc<Subscriber>,
        after: Option<u64>,
        cause: &Cause,
    ) -> Result<Joined, TooMany> {
        let Subject::One(kind, auction_id) = &key.subject else { return Ok(Joined::Behind) };
        let begin = || self.limiter.begin_group(cause.address, Some(auction_id), cause.weight());
        loop {
            let group = self.find_or_start(key, begin, |groups, joins| {
                let counts = Arc::clone(&self.counts);
                let execution =
                    Execution::new(&self.schema, request(), Arc::clone(&counts), key.form);
                let kind = (*kind, key.view);
                let group = Group::new(kind, execution, topic.attach(), counts, self.bounds)
                    .traced(self.tracer.clone(), self.each_watcher);
                Box::pin(async move { group.run(joins, |joins| groups.end_if_idle(joins)).await })
            })?;
            if let Some(joined) = ask(&group, subscriber, after).await {
                return Ok(joined);
            }
            // The group has just ended: try the next one.
        }
    }

    /// Whether the group with this key runs.
    pub(super) fn is_running(&self, key: &GroupKey) -> bool {
        self.groups.lock().get(key).is_some_and(|group| !group.is_closed())
    }

    /// Joins the lobby with this key. It is created over these auctions if necessary; returns false
    /// if it is, and there are none: it has just ended.
    pub(super) async fn join_lobby<T: Table>(
        &self,
        key: &GroupKey,
        request: impl Fn() -> Request,
        lots: Option<Lots<T>>,
        subscriber: &Arc<Subscriber>,
        cause: &Cause,
    ) -> Result<bool, TooMany> {
        let group = match lots {
            None => self.groups.lock().get(key).cloned(),
            Some(lots) => {
                let weight = cause.weight().saturating_add(lots.len());
                let begin = || self.limiter.begin_group(cause.address, None, weight);
                Some(self.find_or_start(key, begin, |groups, joins| {
                    let counts = Arc::clone(&self.counts);
                    let execution =
                        Execution::new(&self.schema, request(), Arc::clone(&counts), key.form);
                    let lobby = Lobby::new(lots, execution, counts, self.bounds.writers);
                    Box::pin(
                        async move { lobby.run(joins, |joins| groups.end_if_idle(joins)).await },
                    )
                })?)
            }
        };
        let Some(group) = group else { return Ok(false) };
        Ok(ask(&group, subscriber, None).await.is_some())
    }

    /// The group with this key; if there is none, one is started with what `begin` holds for it.
    fn find_or_start(
        &self,
        key: &GroupKey,
        begin: impl FnOnce() -> Result<HeldGroup, TooMany>,
        run: impl FnOnce(GroupEnd, mpsc::Receiver<Join>) -> BoxFuture<'static, ()>,
    ) -> Result<mpsc::Sender<Join>, TooMany> {
        let mut groups = self.groups.lock();
        if let Some(group) = groups.get(key).filter(|group| !group.is_closed()) {
            return Ok(group.clone());
        }
        let held = begin()?;
        let (joins, requests) = mpsc::channel(limits::GROUP_JOINS_MAX);
        groups.insert(key.clone(), joins.clone());
        let running = run(GroupEnd { fanout: self.clone(), key: key.clone() }, requests);
        let (fanout, key) = (self.clone(), key.clone());
        self.tasks.spawn("fan-out group", async move {
            running.await;
            fanout.forget(&key);
            drop(held);
        });
        Ok(joins)
    }

    /// Closes a group that nobody is joining. Runs under the lock, so that no join slips in.
    fn end_if_idle(&self, key: &GroupKey, joins: &mut mpsc::Receiver<Join>) -> bool {
        let mut groups = self.groups.lock();
        if !joins.is_empty() {
            return false;
        }
        joins.close();
        groups.remove(key);
        true
    }

    /// Forgets a group whose task has failed.
    fn forget(&self, key: &GroupKey) {
        let mut groups = self.groups.lock();
        if groups.get(key).is_some_and(mpsc::Sender::is_closed) {
            groups.remove(key);
        }
    }
}

/// The end of a group, as its task sees it.
struct GroupEnd {
    fanout: Fanout,
    key: GroupKey,
}

impl GroupEnd {
    /// Ends the group unless somebody is joining it; returns whether it has ended.
    fn end_if_idle(&self, joins: &mut mpsc::Receiver<Join>) -> bool {
        self.fanout.end_if_idle(&self.key, joins)
    }
}

/// Asks a group for membership. `None`: it has just ended.
async fn ask(
    group: &mpsc::Sender<Join>,
    subscriber: &Arc<Subscriber>,
    after: Option<u64>,
) -> Option<Joined> {
    let (reply, joined) = oneshot::channel();
    group.send(Join { subscriber: Arc::clone(subscriber), after, reply }).await.ok()?;
    joined.await.ok()
}
