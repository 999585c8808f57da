//! The members of a group, in shares: each share is written by one task, so that a large group uses
//! every core. A socket belongs to one share, which keeps its order.

use std::hint::black_box;
use std::sync::Arc;

use gavel_core::auction::Timestamp;
use gavel_core::clock;
use tokio::task::JoinSet;

use super::counts::{BatchTotals, SocketCounts};
use super::member::{Member, Outcome};
use super::payload::{Frames, Payload};
use crate::limits;

/// Events with their numbers, in order.
pub(super) type Events = Arc<[(u64, Arc<Payload>)]>;
/// The outcome for each member, and when.
pub(super) type Times = Vec<(Outcome, Timestamp)>;

/// The members of a group.
#[derive(Default)]
pub(super) struct Shares {
    /// None is empty.
    shares: Vec<Vec<Member>>,
    /// Most shares.
    writers_max: usize,
}

impl Shares {
    /// No members yet; at most `writers_max` tasks write to them at a time.
    pub(super) fn new(writers_max: usize) -> Self {
        Self { shares: Vec::new(), writers_max: writers_max.max(1) }
    }

    pub(super) fn len(&self) -> usize {
        self.shares.iter().map(Vec::len).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shares.is_empty()
    }

    /// Any member that stands last in its share.
    pub(super) fn last(&self) -> Option<&Member> {
        self.shares.last()?.last()
    }

    /// Adds a member. If the group has grown enough, the largest share is divided.
    pub(super) fn push(&mut self, member: Member) {
        let wanted = ((self.len() + 1) / limits::GROUP_SHARE).clamp(1, self.writers_max);
        if self.shares.len() < wanted
            && let Some(largest) = self.shares.iter_mut().max_by_key(|share| share.len())
        {
            let half = largest.split_off(largest.len() / 2);
            self.shares.push(half);
        }
        match self.shares.iter_mut().min_by_key(|share| share.len()) {
            Some(smallest) => smallest.push(member),
            None => self.shares.push(vec![member]),
        }
    }

    /// Drops the members that have left.
    pub(super) fn drop_left(&mut self) {
        self.shares.iter_mut().for_each(|share| share.retain(Member::stays));
        self.shares.retain(|share| !share.is_empty());
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Member> {
        self.shares.iter().flatten()
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = Member> {
        std::mem::take(&mut self.shares).into_iter().flatten()
    }

    /// Writes events to every member; drops those that have left. Returns the outcome and the time
    /// for each, if `notes_times`.
    pub(super) async fn write(
        &mut self,
        events: Events,
        counts: &Arc<SocketCounts>,
        notes_times: bool,
    ) -> Times {
        let mut shares = std::mem::take(&mut self.shares);
        if shares.len() <= 1 {
            let Some(only) = shares.pop() else { return Times::new() };
            let (only, times) = write(only, events, Arc::clone(counts), notes_times).await;
            self.shares.extend(Some(only).filter(|share| !share.is_empty()));
            return times;
        }
        // Each on a task, also the first: the task that a worker has made last waits for this very
        // worker, and only those made before it may be taken by another one. They end with this
        // future.
        let mut writers = JoinSet::new();
        for share in shares {
            writers.spawn(write(share, Arc::clone(&events), Arc::clone(counts), notes_times));
        }
        let mut times = Times::new();
        while let Some(written) = writers.join_next().await {
            let (share, more) = written.unwrap_or_else(|error| panic!("a writer failed: {error}"));
            self.shares.push(share);
            times.extend(more);
        }
        self.shares.retain(|share| !share.is_empty());
        times
    }
}

async fn write(
    mut members: Vec<Member>,
    events: Events,
    counts: Arc<SocketCounts>,
    notes_times: bool,
) -> (Vec<Member>, Times) {
    let mut times = Times::new();
    let mut frames = Frames::default();
    let mut totals = BatchTotals::new(events.len());
    let (mut at, mut turn) = (0, 0);
    let is_burst = events.len() > 1;
    if is_burst && members.len() >= limits::GROUP_LARGE {
        // Small groups that were woken by the same page go first.
        tokio::task::yield_now().await;
    }
    let writes_max =
        if is_burst { limits::GROUP_BURST_WRITES_MAX } else { limits::GROUP_WRITES_MAX };
    while at < members.len() {
        if turn % limits::GROUP_PREFETCH == 0 {
            prefetch(&members[at..]);
        }
        let outcome = members[at].deliver(&events, &mut frames, &mut totals);
        if outcome == Outcome::Left {
            members.swap_remove(at);
        } else {
            at += 1;
        }
        if notes_times {
            times.push((outcome, clock::now()));
        }
        if totals.is_ripe() {
            totals.add_up(&events, &counts, clock::now);
        }
        turn += 1;
        if turn % writes_max == 0 {
            // Other groups have events, too.
            tokio::task::yield_now().await;
        }
    }
    totals.add_up(&events, &counts, clock::now);
    (members, times)
}

/// Reads what the next writes will access. Between two events it has been evicted from the caches;
/// read together, it is waited for once, not once per member (docs/PERFORMANCE.md).
fn prefetch(members: &[Member]) {
    let next = members.iter().take(limits::GROUP_PREFETCH);
    black_box(next.map(|member| member.subscriber.prefetch()).sum::<usize>());
}
