//! The sequencer takes items from any source in any order, and emits 1, 2, 3 ..., each once. Pure.
//!
//! What is missing in a gap is always committed already: the wait before reading it from the table
//! only saves a read.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::fault_injection::{self, Fault};
use tokio::time::Instant;

/// Puts one topic's items in order.
#[derive(Debug)]
pub struct Sequencer<T> {
    /// The last number emitted; `None` until [`Sequencer::start`].
    position: Option<u64>,
    /// The highest number seen or counted.
    known: u64,
    /// The auction's own counter as last known: every number up to it is committed.
    counted: u64,
    /// Items that arrived early.
    early: BTreeMap<u64, T>,
    early_max: usize,
    /// When something known began to be missing.
    gap_since: Option<Instant>,
}

impl<T> Sequencer<T> {
    /// A sequencer that does not know its position yet; it keeps at most `early_max` early items.
    pub fn new(early_max: usize) -> Self {
        Self {
            position: None,
            known: 0,
            counted: 0,
            early: BTreeMap::new(),
            early_max,
            gap_since: None,
        }
    }

    /// The last number emitted, once started.
    pub fn position(&self) -> Option<u64> {
        self.position
    }

    /// The number up to which each is known to be committed.
    pub fn counted(&self) -> u64 {
        self.counted
    }

    /// Sets the position, once; returns what can be emitted after it.
    pub fn start(&mut self, position: u64, now: Instant) -> Vec<T> {
        assert!(self.position.is_none(), "a sequencer starts once");
        self.position = Some(position);
        self.known = self.known.max(position);
        self.counted = self.counted.max(position);
        self.early = self.early.split_off(&(position + 1));
        self.emit(now)
    }

    /// Takes an item; returns what can be emitted, in order. A duplicate number is dropped.
    pub fn offer(&mut self, number: u64, item: T, now: Instant) -> Vec<T> {
        self.known = self.known.max(number);
        if self.position.is_some_and(|position| number <= position) {
            return if fault_injection::is(Fault::Dedupe) { vec![item] } else { Vec::new() };
        }
        let next = self.position.map(|position| position + 1);
        if Some(number) == next || self.early.len() < self.early_max {
            self.early.entry(number).or_insert(item);
        } else if let Some(last) = self.early.last_entry()
            && number < *last.key()
        {
            // Full: items closer to the position are worth more; dropped ones are read from the
            // table.
            last.remove();
            self.early.insert(number, item);
        }
        self.emit(now)
    }

    /// Notes that everything up to a number is committed, from the auction's own counter.
    pub fn committed_up_to(&mut self, number: u64, now: Instant) {
        self.known = self.known.max(number);
        self.counted = self.counted.max(number);
        self.note_gap(now);
    }

    /// Gives up on what is missing up to a number, because it will never come. Items at hand, and
    /// numbers beyond the counter, are kept; returns what can be emitted.
    pub fn give_up(&mut self, to: u64, now: Instant) -> Vec<T> {
        let Some(position) = self.position else { return Vec::new() };
        let next = self.early.first_key_value().map_or(u64::MAX, |(number, _)| *number);
        let to = to.min(self.counted).min(next - 1);
        if to > position {
            self.position = Some(to);
            self.gap_since = None;
        }
        self.emit(now)
    }

    /// The number after which to read from the table, if something known has been missing for
    /// longer than `patience`.
    pub fn gap(&self, patience: Duration, now: Instant) -> Option<u64> {
        let since = self.gap_since?;
        (now.saturating_duration_since(since) >= patience).then_some(self.position?)
    }

    fn emit(&mut self, now: Instant) -> Vec<T> {
        let Some(mut position) = self.position else { return Vec::new() };
        let mut emitted = Vec::new();
        while let Some(item) = self.early.remove(&(position + 1)) {
            position += 1;
            emitted.push(item);
        }
        if !emitted.is_empty() {
            self.position = Some(position);
            // What is still missing is another gap, with its own patience.
            self.gap_since = None;
        }
        self.note_gap(now);
        emitted
    }

    fn note_gap(&mut self, now: Instant) {
        match self.position {
            Some(position) if self.known > position => {
                self.gap_since.get_or_insert(now);
            }
            _ => self.gap_since = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONE: Vec<u64> = Vec::new();

    fn started(position: u64) -> (Sequencer<u64>, Instant) {
        let now = Instant::now();
        let mut sequencer = Sequencer::new(8);
        assert_eq!(sequencer.start(position, now), NONE);
        (sequencer, now)
    }

    #[test]
    fn items_that_come_early_wait_for_those_before_them() {
        let (mut sequencer, now) = started(4);
        assert_eq!(sequencer.offer(6, 6, now), NONE);
        assert_eq!(sequencer.offer(7, 7, now), NONE);
        assert_eq!(sequencer.offer(5, 5, now), vec![5, 6, 7]);
        assert_eq!(sequencer.position(), Some(7));
    }

    #[test]
    fn a_repeated_item_is_dropped() {
        let (mut sequencer, now) = started(0);
        assert_eq!(sequencer.offer(1, 1, now), vec![1]);
        assert_eq!(sequencer.offer(1, 1, now), NONE);
    }

    #[test]
    fn a_gap_is_reported_after_patience_and_forgotten_when_it_closes() {
        let (mut sequencer, now) = started(0);
        let patience = Duration::from_millis(10);
        sequencer.offer(2, 2, now);
        assert_eq!(sequencer.gap(patience, now), None);
        assert_eq!(sequencer.gap(patience, now + patience), Some(0));
        assert_eq!(sequencer.offer(1, 1, now), vec![1, 2]);
        assert_eq!(sequencer.gap(patience, now + patience), None);
    }

    #[test]
    fn a_lost_tail_is_a_gap_once_the_counter_tells_of_it() {
        let (mut sequencer, now) = started(3);
        sequencer.committed_up_to(5, now);
        assert_eq!(sequencer.gap(Duration::ZERO, now), Some(3));
    }

    #[test]
    fn what_is_given_up_is_passed_and_nothing_else() {
        let (mut sequencer, now) = started(3);
        assert_eq!(sequencer.give_up(9, now), NONE, "nothing is known to be missing");
        assert_eq!(sequencer.position(), Some(3));
        sequencer.offer(6, 6, now);
        assert_eq!(sequencer.give_up(9, now), NONE, "the fourth may still be committed");
        assert_eq!(sequencer.gap(Duration::ZERO, now), Some(3));
        sequencer.committed_up_to(9, now);
        assert_eq!(sequencer.give_up(4, now), NONE, "the fifth is still waited for");
        assert_eq!(sequencer.gap(Duration::ZERO, now), Some(4));
        assert_eq!(sequencer.give_up(u64::MAX, now), vec![6], "what is at hand is emitted");
        assert_eq!(sequencer.give_up(u64::MAX, now), NONE);
        assert_eq!((sequencer.position(), sequencer.gap(Duration::ZERO, now)), (Some(9), None));
        assert_eq!(sequencer.offer(8, 8, now), NONE, "its turn is over");
    }

    #[test]
    fn what_comes_before_the_start_is_kept_for_it() {
        let now = Instant::now();
        let mut sequencer = Sequencer::new(8);
        for number in [3, 5, 6] {
            assert_eq!(sequencer.offer(number, number, now), NONE);
        }
        assert_eq!(sequencer.start(4, now), vec![5, 6]);
    }

    proptest! {
        /// Whatever is lost, repeated and shuffled: what comes out is contiguous from the start,
        /// and a repair that reads from the reported gap completes it.
        #[test]
        fn emits_each_number_once_and_in_order(
            numbers in prop::collection::vec(1_u64..60, 0..200),
            start in 0_u64..10,
            start_after in 0_usize..20,
        ) {
            let now = Instant::now();
            let mut sequencer = Sequencer::new(8);
            let mut emitted = Vec::new();
            for (index, number) in numbers.iter().enumerate() {
                if index == start_after {
                    emitted.extend(sequencer.start(start, now));
                }
                emitted.extend(sequencer.offer(*number, *number, now));
            }
            if sequencer.position().is_none() {
                emitted.extend(sequencer.start(start, now));
            }
            let highest = numbers.iter().copied().max().unwrap_or(0).max(start);
            while let Some(after) = sequencer.gap(Duration::ZERO, now) {
                emitted.extend(sequencer.offer(after + 1, after + 1, now));
            }
            prop_assert_eq!(emitted, (start + 1..=highest).collect::<Vec<_>>());
        }
    }
}
