//! The clock: wall time in microseconds that never steps back during a run.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

static START: LazyLock<(Instant, i64)> = LazyLock::new(|| (Instant::now(), wall_us()));

/// Microseconds since the epoch.
pub fn now_us() -> i64 {
    let (start, wall_us) = *START;
    wall_us.saturating_add(i64::try_from(start.elapsed().as_micros()).unwrap_or(i64::MAX))
}

/// How long until a time; zero if it has passed.
pub fn until(at_us: i64) -> Duration {
    Duration::from_micros(u64::try_from(at_us.saturating_sub(now_us())).unwrap_or(0))
}

#[expect(clippy::disallowed_methods, reason = "the one place where wall time is read")]
fn wall_us() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}
