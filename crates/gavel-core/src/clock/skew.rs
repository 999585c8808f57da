//! How far this clock is ahead of another one that shows whole seconds. Pure.
//!
//! An answer with `Date: D` was made while the other clock showed a time between D and D + 1 s, and
//! this clock one between those of the request and the answer. So each answer bounds the
//! difference, and answers at different moments of a second together bound it to a few
//! milliseconds.

use std::time::{Duration, Instant};

/// How long an answer counts, because clocks drift and are set.
const WINDOW: Duration = Duration::from_secs(60);
/// The number of answers from which on the bounds are trusted: a single one may be old, from a
/// cache in between.
const SAMPLES_MIN: u32 = 3;

/// An answer with a date. Times in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Time of this clock before the request.
    pub sent_us: i64,
    /// Time of this clock after the answer.
    pub received_us: i64,
    /// The date in the answer, in seconds.
    pub date_s: i64,
}

/// Bounds of the difference, in microseconds that this clock is ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bounds {
    low_us: i64,
    high_us: i64,
    samples: u32,
}

impl Bounds {
    fn of(sample: Sample) -> Self {
        let date_us = sample.date_s.saturating_mul(1_000_000);
        Self {
            low_us: sample.sent_us - date_us - 1_000_000,
            high_us: sample.received_us - date_us,
            samples: 1,
        }
    }

    /// The intersection; `None` if they contradict each other.
    fn and(self, other: Self) -> Option<Self> {
        let both = Self {
            low_us: self.low_us.max(other.low_us),
            high_us: self.high_us.min(other.high_us),
            samples: self.samples + other.samples,
        };
        (both.low_us <= both.high_us).then_some(both)
    }
}

/// An estimate of the difference between two clocks.
#[derive(Debug, Default)]
pub struct Skew {
    /// The bounds of the current window, and its start.
    current: Option<(Bounds, Instant)>,
    /// The bounds of the previous window.
    previous: Option<Bounds>,
}

impl Skew {
    /// Takes an answer.
    pub fn take(&mut self, sample: Sample, now: Instant) {
        let sample = Bounds::of(sample);
        let Some((bounds, since)) = self.current else {
            self.current = Some((sample, now));
            return;
        };
        match bounds.and(sample) {
            // One of the clocks was set.
            None => *self = Self { current: Some((sample, now)), previous: None },
            Some(both) if now.duration_since(since) < WINDOW => self.current = Some((both, since)),
            Some(both) => *self = Self { current: Some((sample, now)), previous: Some(both) },
        }
    }

    /// Forgets all answers: this clock was set.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// The least that this clock is ahead, in microseconds; negative: behind. 0 if the answers are
    /// consistent with a correct clock.
    pub fn ahead_us(&self) -> i64 {
        let Some((current, _)) = self.current else { return 0 };
        let both = self.previous.map_or(Some(current), |previous| previous.and(current));
        let bounds = both.unwrap_or(current);
        match bounds {
            Bounds { samples, .. } if samples < SAMPLES_MIN => 0,
            Bounds { low_us, .. } if low_us > 0 => low_us,
            Bounds { high_us, .. } if high_us < 0 => high_us,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Answers by a clock that is right to one that is ahead by so much, over some seconds.
    fn answers(ahead_us: i64, at_us: impl IntoIterator<Item = i64>, took_us: i64) -> Skew {
        let (mut skew, start) = (Skew::default(), Instant::now());
        for true_us in at_us {
            let sent_us = true_us + ahead_us;
            // The answer is dated on its way back.
            let date_s = (true_us + took_us / 2).div_euclid(1_000_000);
            let now = start + Duration::from_micros(true_us.unsigned_abs());
            skew.take(Sample { sent_us, received_us: sent_us + took_us, date_s }, now);
        }
        skew
    }

    #[test]
    fn a_clock_that_is_far_off_is_known_to_some_milliseconds() {
        let times = || (0..30).map(|n| n * 2_130_000);
        for ahead_us in [3_600_000_000, -3_600_000_000, 700_000, -700_000] {
            let least = answers(ahead_us, times(), 4_000).ahead_us();
            assert_eq!(least.signum(), ahead_us.signum(), "{least}");
            assert!((ahead_us.abs() - 100_000..=ahead_us.abs()).contains(&least.abs()), "{least}");
        }
        assert_eq!(answers(0, times(), 4_000).ahead_us(), 0);
    }

    #[test]
    fn a_clock_that_is_put_right_is_right_after_some_answers() {
        let (mut skew, start) = (Skew::default(), Instant::now());
        let mut answer = |second: i64, ahead_s: i64| {
            let sent_us = (second + ahead_s) * 1_000_000 + 300_000;
            let sample = Sample { sent_us, received_us: sent_us + 2_000, date_s: second };
            skew.take(sample, start + Duration::from_secs(second.unsigned_abs()));
            skew.ahead_us() / 1_000_000
        };
        assert_eq!([1, 2, 3, 4].map(|second| answer(second, 60)), [0, 0, 59, 59]);
        assert_eq!([5, 6, 7, 8].map(|second| answer(second, 0)), [0, 0, 0, 0]);
    }

    #[test]
    fn one_answer_that_was_kept_somewhere_is_no_alarm() {
        let (mut skew, start) = (Skew::default(), Instant::now());
        for second in 0..20 {
            let sent_us = second * 1_000_000 + 500_000;
            let date_s = if second == 10 { 0 } else { second };
            skew.take(Sample { sent_us, received_us: sent_us + 1_000, date_s }, start);
            assert_eq!(skew.ahead_us(), 0, "second {second}");
        }
    }

    proptest! {
        /// Whatever the answers, no more is reported than there is.
        #[test]
        fn a_difference_is_never_overstated(
            ahead_us in -5_000_000_i64..5_000_000,
            steps_us in prop::collection::vec(0_i64..4_000_000, 1..60),
            took_us in 0_i64..900_000,
        ) {
            let times = steps_us.iter().scan(0, |at, step| { *at += step; Some(*at) });
            let least = answers(ahead_us, times, took_us).ahead_us();
            prop_assert!(least == 0 || least.signum() == ahead_us.signum());
            prop_assert!(least.abs() <= ahead_us.abs());
        }
    }
}
