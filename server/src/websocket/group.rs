//! A group: the task that executes each event once for all its members.

use std::collections::VecDeque;
use std::sync::Arc;

use gavel_core::auction::AuctionId;
use gavel_core::broker::topic::Reader;
use gavel_core::broker::{Progress, PublishedBid};
use gavel_core::metrics::GaugeGuard;
use gavel_trace::{Context, Tracer};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tracing::error;

use super::counts::SocketCounts;
use super::execution::Execution;
use super::member::Member;
use super::payload::{Form, Payload};
use super::send_queue::{End, Subscriber};
use super::shares::{Events, Shares, Times};
use super::trace;
use crate::graphql::subscription::{SourceEvent, Topic};
use crate::graphql::types::View;
use crate::limits;

/// The key of a group: subscriptions with the same key share it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GroupKey {
    /// The subject of its events.
    pub subject: Subject,
    /// The document, normalised, without the cursor.
    pub document: String,
    /// The name of the operation in it.
    pub operation_name: Option<String>,
    /// The variables without that of the cursor, as JSON.
    pub variables: String,
    /// What the members may see of the auction.
    pub view: View,
    /// How events are encoded for them.
    pub form: Form,
}

/// The subject of a group's events.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// An auction: its bids, or its state.
    One(Topic, AuctionId),
    /// The auctions that the document and variables choose.
    Lobby,
}

/// A request to join a group.
pub struct Join {
    /// The subscriber.
    pub subscriber: Arc<Subscriber>,
    /// Its cursor; `None`: from now on.
    pub after: Option<u64>,
    /// The reply channel.
    pub reply: oneshot::Sender<Joined>,
}

/// The result of a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joined {
    /// The subscriber is a member: everything after its cursor reaches it.
    Yes,
    /// The cursor lies before what the group has in memory: replay history first.
    Behind,
}

/// The bounds of a group.
#[derive(Debug, Clone, Copy)]
pub struct GroupBounds {
    /// Most tasks that write to its members at a time.
    pub writers: usize,
    /// Most payloads kept for members that resume.
    pub ring: usize,
}

impl Default for GroupBounds {
    fn default() -> Self {
        let writers = std::thread::available_parallelism().map_or(1, usize::from);
        Self { writers, ring: limits::GROUP_RING_MAX }
    }
}

/// The state of a group's task.
pub struct Group {
    topic: Reader,
    kind: Topic,
    view: View,
    execution: Execution,
    members: Shares,
    /// The last number executed: a sequence, or a version.
    cursor: u64,
    /// The last payloads, contiguous up to the cursor, for members that resume.
    ring_buffer: VecDeque<(u64, Arc<Payload>)>,
    ring_bytes: usize,
    /// Most payloads in it.
    ring_max: usize,
    /// Notified when a member has left.
    left: Arc<Notify>,
    tracer: Tracer,
    /// Whether a traced delivery has a span for each watcher, too.
    each_watcher: bool,
    counts: Arc<SocketCounts>,
    /// Its share of the gauge of members.
    counted: GaugeGuard,
}

impl Group {
    /// A group without members, at the topic's position.
    pub fn new(
        (kind, view): (Topic, View),
        execution: Execution,
        topic: Reader,
        counts: Arc<SocketCounts>,
        bounds: GroupBounds,
    ) -> Self {
        let cursor = match kind {
            Topic::Bids => topic.mark().position,
            Topic::Auction => 0,
        };
        Self {
            kind,
            view,
            execution,
            members: Shares::new(bounds.writers),
            cursor,
            ring_buffer: VecDeque::new(),
            ring_bytes: 0,
            ring_max: bounds.ring,
            left: Arc::default(),
            counted: GaugeGuard::new(Arc::clone(&counts.subscriptions)),
            counts,
            topic,
            tracer: Tracer::off(),
            each_watcher: false,
        }
    }

    /// The same group, with its deliveries traced; with `each_watcher`, those of each watcher too.
    pub fn traced(self, tracer: Tracer, each_watcher: bool) -> Self {
        Self { tracer, each_watcher, ..self }
    }

    /// Runs until no member is left and `end_if_idle` agrees.
    pub async fn run(
        mut self,
        mut joins: mpsc::Receiver<Join>,
        end_if_idle: impl Fn(&mut mpsc::Receiver<Join>) -> bool,
    ) {
        let mut progress_updates = self.topic.progress_updates();
        let left = Arc::clone(&self.left);
        let mut used = Instant::now();
        loop {
            if !self.catch_up(&mut progress_updates).await {
                error!(auction.id = %self.topic.id(), "a group's execution ended; members resume");
                self.members.iter().filter(|m| m.stays()).for_each(|m| m.subscriber.overflow());
                return;
            }
            let mark = *progress_updates.borrow();
            if mark.ended && self.has_delivered(mark) && !self.members.is_empty() {
                for member in self.members.drain().filter(Member::stays) {
                    member.subscriber.finish(End::Complete);
                }
                left.notify_one();
            }
            self.counted.set(self.members.len());
            if !self.members.is_empty() {
                used = Instant::now();
            }
            tokio::select! {
                Some(join) = joins.recv() => {
                    self.join(join).await;
                    // A subscriber that must replay history first joins another group later, or
                    // starts it.
                    if self.members.is_empty() && end_if_idle(&mut joins) {
                        return;
                    }
                }
                // The topic lives as long as the reader that this group holds.
                _ = progress_updates.changed() => {}
                () = left.notified() => {
                    self.members.drop_left();
                    if self.members.is_empty() && end_if_idle(&mut joins) {
                        return;
                    }
                }
                // The subscriber that had it started may be gone before it joined.
                () = sleep_until(used + limits::GROUP_IDLE), if self.members.is_empty() => {
                    if end_if_idle(&mut joins) {
                        return;
                    }
                }
            }
        }
    }

    fn has_delivered(&self, mark: Progress) -> bool {
        match self.kind {
            Topic::Bids => self.cursor >= mark.position,
            Topic::Auction => self.cursor >= mark.version,
        }
    }

    /// Executes and delivers what is new; returns false if the execution has failed.
    async fn catch_up(&mut self, progress_updates: &mut watch::Receiver<Progress>) -> bool {
        loop {
            let mark = *progress_updates.borrow_and_update();
            if self.has_delivered(mark) {
                return true;
            }
            let delivered = match self.kind {
                Topic::Auction => self.deliver_state().await,
                Topic::Bids => self.deliver_bids().await,
            };
            if !delivered {
                return false;
            }
        }
    }

    async fn deliver_bids(&mut self) -> bool {
        let Some(bids) = self.topic.recent_after(self.cursor, limits::GROUP_TURN_MAX) else {
            // Somebody deleted the next ones from the table.
            if let Some(to) = self.topic.missing_after(self.cursor) {
                self.cursor = to;
                return true;
            }
            // Slower than the topic by its whole backlog: members resume from the table.
            self.cursor = self.topic.mark().position;
            self.clear_ring();
            self.members.drain().filter(Member::stays).for_each(|m| m.subscriber.overflow());
            return true;
        };
        let mut events = Vec::with_capacity(bids.len());
        let mut spans = Vec::new();
        for bid in bids {
            let number = bid.bid.sequence;
            let span = bid.trace.map(Context::child);
            let item = SourceEvent::Bid(Arc::clone(&bid), span);
            let Some(payload) = self.execute(item).await else { return false };
            spans.extend(span.map(|span| (span, bid)));
            events.push((number, payload));
        }
        let notes_times = self.each_watcher && !spans.is_empty();
        let times = self.deliver(events.as_slice().into(), notes_times).await;
        for (span, bid) in spans {
            trace::delivered(&self.tracer, span, &bid, self.members.len());
            times.iter().for_each(|told| trace::told(&self.tracer, span, &bid, told));
        }
        events.into_iter().for_each(|(number, payload)| self.keep(number, payload));
        true
    }

    async fn deliver_state(&mut self) -> bool {
        let Some(auction) = self.topic.auction() else { return true };
        let number = auction.version;
        let item = SourceEvent::Auction(auction, self.view);
        let Some(payload) = self.execute(item).await else { return false };
        self.deliver([(number, Arc::clone(&payload))].into(), false).await;
        self.clear_ring();
        self.keep(number, payload);
        true
    }

    async fn execute(&mut self, item: SourceEvent) -> Option<Arc<Payload>> {
        self.execution.run(item).await.map(Arc::new)
    }

    /// Delivers events, in the order of their numbers, to every member. Returns when each received
    /// them, if `notes_times`.
    async fn deliver(&mut self, events: Events, notes_times: bool) -> Times {
        let Some(last) = events.last().map(|(number, _)| *number) else { return Times::new() };
        self.counts.group_members.add(self.members.len());
        let times = self.members.write(events, &self.counts, notes_times).await;
        self.cursor = last;
        times
    }

    fn keep(&mut self, number: u64, payload: Arc<Payload>) {
        self.ring_bytes += payload.json().len();
        self.ring_buffer.push_back((number, payload));
        while self.ring_buffer.len() > self.ring_max
            || (self.ring_bytes > limits::GROUP_RING_BYTES_MAX && self.ring_buffer.len() > 1)
        {
            let oldest = self.ring_buffer.pop_front();
            self.ring_bytes -= oldest.map_or(0, |(_, payload)| payload.json().len());
        }
    }

    fn clear_ring(&mut self) {
        self.ring_buffer.clear();
        self.ring_bytes = 0;
    }

    /// Joins and fixes the position in one step, so that no event falls in between.
    async fn join(&mut self, join: Join) {
        let Join { subscriber, after, reply } = join;
        let joined = match self.kind {
            Topic::Bids => self.join_bids(&subscriber, after).await,
            Topic::Auction => self.join_state(&subscriber).await,
        };
        // The caller may be gone; then the subscription is over, and leaves at the next turn.
        reply.send(joined).ok();
    }

    async fn join_bids(&mut self, subscriber: &Arc<Subscriber>, after: Option<u64>) -> Joined {
        let position = self.topic.mark().position;
        let given = after;
        let after = given.unwrap_or(position);
        if after < self.cursor && !self.reach_back(after).await {
            return Joined::Behind;
        }
        if given.is_none() {
            // The cursor may belong to history that is still queued: only what is written moves the
            // point where it resumes.
            subscriber.starts_after(position);
        }
        *subscriber.left.lock() = Some(Arc::clone(&self.left));
        subscriber.join();
        for (number, payload) in self.ring_buffer.iter().filter(|(number, _)| *number > after) {
            if !subscriber.push(payload, *number, true) {
                break;
            }
        }
        self.add(subscriber, after.max(self.cursor), position);
        Joined::Yes
    }

    async fn join_state(&mut self, subscriber: &Arc<Subscriber>) -> Joined {
        *subscriber.left.lock() = Some(Arc::clone(&self.left));
        if self.cursor == 0 && !self.deliver_state().await {
            return Joined::Behind;
        }
        subscriber.join();
        if let Some((number, payload)) = self.ring_buffer.back() {
            subscriber.push(payload, *number, false);
        }
        self.add(subscriber, self.cursor, 0);
        Joined::Yes
    }

    fn add(&mut self, subscriber: &Arc<Subscriber>, after: u64, live_after: u64) {
        let membership = subscriber.membership();
        let prefix = match self.members.last().filter(|m| *m.prefix == *subscriber.prefix) {
            Some(member) => Arc::clone(&member.prefix),
            None => Arc::from(subscriber.prefix.as_str()),
        };
        let subscriber = Arc::clone(subscriber);
        self.members.push(Member { subscriber, prefix, membership, after, live_after });
        // It may have ended while it joined, before it knew whom to notify.
        self.left.notify_one();
    }

    /// Extends the ring buffer back to `after + 1`, from the topic's backlog: each event is
    /// executed once, however many members resume. Returns false if the backlog does not reach that
    /// far.
    async fn reach_back(&mut self, after: u64) -> bool {
        let oldest = self.ring_buffer.front().map_or(self.cursor + 1, |(number, _)| *number);
        if after + 1 >= oldest {
            return true;
        }
        let missing = usize::try_from(oldest - 1 - after).unwrap_or(usize::MAX);
        if missing.saturating_add(self.ring_buffer.len()) > self.ring_max {
            return false;
        }
        let Some(bids) = self.topic.recent_after(after, missing) else { return false };
        let bids: Vec<Arc<PublishedBid>> =
            bids.into_iter().take_while(|bid| bid.bid.sequence < oldest).collect();
        let mut older = Vec::with_capacity(bids.len());
        let mut bytes = self.ring_bytes;
        for bid in bids {
            let number = bid.bid.sequence;
            let Some(payload) = self.execute(SourceEvent::Bid(bid, None)).await else {
                return false;
            };
            bytes += payload.json().len();
            if bytes > limits::GROUP_RING_BYTES_MAX {
                return false;
            }
            older.push((number, payload));
        }
        self.ring_bytes = bytes;
        older.into_iter().rev().for_each(|entry| self.ring_buffer.push_front(entry));
        true
    }
}
