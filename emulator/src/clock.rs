//! The one place that reads the clock. Everything that decides takes the time
//! as an argument.

use std::ops::Add;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A time in microseconds since the Unix epoch: the unit in which dynoxide
/// stamps its stream sequence numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Micros(pub(crate) u64);

impl Micros {
    /// Time from `earlier` to this; zero if `earlier` is later.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// This time less `duration`, not below the epoch.
    pub(crate) fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration.as_micros() as u64))
    }
}

impl Add<Duration> for Micros {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_micros() as u64))
    }
}

/// The wall clock, which dynoxide's sequence numbers follow too.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn now() -> Micros {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Micros(since_epoch.as_micros() as u64)
}
