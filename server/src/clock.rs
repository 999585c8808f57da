//! The clock: wall time in microseconds that never steps back.
//!
//! Hops are differences of stamps, so a stamp must not jump when the machine's time is adjusted:
//! wall time is read once, and elapsed monotonic time is added to it.

use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::auction::Timestamp;

static START: LazyLock<(Instant, i64)> = LazyLock::new(|| (Instant::now(), wall_us()));

/// The time now, for stamps that are compared with those of other machines.
pub fn now() -> Timestamp {
    let (start, wall_us) = *START;
    let elapsed_us = i64::try_from(start.elapsed().as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(wall_us.saturating_add(elapsed_us))
}

#[expect(clippy::disallowed_methods, reason = "the one place where wall time is read")]
fn wall_us() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}
