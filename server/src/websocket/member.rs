//! A member of a group, and what becomes of events for it.

use std::sync::Arc;

use super::counts::BatchTotals;
use super::payload::{Frames, Payload};
use super::send_queue::Subscriber;

/// A member: it gets what is numbered over `after`, as a replay up to `live_after`.
pub(super) struct Member {
    pub(super) subscriber: Arc<Subscriber>,
    /// The subscriber's, shared with members that have the same: nearly all do.
    pub(super) prefix: Arc<str>,
    /// Its membership when it joined.
    pub(super) membership: u64,
    pub(super) after: u64,
    pub(super) live_after: u64,
}

/// What became of events for a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It had them already.
    Before,
    /// They are written.
    Written,
    /// They are in its queue.
    Queued,
    /// It has left.
    Left,
}

impl Member {
    pub(super) fn stays(&self) -> bool {
        !self.subscriber.is_over() && self.subscriber.membership() == self.membership
    }

    /// Delivers what is new to it: at once if nothing is on its way to it, else through its queue.
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
        let bytes = frames.of(events, &self.prefix, (from, live_from));
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
