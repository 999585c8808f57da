//! The handler that a modelled event source mapping invokes: how long it takes, at which records it
//! fails, and its counts. Pure: randomness is an argument.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::mapping::{Answer, Failure, Item, Settings};

/// The counts of a handler and its mapping.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Invocations.
    pub invocations: u64,
    /// Invocations that began with a cold start.
    pub cold_starts: u64,
    /// Invocations that failed, or reported that some of their records did.
    pub failed: u64,
    /// Records that the handler processed, including repeats.
    pub handled: u64,
    /// Of these, records that it had processed before.
    pub replayed: u64,
    /// Records that the mapping gave up on.
    pub given_up: u64,
    /// The longest time from a first failure until the shard moved on, in milliseconds.
    pub stood_still_ms_max: u64,
}

/// The handler of one line.
#[derive(Debug)]
pub struct Handler {
    settings: Settings,
    warm: bool,
    /// Records of the current batches that it was given before.
    given: HashSet<String>,
    /// The remaining failures of the script.
    script: VecDeque<Failure>,
    /// The records that fail, and how often they still do; `None`: always.
    bad: HashMap<String, Option<u32>>,
    /// Records processed in a batch that is not done yet.
    before: HashSet<String>,
    /// Its counts.
    pub tally: Tally,
}

/// What one invocation does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The number of records that it processes before it answers.
    pub handled: usize,
    /// Its answer.
    pub answer: Answer,
    /// Whether its instance is new.
    pub cold: bool,
}

impl Handler {
    /// A new handler.
    pub fn new(settings: Settings) -> Self {
        let script = settings.failures.iter().copied().collect();
        Self {
            settings,
            warm: false,
            given: HashSet::new(),
            script,
            bad: HashMap::new(),
            before: HashSet::new(),
            tally: Tally::default(),
        }
    }

    /// Invokes it with these records. `random` is called for each decision, uniformly from 0 to 1.
    pub fn invoke<R>(&mut self, items: &[Item<R>], mut random: impl FnMut() -> f64) -> Invocation {
        let cold = !self.warm || random() < self.settings.cold_start_rate;
        self.warm = true;
        self.tally.invocations += 1;
        self.tally.cold_starts += u64::from(cold);
        self.choose_bad(items);
        self.given.extend(items.iter().map(|item| item.id.clone()));
        let fails_at = items
            .iter()
            .position(|item| self.script_fails(&item.id) || random() < self.settings.failure_rate);
        let handled = fails_at.unwrap_or(items.len());
        for item in &items[..handled] {
            self.tally.handled += 1;
            self.tally.replayed += u64::from(!self.before.insert(item.id.clone()));
        }
        let answer = match fails_at {
            None => Answer::Success,
            Some(at) if self.settings.report_batch_item_failures => {
                Answer::ItemFailures(vec![items[at].id.clone()])
            }
            Some(_) => Answer::Failed,
        };
        self.tally.failed += u64::from(fails_at.is_some());
        Invocation { handled, answer, cold }
    }

    /// Forgets records that do not come again.
    pub fn forget<R>(&mut self, done: &[Item<R>]) {
        for item in done {
            self.given.remove(&item.id);
            self.bad.remove(&item.id);
            self.before.remove(&item.id);
        }
    }

    /// Records that its shard made no progress for this long.
    pub fn stood_still(&mut self, time: Duration) {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.tally.stood_still_ms_max = self.tally.stood_still_ms_max.max(ms);
    }

    /// Assigns the next failure of the script to its record, once the previous one is over.
    fn choose_bad<R>(&mut self, items: &[Item<R>]) {
        let Some(failure) = self.script.front().filter(|_| self.bad.is_empty()) else { return };
        let item = items.get(failure.record - 1);
        if let Some(item) = item.filter(|item| !self.given.contains(&item.id)) {
            self.bad.insert(item.id.clone(), failure.times);
            self.script.pop_front();
        }
    }

    fn script_fails(&mut self, id: &str) -> bool {
        match self.bad.get_mut(id) {
            None | Some(Some(0)) => false,
            Some(None) => true,
            Some(Some(times)) => {
                *times -= 1;
                true
            }
        }
    }
}

impl Tally {
    /// Adds the counts of a line since `before`.
    pub fn add(&mut self, before: &Self, after: &Self) {
        self.invocations += after.invocations - before.invocations;
        self.cold_starts += after.cold_starts - before.cold_starts;
        self.failed += after.failed - before.failed;
        self.handled += after.handled - before.handled;
        self.replayed += after.replayed - before.replayed;
        self.given_up += after.given_up - before.given_up;
        self.stood_still_ms_max = self.stood_still_ms_max.max(after.stood_still_ms_max);
    }
}
