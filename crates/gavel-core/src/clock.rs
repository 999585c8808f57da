//! The clock: wall time in microseconds that never steps back, unless the machine's clock was set.
//!
//! Hops are differences of timestamps, so a timestamp must not jump when the machine's clock is
//! adjusted slightly: wall time is read once, and elapsed monotonic time is added to it. A clock
//! that was wrong must not stay wrong after it is corrected, though: if wall time differs by more
//! than servers may, it is followed at once.

pub mod skew;

use std::sync::LazyLock;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::auction::Timestamp;
use crate::limits;

static START: LazyLock<(Instant, i64)> = LazyLock::new(|| (Instant::now(), wall_us()));
/// What was added since the start, because the machine's clock was set.
static SET_BY_US: AtomicI64 = AtomicI64::new(0);

/// The current time, for timestamps that are compared with those of other machines.
pub fn now() -> Timestamp {
    Timestamp::from_micros(since_start_us().saturating_add(SET_BY_US.load(Relaxed)))
}

/// Follows the machine's clock if it was set; returns by how many microseconds.
pub fn follow() -> Option<i64> {
    let set_by_us = SET_BY_US.load(Relaxed);
    let step_us = step(wall_us() - since_start_us().saturating_add(set_by_us))?;
    // Another task may have followed it at the same moment.
    let to = set_by_us.saturating_add(step_us);
    SET_BY_US.compare_exchange(set_by_us, to, Relaxed, Relaxed).is_ok().then_some(step_us)
}

/// The step to take when wall time is ahead by this much, if it is to be followed.
fn step(wall_ahead_us: i64) -> Option<i64> {
    let allowed_us = limits::CLOCK_SKEW_MAX.as_micros() as u64;
    (wall_ahead_us.unsigned_abs() > allowed_us).then_some(wall_ahead_us)
}

fn since_start_us() -> i64 {
    let (start, wall_us) = *START;
    let elapsed_us = i64::try_from(start.elapsed().as_micros()).unwrap_or(i64::MAX);
    wall_us.saturating_add(elapsed_us)
}

#[expect(clippy::disallowed_methods, reason = "the one place where wall time is read")]
fn wall_us() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_is_followed_and_one_that_is_adjusted_is_not() {
        for adjusted_us in [0, 1_000, -1_000, 500_000, -500_000] {
            assert_eq!(step(adjusted_us), None, "{adjusted_us}");
        }
        for set_us in [500_001, -500_001, 3_600_000_000, -3_600_000_000] {
            assert_eq!(step(set_us), Some(set_us));
        }
    }
}
