//! Who reads a shard: AWS serves two readers and throttles more (SOURCES.md#streams). Pure.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::clock::Micros;

/// A reader that has not called for so long is gone.
const ACTIVE: Duration = Duration::from_secs(1);

/// The readers of a stream's shards.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    seen: HashMap<String, Vec<(u64, Micros)>>,
}

impl Readers {
    /// Whether `reader` may read `shard` now; `readers_max` may at once.
    ///
    /// Iterators of one chain are one reader; a new iterator is a new one.
    pub(crate) fn admit(
        &mut self,
        shard: &str,
        reader: u64,
        readers_max: usize,
        now: Micros,
    ) -> bool {
        if readers_max == 0 {
            return true;
        }
        let seen = self.seen.entry(shard.to_owned()).or_default();
        seen.retain(|(_, at)| now.since(*at) < ACTIVE);
        if let Some(known) = seen.iter_mut().find(|(known, _)| *known == reader) {
            known.1 = now;
            return true;
        }
        let admitted = seen.len() < readers_max;
        if admitted {
            seen.push((reader, now));
        }
        admitted
    }
}

/// Calls of the last second.
#[derive(Debug, Default)]
pub(crate) struct Recent(VecDeque<Micros>);

impl Recent {
    /// Whether one more call may be made; `per_second` may, 0: any number.
    pub(crate) fn admit(&mut self, per_second: u32, now: Micros) -> bool {
        if per_second == 0 {
            return true;
        }
        while self.0.front().is_some_and(|at| now.since(*at) >= Duration::from_secs(1)) {
            self.0.pop_front();
        }
        let admitted = self.0.len() < per_second as usize;
        if admitted {
            self.0.push_back(now);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_reader_is_throttled_until_one_of_the_two_has_gone() {
        let mut readers = Readers::default();
        let mut admit = |shard, reader, ms| {
            readers.admit(shard, reader, 2, Micros(0) + Duration::from_millis(ms))
        };
        assert!(admit("a", 1, 0));
        assert!(admit("a", 2, 500));
        assert!(!admit("a", 3, 600));
        assert!(admit("b", 3, 600), "another shard");
        assert!(admit("a", 1, 900));
        assert!(!admit("a", 3, 1_400));
        assert!(admit("a", 3, 1_600), "reader 2 has gone");
    }

    #[test]
    fn calls_are_counted_over_the_last_second() {
        let mut recent = Recent::default();
        let mut admit = |ms| recent.admit(2, Micros(0) + Duration::from_millis(ms));
        assert_eq!(
            [0, 10, 999, 1_000, 1_009, 1_010].map(&mut admit),
            [true, true, false, true, false, true]
        );
        assert!((0..100).all(|_| Recent::default().admit(0, Micros(0))));
    }
}
