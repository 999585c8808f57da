//! Rate limits per key: pure decisions, and a bounded table of keys.
//!
//! The state of a key is one time: when its full allowance is available again (the generic cell
//! rate algorithm). A key with its full allowance needs no entry.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use parking_lot::Mutex;

use gavel_core::auction::Timestamp;
use gavel_core::metrics::Counter;

use crate::limits;

/// A rate per second, with a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    interval: Duration,
    /// The burst is what accrues in this time.
    burst: Duration,
}

impl Rate {
    /// A rate. `None` for 0: no limit.
    pub fn per_second(count: u32) -> Option<Self> {
        let burst = Duration::from_secs(1);
        (count > 0).then(|| Self { interval: Duration::from_secs(1) / count, burst })
    }

    /// The same rate, with a burst of what accrues in this time.
    #[must_use]
    pub fn with_burst(self, burst: Duration) -> Self {
        Self { burst, ..self }
    }

    /// Decides whether this many more may happen now: returns when the full allowance is available
    /// again after them, or how long to wait.
    pub fn decide(
        self,
        whole_at: Option<Timestamp>,
        now: Timestamp,
        count: u64,
    ) -> Result<Timestamp, Duration> {
        let nanos = self.interval.as_nanos().saturating_mul(u128::from(count));
        let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let next = whole_at.unwrap_or(now).max(now).plus(cost);
        let owed = next.since(now);
        // A cost above the burst is possible too, but only with the full allowance.
        let most = self.burst.max(cost);
        if owed > most { Err(owed.saturating_sub(most)) } else { Ok(next) }
    }
}

/// A rate for each key. The table is bounded: a new key that finds it full waits a second.
#[derive(Debug)]
pub struct RateLimiter<K> {
    rate: Option<Rate>,
    keys: Mutex<Keys<K>>,
    full: Counter,
}

#[derive(Debug)]
struct Keys<K> {
    whole_at: HashMap<K, Timestamp>,
    tidied_at: Timestamp,
}

impl<K: Hash + Eq> RateLimiter<K> {
    /// A limiter; `None` limits nothing.
    pub fn new(rate: Option<Rate>) -> Self {
        let keys = Keys { whole_at: HashMap::new(), tidied_at: Timestamp::from_micros(0) };
        Self { rate, keys: Mutex::new(keys), full: Counter::default() }
    }

    /// Takes one for a key, or returns how long to wait.
    pub fn take(&self, key: K, now: Timestamp) -> Result<(), Duration> {
        self.take_many(key, 1, now)
    }

    /// Takes `count` for a key, or returns how long to wait.
    pub fn take_many(&self, key: K, count: u64, now: Timestamp) -> Result<(), Duration> {
        let Some(rate) = self.rate else { return Ok(()) };
        let mut keys = self.keys.lock();
        keys.tidy(now);
        let is_full = keys.whole_at.len() >= limits::RATE_KEYS_MAX;
        let known = keys.whole_at.get(&key).copied();
        if is_full && known.is_none() {
            self.full.inc();
            return Err(limits::RATE_TIDY_EVERY);
        }
        keys.whole_at.insert(key, rate.decide(known, now, count)?);
        Ok(())
    }

    /// How often a key found the table full.
    pub fn full(&self) -> u64 {
        self.full.get()
    }

    /// The number of remembered keys.
    pub fn len(&self) -> usize {
        self.keys.lock().whole_at.len()
    }

    /// Whether no key is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K: Hash + Eq> Keys<K> {
    fn tidy(&mut self, now: Timestamp) {
        if now.since(self.tidied_at) >= limits::RATE_TIDY_EVERY {
            self.tidied_at = now;
            self.whole_at.retain(|_, whole_at| *whole_at > now);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn at(ms: u64) -> Timestamp {
        NOW.plus(Duration::from_millis(ms))
    }

    #[test]
    fn a_second_s_worth_may_happen_at_once_and_then_as_it_comes_back() {
        let limiter = RateLimiter::new(Rate::per_second(4));
        for _ in 0..4 {
            assert_eq!(limiter.take("ann", NOW), Ok(()));
        }
        assert_eq!(limiter.take("ann", NOW), Err(Duration::from_millis(250)));
        assert_eq!(limiter.take("bob", NOW), Ok(()), "each key has its own");
        assert_eq!(limiter.take("ann", at(249)), Err(Duration::from_millis(1)));
        assert_eq!(limiter.take("ann", at(250)), Ok(()));
        assert!(limiter.take("ann", at(250)).is_err(), "a refusal costs nothing, a success one");
    }

    #[test]
    fn many_at_once_take_as_much_as_one_by_one() {
        let burst = Duration::from_secs(2);
        let limiter = RateLimiter::new(Rate::per_second(100).map(|rate| rate.with_burst(burst)));
        assert_eq!(limiter.take_many("ann", 150, NOW), Ok(()));
        assert_eq!(limiter.take_many("ann", 51, NOW), Err(Duration::from_millis(10)));
        assert_eq!(limiter.take_many("ann", 50, NOW), Ok(()));
        assert!(limiter.take("ann", NOW).is_err());
        assert_eq!(limiter.take_many("bob", 1000, NOW), Ok(()), "once, with nothing taken before");
        assert_eq!(limiter.take("bob", at(7_990)), Err(Duration::from_millis(20)));
    }

    #[test]
    fn no_rate_limits_nothing() {
        let limiter = RateLimiter::new(Rate::per_second(0));
        assert!((0..10_000).all(|_| limiter.take("ann", NOW).is_ok()));
        assert!(limiter.is_empty());
    }

    #[test]
    fn keys_are_forgotten_once_their_allowance_is_whole_and_never_exceed_their_bound() {
        let limiter = RateLimiter::new(Rate::per_second(10));
        let taken = (0..limits::RATE_KEYS_MAX + 10).filter(|n| limiter.take(*n, NOW).is_ok());
        assert_eq!(taken.count(), limits::RATE_KEYS_MAX);
        assert_eq!(limiter.take(0, NOW), Ok(()), "a known key goes on");
        assert_eq!(limiter.take(usize::MAX, at(2000)), Ok(()));
        assert_eq!(limiter.len(), 1);
    }

    proptest! {
        #[test]
        fn in_any_second_at_most_twice_the_rate_happens(
            rate in 1_u32..50,
            gaps_ms in prop::collection::vec(0_u64..200, 1..300),
        ) {
            let limiter = RateLimiter::new(Rate::per_second(rate));
            let mut now = 0;
            let mut taken: Vec<u64> = Vec::new();
            for gap in gaps_ms {
                now += gap;
                if limiter.take((), at(now)).is_ok() {
                    taken.push(now);
                }
            }
            for start in &taken {
                let within = taken.iter().filter(|at| **at >= *start && **at < start + 1000).count();
                prop_assert!(within <= 2 * rate as usize, "{within} in a second at {rate}/s");
            }
        }
    }
}
