//! A member of a group, and the outcome of events for it.

use std::sync::Arc;

use super::counts::BatchTotals;
use super::payload::{Frames, Payload};
use super::send_queue::Subscriber;

/// A member: it gets events numbered over `after`, as replays up to `live_after`.
pub(super) struct Member {
    pub(super) subscriber: Arc<Subscriber>,
    /// The subscriber's prefix, shared with members that have the same one: nearly all do.
    pub(super) prefix: Arc<str>,
    /// Its membership when it joined.
    pub(super) membership: u64,
    pub(super) after: u64,
    pub(super) live_after: u64,
}

/// The outcome of events for a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The member had them already.
    Before,
    /// They are written.
    Written,
    /// They are in its queue.
    Queued,
    /// The member has left.
    Left,
}

impl Member {
    pub(super) fn stays(&self) -> bool {
        !self.subscriber.is_over() && self.subscriber.membership() == self.membership
    }

    /// Delivers what is new to the member: at once if nothing is pending, else through its queue.
    pub(super) fn deliver(
        &self,
        events: &[(u64, Arc<Payload>)],
        frames: &mut Frames,
        totals: &mut BatchTotals,
    ) -> Outcome {
        let from = events.partition_point(|(number, _)| *number <= self.after);
        let Some((last, _)) = events.last().filter(|_| from < events.len()) else {
            return Outcome::Before;
        };
        let live_from = events.partition_point(|(number, _)| *number <= self.live_after);
        let subscriber = &self.subscriber;
        let bytes = frames.of(events, &self.prefix, subscriber.framing, (from, live_from));
        if subscriber.write(bytes, *last, self.membership) {
            totals.add((from, live_from), bytes.len());
            return Outcome::Written;
        }
        let queued = self.stays()
            && events[from..].iter().all(|(number, payload)| {
                subscriber.push(payload, *number, *number <= self.live_after)
            });
        if queued { Outcome::Queued } else { Outcome::Left }
    }
}
