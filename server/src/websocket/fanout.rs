//! The fan-out: one execution and one encoding per group of subscribers.
//!
//! A group is all subscribers with the same operation (apart from its cursor), the same variables
//! and the same view of the same auction. Its task pulls from the topic, executes each event once,
//! and writes the payload to every member's socket, or puts it into its queue.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::Request;
use gavel_core::broker::topic::Reader;
use gavel_core::tasks::Tasks;
use gavel_trace::Tracer;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::counts::SocketCounts;
use super::execution::Execution;
use super::group::{Group, GroupBounds, GroupKey, Join, Joined};
use super::send_queue::Subscriber;
use crate::cost::Price;
use crate::graphql::Schema;
use crate::limiter::{Address, ClientLimiter, TooMany};
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
        loop {
            let group = self.find_or_start(key, &request, topic, cause)?;
            let (reply, joined) = oneshot::channel();
            let join = Join { subscriber: Arc::clone(subscriber), after, reply };
            if group.send(join).await.is_ok()
                && let Ok(joined) = joined.await
            {
                return Ok(joined);
            }
            // The group has just ended: try the next one.
        }
    }

    fn find_or_start(
        &self,
        key: &GroupKey,
        request: &impl Fn() -> Request,
        topic: &Reader,
        cause: &Cause,
    ) -> Result<mpsc::Sender<Join>, TooMany> {
        let mut groups = self.groups.lock();
        if let Some(group) = groups.get(key).filter(|group| !group.is_closed()) {
            return Ok(group.clone());
        }
        let held = self.limiter.begin_group(cause.address, &key.auction_id, cause.weight())?;
        let (joins, requests) = mpsc::channel(limits::GROUP_JOINS_MAX);
        groups.insert(key.clone(), joins.clone());
        let counts = Arc::clone(&self.counts);
        let execution = Execution::new(&self.schema, request(), counts);
        let group =
            Group::new(key, execution, topic.attach(), Arc::clone(&self.counts), self.bounds)
                .traced(self.tracer.clone(), self.each_watcher);
        let (fanout, key) = (self.clone(), key.clone());
        self.tasks.spawn("fan-out group", async move {
            group.run(requests, |requests| fanout.end_if_idle(&key, requests)).await;
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
