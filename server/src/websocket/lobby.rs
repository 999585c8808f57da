//! A lobby: the task that shows many auctions to all members of one group.
//!
//! Their states are coalesced: however many bids come, members get the latest state of each auction
//! that has changed, at most every [`limits::LOBBY_EVERY`], and at once after a pause. Each frame is
//! executed and encoded once for all members.

use std::sync::Arc;

use gavel_core::auction::Auction;
use gavel_core::metrics::GaugeGuard;
use gavel_core::store::Table;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until};
use tracing::error;

use super::counts::SocketCounts;
use super::execution::Execution;
use super::group::{Join, Joined};
use super::lots::Lots;
use super::member::Member;
use super::payload::Payload;
use super::send_queue::{End, Subscriber};
use super::shares::Shares;
use crate::graphql::subscription::SourceEvent;
use crate::limits;

/// The state of a lobby's task.
pub(super) struct Lobby<T: Table> {
    lots: Lots<T>,
    execution: Execution,
    members: Shares,
    /// The number of the last frame.
    number: u64,
    /// The frames with all states, for members that join; `None`: something has changed since.
    snapshot: Option<Vec<Arc<Payload>>>,
    /// Notified when a member has left.
    left: Arc<Notify>,
    counts: Arc<SocketCounts>,
    /// Its share of the gauge of members.
    counted: GaugeGuard,
}

impl<T: Table> Lobby<T> {
    /// A lobby without members.
    pub(super) fn new(
        lots: Lots<T>,
        execution: Execution,
        counts: Arc<SocketCounts>,
        writers_max: usize,
    ) -> Self {
        Self {
            lots,
            execution,
            members: Shares::new(writers_max),
            number: 0,
            snapshot: None,
            left: Arc::default(),
            counted: GaugeGuard::new(Arc::clone(&counts.subscriptions)),
            counts,
        }
    }

    /// Runs until no member is left and `end_if_idle` agrees.
    pub(super) async fn run(
        mut self,
        mut joins: mpsc::Receiver<Join>,
        end_if_idle: impl Fn(&mut mpsc::Receiver<Join>) -> bool,
    ) {
        let left = Arc::clone(&self.left);
        let mut used = Instant::now();
        let mut has_changed = false;
        let mut due = used;
        loop {
            if self.lots.have_ended() {
                for member in self.members.drain().filter(Member::stays) {
                    member.subscriber.finish(End::Complete);
                    left.notify_one();
                }
            }
            self.counted.set(self.members.len());
            if !self.members.is_empty() {
                used = Instant::now();
            }
            let goes_on = tokio::select! {
                Some(join) = joins.recv() => self.join(join).await,
                () = self.lots.changed(), if !has_changed => {
                    has_changed = true;
                    true
                }
                () = sleep_until(due), if has_changed => {
                    has_changed = false;
                    due = Instant::now() + limits::LOBBY_EVERY;
                    self.deliver().await
                }
                () = left.notified() => {
                    self.members.drop_left();
                    if self.members.is_empty() && end_if_idle(&mut joins) {
                        return;
                    }
                    true
                }
                () = sleep_until(used + limits::GROUP_IDLE), if self.members.is_empty() => {
                    if end_if_idle(&mut joins) {
                        return;
                    }
                    used = Instant::now();
                    true
                }
            };
            if !goes_on {
                error!("a lobby's execution ended; members subscribe again");
                self.members.iter().filter(|m| m.stays()).for_each(|m| m.subscriber.overflow());
                return;
            }
        }
    }

    /// Delivers what has changed; returns false if the execution has failed.
    async fn deliver(&mut self) -> bool {
        let changed = self.lots.take();
        if changed.is_empty() {
            return true;
        }
        self.snapshot = None;
        let Some(payloads) = self.frames(&changed).await else { return false };
        let numbered = payloads.into_iter().zip(self.number + 1..);
        let events: Vec<_> = numbered.map(|(payload, number)| (number, payload)).collect();
        self.number += events.len() as u64;
        self.counts.group_members.add(self.members.len());
        self.members.write(events.into(), &self.counts, false).await;
        true
    }

    /// The frames of these states, of which there is at least one.
    async fn frames(&mut self, states: &[Arc<Auction>]) -> Option<Vec<Arc<Payload>>> {
        let mut frames = Vec::with_capacity(states.len().div_ceil(limits::LOBBY_FRAME_AUCTIONS));
        let mut rest = states;
        loop {
            let (frame, more) = rest.split_at(rest.len().min(limits::LOBBY_FRAME_AUCTIONS));
            let payload = self.execution.run(SourceEvent::Auctions(frame.to_vec())).await?;
            frames.push(Arc::new(payload));
            rest = more;
            if rest.is_empty() {
                return Some(frames);
            }
        }
    }

    /// Shows all states to a subscriber and makes it a member, in one step, so that no change falls
    /// in between; returns false if the execution has failed.
    async fn join(&mut self, join: Join) -> bool {
        let Join { subscriber, reply, .. } = join;
        if self.snapshot.is_none() {
            let all = self.lots.all();
            self.snapshot = self.frames(&all).await;
        }
        let Some(snapshot) = &self.snapshot else { return false };
        *subscriber.left.lock() = Some(Arc::clone(&self.left));
        subscriber.join();
        for payload in snapshot {
            if !subscriber.push(payload, self.number, false) {
                break;
            }
        }
        self.add(subscriber);
        // The caller may be gone; then the subscription is over, and leaves at the next turn.
        reply.send(Joined::Yes).ok();
        true
    }

    fn add(&mut self, subscriber: Arc<Subscriber>) {
        let membership = subscriber.membership();
        let prefix = match self.members.last().filter(|m| *m.prefix == *subscriber.prefix) {
            Some(member) => Arc::clone(&member.prefix),
            None => Arc::from(subscriber.prefix.as_str()),
        };
        let after = self.number;
        self.members.push(Member { subscriber, prefix, membership, after, live_after: 0 });
        // It may have ended while it joined, before it knew whom to notify.
        self.left.notify_one();
    }
}
