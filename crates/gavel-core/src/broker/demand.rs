//! Demand: the writes that local watchers wait for, and so how often the stream must be read.
//!
//! A lane declares the version it is about to write; the broker withdraws it once the topic has
//! released that version. A version that is not seen in time has expired, and is repaired from the
//! table.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::auction::AuctionId;
use crate::limits;

/// How often a shard is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PollInterval {
    /// Nobody watches anything.
    Idle,
    /// An auction is watched.
    Watched,
    /// A watcher waits for a bid that is being written.
    Busy,
}

/// What readers wake up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// The poll interval to use.
    pub poll_interval: PollInterval,
    /// Raised when a write was acknowledged: its record is worth an immediate read.
    pub wake_up: u64,
}

/// The demand of a process. Clones share it.
#[derive(Debug, Clone)]
pub struct Demand {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    expiry: Duration,
    waits: Mutex<Waits>,
    call: watch::Sender<Call>,
}

/// The writes that are waited for. Nothing here iterates over all topics, or the cost of a bid
/// would grow with their number.
#[derive(Debug, Default)]
struct Waits {
    live: HashSet<AuctionId>,
    /// Whether auctions are watched on other nodes.
    elsewhere: bool,
    /// Of live topics, or awaited on other nodes, and at most one each.
    outstanding: HashMap<AuctionId, Outstanding>,
    /// The number of these that have not expired.
    urgent: usize,
}

#[derive(Debug, Clone, Copy)]
struct Outstanding {
    version: u64,
    /// An earlier version that was not seen either, for when this one is withdrawn.
    before: Option<u64>,
    deadline: Instant,
    expired: bool,
    /// Only other nodes are known to wait for it: it is not repaired here.
    is_elsewhere: bool,
}

impl Waits {
    fn put(&mut self, id: &AuctionId, outstanding: Outstanding) {
        self.take(id);
        self.urgent += 1;
        self.outstanding.insert(id.clone(), outstanding);
    }

    fn take(&mut self, id: &AuctionId) -> bool {
        let taken = self.outstanding.remove(id);
        self.urgent -= usize::from(taken.is_some_and(|outstanding| !outstanding.expired));
        taken.is_some()
    }

    fn poll_interval(&self) -> PollInterval {
        // What has expired no longer asks for haste: the table serves it, and the stream may stall.
        match (self.urgent, self.live.is_empty() && !self.elsewhere) {
            (1.., _) => PollInterval::Busy,
            (0, true) => PollInterval::Idle,
            (0, false) => PollInterval::Watched,
        }
    }
}

impl Demand {
    /// Makes an empty demand; a write that is not seen within `expiry` has expired.
    pub fn new(expiry: Duration) -> Self {
        let call = watch::Sender::new(Call { poll_interval: PollInterval::Idle, wake_up: 0 });
        Self { inner: Arc::new(Inner { expiry, waits: Mutex::default(), call }) }
    }

    /// An auction is watched from now on.
    pub fn topic_live(&self, id: &AuctionId) {
        let mut waits = self.inner.waits.lock();
        waits.live.insert(id.clone());
        self.call(&waits, false);
    }

    /// An auction is no longer watched.
    pub fn topic_gone(&self, id: &AuctionId) {
        let mut waits = self.inner.waits.lock();
        waits.live.remove(id);
        waits.take(id);
        self.call(&waits, false);
    }

    /// A version is about to be written. It counts only while the auction is watched.
    pub fn declare(&self, id: &AuctionId, version: u64, now: Instant) {
        self.raise(id, version, now, false);
    }

    /// A version was acknowledged: readers look at once, and its expiry restarts.
    pub fn committed(&self, id: &AuctionId, version: u64, now: Instant) {
        self.raise(id, version, now, true);
    }

    /// A version is being written on another node, or was acknowledged there: somebody may wait for
    /// it, and whoever reads the stream hurries.
    pub fn elsewhere(&self, id: &AuctionId, version: u64, committed: bool, now: Instant) {
        let mut waits = self.inner.waits.lock();
        if waits.live.contains(id) {
            drop(waits);
            return self.raise(id, version, now, committed);
        }
        let known = waits.outstanding.get(id).map(|outstanding| outstanding.version);
        let is_new = known.is_none_or(|known| known < version) && !committed;
        if known.is_none() && waits.outstanding.len() >= limits::TOPICS_MAX {
            return;
        }
        if is_new {
            let deadline = now + self.inner.expiry;
            let before = None;
            waits.put(
                id,
                Outstanding { version, before, deadline, expired: false, is_elsewhere: true },
            );
        }
        self.call(&waits, committed && known == Some(version));
    }

    /// Whether auctions are watched on other nodes.
    pub fn watched_elsewhere(&self, elsewhere: bool) {
        let mut waits = self.inner.waits.lock();
        waits.elsewhere = elsewhere;
        self.call(&waits, false);
    }

    /// A declared version was not written.
    pub fn withdraw(&self, id: &AuctionId, version: u64) {
        self.settle(id, |outstanding| {
            if outstanding.version != version {
                return false;
            }
            let Some(before) = outstanding.before.take() else { return true };
            outstanding.version = before;
            false
        });
    }

    /// A topic has released a version, and every bid before it.
    pub fn seen(&self, id: &AuctionId, version: u64) {
        self.settle(id, |outstanding| {
            outstanding.before = outstanding.before.filter(|&before| before > version);
            outstanding.version <= version
        });
    }

    /// Watched auctions whose outstanding version was not seen in time; each is returned again only
    /// after another `expiry`.
    pub fn expired(&self, now: Instant) -> Vec<AuctionId> {
        let mut waits = self.inner.waits.lock();
        let Waits { outstanding, urgent, .. } = &mut *waits;
        let mut expired = Vec::new();
        let mut has_changed = false;
        outstanding.retain(|id, outstanding| {
            if outstanding.deadline > now {
                return true;
            }
            has_changed = true;
            outstanding.deadline = now + self.inner.expiry;
            *urgent -= usize::from(!outstanding.expired);
            outstanding.expired = true;
            if !outstanding.is_elsewhere {
                expired.push(id.clone());
            }
            !outstanding.is_elsewhere
        });
        if has_changed {
            self.call(&waits, false);
        }
        expired
    }

    /// What readers wake up for; the receiver changes when they should look.
    pub fn calls(&self) -> watch::Receiver<Call> {
        self.inner.call.subscribe()
    }

    fn raise(&self, id: &AuctionId, version: u64, now: Instant, ring: bool) {
        let mut waits = self.inner.waits.lock();
        // Acknowledged after it was seen: nothing is outstanding any more.
        if !waits.live.contains(id)
            || ring && waits.outstanding.get(id).is_none_or(|o| o.version != version)
        {
            return;
        }
        let deadline = now + self.inner.expiry;
        let before = waits
            .outstanding
            .get(id)
            .and_then(|o| if o.version < version { Some(o.version) } else { o.before });
        waits.put(
            id,
            Outstanding { version, before, deadline, expired: false, is_elsewhere: false },
        );
        self.call(&waits, ring);
    }

    fn settle(&self, id: &AuctionId, settled: impl Fn(&mut Outstanding) -> bool) {
        let mut waits = self.inner.waits.lock();
        if waits.outstanding.get_mut(id).is_some_and(settled) && waits.take(id) {
            self.call(&waits, false);
        }
    }

    /// Notifies readers if anything has changed for them. Runs under the lock, so that the last
    /// notification matches the state.
    fn call(&self, waits: &Waits, ring: bool) {
        let poll_interval = waits.poll_interval();
        self.inner.call.send_if_modified(|call| {
            let changed = call.poll_interval != poll_interval || ring;
            call.poll_interval = poll_interval;
            call.wake_up += u64::from(ring);
            changed
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPIRY: Duration = Duration::from_millis(500);

    fn demand() -> (Demand, AuctionId, Instant) {
        (Demand::new(EXPIRY), AuctionId::random(), Instant::now())
    }

    fn poll_interval(demand: &Demand) -> PollInterval {
        demand.calls().borrow().poll_interval
    }

    #[test]
    fn a_write_to_an_auction_that_nobody_watches_asks_for_nothing() {
        let (demand, id, now) = demand();
        demand.declare(&id, 1, now);
        assert_eq!(poll_interval(&demand), PollInterval::Idle);
        assert!(demand.expired(now + EXPIRY).is_empty());
    }

    #[test]
    fn a_declared_write_is_busy_until_it_is_seen_or_withdrawn() {
        let (demand, id, now) = demand();
        demand.topic_live(&id);
        assert_eq!(poll_interval(&demand), PollInterval::Watched);
        demand.declare(&id, 2, now);
        assert_eq!(poll_interval(&demand), PollInterval::Busy);
        demand.seen(&id, 1);
        assert_eq!(poll_interval(&demand), PollInterval::Busy);
        demand.seen(&id, 2);
        assert_eq!(poll_interval(&demand), PollInterval::Watched);
        demand.declare(&id, 3, now);
        demand.withdraw(&id, 3);
        assert_eq!(poll_interval(&demand), PollInterval::Watched);
    }

    #[test]
    fn a_write_that_failed_leaves_what_was_written_before_it_outstanding() {
        let (demand, id, now) = demand();
        demand.topic_live(&id);
        demand.declare(&id, 2, now);
        demand.committed(&id, 2, now);
        demand.declare(&id, 3, now);
        demand.withdraw(&id, 3);
        assert_eq!(poll_interval(&demand), PollInterval::Busy);
        assert_eq!(demand.expired(now + EXPIRY), vec![id.clone()]);
        // Seen meanwhile, it is not.
        demand.declare(&id, 3, now);
        demand.seen(&id, 2);
        demand.withdraw(&id, 3);
        assert_eq!(poll_interval(&demand), PollInterval::Watched);
    }

    #[test]
    fn the_bell_rings_at_the_acknowledgement_unless_it_was_seen_before() {
        let (demand, id, now) = demand();
        demand.topic_live(&id);
        demand.declare(&id, 2, now);
        demand.committed(&id, 2, now);
        assert_eq!(demand.calls().borrow().wake_up, 1);
        demand.seen(&id, 2);
        demand.committed(&id, 2, now);
        assert_eq!(demand.calls().borrow().wake_up, 1);
        assert_eq!(poll_interval(&demand), PollInterval::Watched);
    }

    #[test]
    fn what_is_not_seen_in_time_expires_and_no_longer_asks_for_haste() {
        let (demand, id, now) = demand();
        demand.topic_live(&id);
        demand.declare(&id, 2, now);
        assert!(demand.expired(now).is_empty());
        assert_eq!(demand.expired(now + EXPIRY), vec![id.clone()]);
        assert!(demand.expired(now + EXPIRY).is_empty());
        assert_eq!(poll_interval(&demand), PollInterval::Watched);
        assert_eq!(demand.expired(now + 2 * EXPIRY), vec![id]);
    }

    #[test]
    fn as_long_as_anything_is_outstanding_readers_are_busy() {
        let (demand, id, now) = demand();
        let other = AuctionId::random();
        for id in [&id, &other] {
            demand.topic_live(id);
            demand.declare(id, 1, now);
            demand.declare(id, 2, now);
        }
        demand.topic_gone(&id);
        assert_eq!(poll_interval(&demand), PollInterval::Busy);
        assert_eq!(demand.expired(now + EXPIRY), vec![other.clone()]);
        assert_eq!(poll_interval(&demand), PollInterval::Watched);
        demand.declare(&other, 3, now + EXPIRY);
        assert_eq!(poll_interval(&demand), PollInterval::Busy, "a new write asks for haste again");
        demand.seen(&other, 3);
        assert_eq!(poll_interval(&demand), PollInterval::Watched);
        demand.topic_gone(&other);
        assert_eq!(poll_interval(&demand), PollInterval::Idle);
    }
}
