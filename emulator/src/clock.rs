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
        Self(self.0.saturating_sub(micros(duration)))
    }
}

impl Add<Duration> for Micros {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }
}

/// The longest span rather than a short one where it does not fit.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The wall clock, which dynoxide's sequence numbers follow too.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn now() -> Micros {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Micros(since_epoch.as_micros() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_beyond_all_times_ends_at_the_last_and_the_first() {
        // Times 1,000 and cut to 64 bits this would be no time at all.
        let span = Duration::from_millis(1 << 61);
        assert_eq!(Micros(5) + span, Micros(u64::MAX));
        assert_eq!(Micros(5).minus(span), Micros(0));
    }
}
