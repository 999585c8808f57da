//! Which nodes read the stream: the rules of their leases. Pure.
//!
//! A lease is an item with an owner and a counter. Its owner raises the counter every second by a
//! conditional write, and reads only while its last raise, counted from before it was sent, is
//! younger than [`limits::LEASE_STALE_AFTER`]. Whoever has none takes a lease whose counter it has
//! not seen move for that long. Both compare times of their own monotonic clock alone; as long as
//! such clocks run equally fast, a lease has one reader at a time, whatever wall clocks say. Should
//! they not, a third reader costs throttled reads and nothing else: readers need no fencing.

use tokio::time::Instant;

use crate::limits;
use crate::store::lease::{Lease, LeaseWrite, NodeId};

/// One lease, as this node has seen it.
#[derive(Debug, Clone, Default)]
struct Seen {
    lease: Option<Lease>,
    /// When this counter was first seen.
    since: Option<Instant>,
}

/// The lease that this node has.
#[derive(Debug, Clone)]
struct Held {
    slot: usize,
    counter: u64,
    /// When its last write that succeeded was sent.
    confirmed: Instant,
}

/// What a node knows of the leases.
#[derive(Debug, Clone)]
pub struct Election {
    me: NodeId,
    seen: Vec<Seen>,
    held: Option<Held>,
}

impl Election {
    /// Of so many leases, before any was seen.
    pub fn new(me: NodeId, slots: usize) -> Self {
        Self { me, seen: vec![Seen::default(); slots], held: None }
    }

    /// The table shows these leases.
    pub fn observe(&mut self, leases: Vec<Option<Lease>>, now: Instant) {
        for (slot, (seen, lease)) in self.seen.iter_mut().zip(leases).enumerate() {
            if seen.since.is_none() || seen.lease != lease {
                *seen = Seen { lease, since: Some(now) };
            }
            let own = seen.lease.as_ref().filter(|lease| lease.owner.as_ref() == Some(&self.me));
            match (own, &mut self.held) {
                // A write of this node's whose answer was lost: it reads no longer than before.
                (Some(own), Some(held)) if held.slot == slot => {
                    held.counter = held.counter.max(own.counter);
                }
                // Somebody has taken it: this node was late.
                (None, Some(held)) if held.slot == slot => self.held = None,
                _ => {}
            }
        }
    }

    /// The write that is due: to renew the lease that this node has, or to take a free one.
    pub fn due(&self, now: Instant) -> Option<LeaseWrite> {
        let owned = |counter| Lease { owner: Some(self.me.clone()), counter };
        if let Some(held) = &self.held {
            let expected = Some(owned(held.counter));
            return Some(LeaseWrite { slot: held.slot, expected, next: owned(held.counter + 1) });
        }
        let is_free = |seen: &Seen| match (&seen.lease, seen.since) {
            (_, None) => false,
            (None, _) => true,
            (Some(lease), Some(since)) => {
                // Its own, for which this node has had no answer, is written anew.
                lease.owner.as_ref().is_none_or(|owner| *owner == self.me)
                    || now.saturating_duration_since(since) >= limits::LEASE_STALE_AFTER
            }
        };
        let slot = self.seen.iter().position(is_free)?;
        let expected = self.seen[slot].lease.clone();
        let counter = expected.as_ref().map_or(0, |lease| lease.counter) + 1;
        Some(LeaseWrite { slot, expected, next: owned(counter) })
    }

    /// A write of this node's, sent at this time, has succeeded.
    pub fn written(&mut self, write: LeaseWrite, sent: Instant) {
        let counter = write.next.counter;
        self.held = Some(Held { slot: write.slot, counter, confirmed: sent });
        self.seen[write.slot] = Seen { lease: Some(write.next), since: Some(sent) };
    }

    /// The condition of a write did not hold: somebody else was first.
    pub fn refused(&mut self, slot: usize) {
        if self.held.as_ref().is_some_and(|held| held.slot == slot) {
            self.held = None;
        }
    }

    /// Until when this node may read, unless it renews its lease before.
    pub fn reads_until(&self) -> Option<Instant> {
        self.held.as_ref().map(|held| held.confirmed + limits::LEASE_STALE_AFTER)
    }

    /// Whether this node may read.
    pub fn may_read(&self, now: Instant) -> bool {
        self.reads_until().is_some_and(|until| now < until)
    }

    /// The write that gives a lease back, once this node has stopped reading.
    pub fn give_back(&mut self) -> Option<LeaseWrite> {
        let held = self.held.take()?;
        let expected = Some(Lease { owner: Some(self.me.clone()), counter: held.counter });
        let next = Lease { owner: None, counter: held.counter + 1 };
        Some(LeaseWrite { slot: held.slot, expected, next })
    }
}

#[cfg(test)]
#[path = "election_tests.rs"]
mod tests;
