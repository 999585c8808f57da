//! How fast one partition key may be written: one token bucket per key, pure.

use std::collections::HashMap;

use crate::clock::Micros;

/// Keys remembered; a bucket that has filled up again is forgotten first.
const KEYS_MAX: usize = 10_000;

#[derive(Debug, Clone, Copy)]
struct Level {
    units: f64,
    at: Micros,
}

/// Write units a second for each partition key, with one second's worth in hand.
#[derive(Debug)]
pub(crate) struct Buckets {
    units_per_second: f64,
    levels: HashMap<String, Level>,
}

impl Buckets {
    pub(crate) fn new(units_per_second: u32) -> Self {
        Self { units_per_second: f64::from(units_per_second), levels: HashMap::new() }
    }

    /// Takes the units of one request, all or none; `false` is throttled.
    ///
    /// As on AWS the request that empties the bucket passes: it may go below
    /// zero, and what it owes delays the next one.
    pub(crate) fn take(&mut self, wanted: &HashMap<&str, u32>, now: Micros) -> bool {
        if wanted.keys().any(|key| self.level(key, now) <= 0.0) {
            return false;
        }
        for (key, units) in wanted {
            let units = self.level(key, now) - f64::from(*units);
            self.levels.insert((*key).to_owned(), Level { units, at: now });
        }
        if self.levels.len() > KEYS_MAX {
            let (rate, full) = (self.units_per_second, self.units_per_second);
            self.levels.retain(|_, level| refilled(*level, now, rate) < full);
        }
        true
    }

    fn level(&self, key: &str, now: Micros) -> f64 {
        let rate = self.units_per_second;
        self.levels.get(key).map_or(rate, |level| refilled(*level, now, rate))
    }
}

fn refilled(level: Level, now: Micros, units_per_second: f64) -> f64 {
    let gained = now.since(level.at).as_secs_f64() * units_per_second;
    (level.units + gained).min(units_per_second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn a_key_is_throttled_alone_and_recovers() {
        let mut buckets = Buckets::new(1_000);
        let mut take = |key, units, ms| {
            let now = Micros(0) + Duration::from_millis(ms);
            buckets.take(&HashMap::from([(key, units)]), now)
        };
        assert!(take("hot", 999, 0));
        assert!(take("hot", 201, 0), "the request that empties it passes");
        assert!(!take("hot", 1, 0));
        assert!(take("cold", 1, 0));
        assert!(!take("hot", 1, 199), "200 units are owed");
        assert!(take("hot", 1, 202));
    }

    proptest! {
        #[test]
        fn no_key_is_written_faster_than_its_rate(
            requests in prop::collection::vec((0..20_u64, 1..400_u32), 1..300),
        ) {
            let mut buckets = Buckets::new(1_000);
            let (mut now, mut written) = (Micros(5), 0_u64);
            for (wait_ms, units) in requests {
                now = now + Duration::from_millis(wait_ms);
                if buckets.take(&HashMap::from([("key", units)]), now) {
                    written += u64::from(units);
                }
                // One second in hand, and one request that may overdraw.
                let allowed = 1_000.0 * now.since(Micros(5)).as_secs_f64() + 1_000.0 + 400.0;
                prop_assert!(written as f64 <= allowed);
            }
        }
    }
}
