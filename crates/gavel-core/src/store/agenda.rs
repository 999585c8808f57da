//! The agenda: when to read each partition of the index of due auctions. Pure.
//!
//! A read that finds nothing costs as much as one that does. So a partition is read when the
//! earliest known time in it has come, and all partitions every few seconds, for auctions created
//! by other servers. A time that has become obsolete costs one read; a time unknown to this server
//! is known to the server that wrote it, and to this one a few seconds later.

use tokio::time::Instant;

use super::phase::Phase;
use crate::auction::Timestamp;
use crate::limits;

/// The phases in which auctions wait for a time.
const PHASES: [Phase; 2] = [Phase::Closing, Phase::Opening];
const PARTITIONS: usize = limits::DUE_PARTITIONS as usize;

/// A read of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) phase: Phase,
    pub(super) number: u8,
    /// Auctions whose time is not later are due.
    pub(super) until: Timestamp,
}

/// The known times of the index.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    /// The earliest known time of each partition, by phase.
    next: [[Option<Timestamp>; PARTITIONS]; PHASES.len()],
    /// When all partitions were last read.
    looked: Option<Instant>,
}

impl Agenda {
    /// An auction is in the index from now on, or may be: this server writes it.
    pub(super) fn note(&mut self, phase: Phase, partition: u8, at: Timestamp) {
        let Some(phase) = PHASES.iter().position(|of| *of == phase) else { return };
        let next = &mut self.next[phase][usize::from(partition)];
        *next = Some(next.map_or(at, |next| next.min(at)));
    }

    /// Returns the partitions to read, given up to which time a phase is due. Their times are
    /// forgotten until the read returns what comes next, so that what is noted meanwhile is kept.
    pub(super) fn take(&mut self, until: impl Fn(Phase) -> Timestamp, now: Instant) -> Vec<Look> {
        let age = self.looked.map(|looked| now.saturating_duration_since(looked));
        let all = age.is_none_or(|age| age >= limits::SCHEDULE_LOOK_EVERY);
        if all {
            self.looked = Some(now);
        }
        let mut looks = Vec::new();
        for (phase, partitions) in PHASES.into_iter().zip(&mut self.next) {
            let until = until(phase);
            for (number, next) in (0..).zip(partitions) {
                if all || next.is_some_and(|next| next <= until) {
                    *next = None;
                    looks.push(Look { phase, number, until });
                }
            }
        }
        looks
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn both(seconds: i64) -> impl Fn(Phase) -> Timestamp {
        move |_| at(seconds)
    }

    fn look(phase: Phase, number: u8, seconds: i64) -> Look {
        Look { phase, number, until: at(seconds) }
    }

    fn all() -> usize {
        PHASES.len() * PARTITIONS
    }

    /// An agenda after its first look, which found nothing, and the time of that look.
    fn looked() -> (Agenda, Instant) {
        let (mut agenda, now) = (Agenda::default(), Instant::now());
        assert_eq!(agenda.take(both(0), now).len(), all(), "the first look is at all");
        (agenda, now)
    }

    #[test]
    fn an_idle_schedule_looks_at_all_partitions_every_few_seconds_and_at_none_between() {
        let (mut agenda, began) = looked();
        let ticks = (1..=60).map(|tick| limits::SCHEDULE_EVERY * tick);
        let looks: usize = ticks.map(|t| agenda.take(both(0), began + t).len()).sum();
        let whole = Duration::from_secs(30).as_secs() / limits::SCHEDULE_LOOK_EVERY.as_secs();
        assert_eq!(looks as u64, whole * all() as u64);
    }

    #[test]
    fn a_partition_is_looked_at_when_its_earliest_time_has_come_and_once() {
        let (mut agenda, now) = looked();
        agenda.note(Phase::Closing, 3, at(20));
        agenda.note(Phase::Closing, 3, at(10));
        agenda.note(Phase::Opening, 3, at(30));
        agenda.note(Phase::Closed, 3, at(1));
        assert_eq!(agenda.take(both(9), now), []);
        assert_eq!(agenda.take(both(10), now), [look(Phase::Closing, 3, 10)]);
        assert_eq!(agenda.take(both(29), now), []);
        // Each phase has a time of its own: an auction closes a moment after its end.
        let until = |phase| at(if phase == Phase::Closing { 29 } else { 30 });
        assert_eq!(agenda.take(until, now), [look(Phase::Opening, 3, 30)]);
    }

    #[test]
    fn what_is_noted_during_a_look_is_kept() {
        let (mut agenda, now) = looked();
        agenda.note(Phase::Closing, 3, at(5));
        assert_eq!(agenda.take(both(5), now).len(), 1);
        // The look runs, and does not see this one; it finds that the next is due at 20.
        agenda.note(Phase::Closing, 3, at(6));
        agenda.note(Phase::Closing, 3, at(20));
        assert_eq!(agenda.take(both(6), now), [look(Phase::Closing, 3, 6)]);
    }
}
