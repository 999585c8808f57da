//! A constant and a lognormal tail, fitted to measured times: what the emulator draws from. Pure.

use dynamodb_emulator::Delay;
use serde::{Deserialize, Serialize};

use crate::measure::latency::Latency;

/// The standard normal distribution at these percentiles.
const NORMAL: [(f64, f64); 6] = [
    (10.0, -1.281_552),
    (25.0, -0.674_490),
    (50.0, 0.0),
    (75.0, 0.674_490),
    (90.0, 1.281_552),
    (99.0, 2.326_348),
];
/// A median of nearly nothing has no tail that a number could say.
const SIGMA_MAX: f64 = 5.0;
const NORMAL_P90: f64 = 1.281_552;

/// A fitted delay, and how well it fits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// What was fitted.
    pub delay: Delay,
    /// The number of samples.
    pub n: u64,
    /// The largest difference of a fitted and a measured percentile from 10 to 99, as a share of the
    /// measured one.
    pub error: f64,
}

impl Fit {
    /// Fits the percentiles 10, 50 and 90. `None`: there are too few samples for them.
    pub fn of(samples: &Latency) -> Option<Self> {
        let ms = |percentile: f64| Some(samples.percentile(percentile)? as f64 / 1e3);
        let delay = fitted(ms(10.0)?, ms(50.0)?, ms(90.0)?);
        let off = |(percentile, deviations): (f64, f64)| {
            let measured = ms(percentile).filter(|measured| *measured > 0.0)?;
            Some((at(delay, deviations) / measured - 1.0).abs())
        };
        let error = NORMAL.into_iter().filter_map(off).fold(0.0, f64::max);
        Some(Self { delay, n: samples.n(), error })
    }

    /// The fitted percentiles 50 and 99, in milliseconds.
    pub fn percentiles_ms(&self) -> (f64, f64) {
        (at(self.delay, 0.0), at(self.delay, NORMAL[5].1))
    }
}

fn at(delay: Delay, deviations: f64) -> f64 {
    delay.base_ms + delay.tail_median_ms * (delay.tail_sigma * deviations).exp()
}

/// The three percentiles determine the three parameters: what lies below the median and above it are
/// to each other as the tail's logarithm says.
fn fitted(p10: f64, p50: f64, p90: f64) -> Delay {
    let skew = p10 + p90 - 2.0 * p50;
    let base_ms = if skew > 0.0 { (p10 * p90 - p50 * p50) / skew } else { 0.0 };
    // Times are not negative; and a tail that leans to the left is none.
    let base_ms = base_ms.clamp(0.0, p10.max(0.0));
    let tail_median_ms = p50 - base_ms;
    if p90 <= p50 {
        return Delay { base_ms: p50, tail_median_ms: 0.0, tail_sigma: 0.0 };
    }
    if tail_median_ms <= 0.0 {
        // Half of them take the shortest time: without a constant, the tail begins there.
        let tail_sigma = (p90 / p50.max(f64::MIN_POSITIVE)).ln() / NORMAL_P90;
        return Delay { base_ms: 0.0, tail_median_ms: p50, tail_sigma: tail_sigma.min(SIGMA_MAX) };
    }
    let tail_sigma = ((p90 - base_ms) / tail_median_ms).ln() / NORMAL_P90;
    Delay { base_ms, tail_median_ms, tail_sigma }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Samples that lie as the delay says, evenly in their ranks.
    fn drawn(delay: Delay) -> Latency {
        let mut latency = Latency::default();
        // The inverse of the normal distribution by its logistic approximation is too rough: by search.
        for rank in 1..2_000 {
            let share = f64::from(rank) / 2_000.0;
            latency.add((at(delay, deviations(share)) * 1e3) as i64);
        }
        latency
    }

    fn deviations(share: f64) -> f64 {
        let below = |x: f64| {
            // Abramowitz and Stegun, 26.2.17.
            let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
            let poly = t
                * (0.319_381_53
                    + t * (-0.356_563_78 + t * (1.781_477_9 + t * (-1.821_256 + t * 1.330_274_4))));
            let tail = (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * poly;
            if x >= 0.0 { 1.0 - tail } else { tail }
        };
        let (mut low, mut high) = (-5.0, 5.0);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if below(middle) < share { low = middle } else { high = middle }
        }
        low
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_delay_is_found_again(base_ms in 1.0..100.0_f64, median in 2.0..60.0_f64, sigma in 0.3..1.4_f64) {
            let delay = Delay { base_ms, tail_median_ms: median, tail_sigma: sigma };
            let fit = Fit::of(&drawn(delay)).unwrap();
            let (p50, p99) = fit.percentiles_ms();
            let (true_p50, true_p99) = (at(delay, 0.0), at(delay, NORMAL[5].1));
            prop_assert!((p50 / true_p50 - 1.0).abs() < 0.02, "{fit:?}");
            prop_assert!((p99 / true_p99 - 1.0).abs() < 0.10, "{fit:?} of {delay:?}");
            prop_assert!(fit.error < 0.10 && fit.delay.is_valid(), "{fit:?}");
        }

        #[test]
        fn whatever_is_measured_gives_a_valid_delay(p10 in 0.0..50.0_f64, more in 0.0..50.0_f64, most in 0.0..500.0_f64) {
            let (p50, p90) = (p10 + more, p10 + more + most);
            let delay = fitted(p10, p50, p90);
            prop_assert!(delay.is_valid(), "{delay:?}");
            prop_assert!((at(delay, 0.0) - p50).abs() < 1e-6, "{delay:?}");
            // Half of them at the shortest time: what the others take is kept.
            let flat = fitted(p10 + 1.0, p10 + 1.0, p10 + 1.0 + most);
            prop_assert!((at(flat, NORMAL_P90) - (p10 + 1.0 + most)).abs() < 1e-6, "{flat:?}");
        }
    }

    #[test]
    fn too_few_samples_are_not_fitted_and_what_does_not_vary_has_no_tail() {
        assert_eq!(Fit::of(&Latency::default()), None);
        let mut same = Latency::default();
        (0..200).for_each(|_| same.add(5_000));
        let fit = Fit::of(&same).unwrap();
        assert!((fit.delay.base_ms - 5.0).abs() < 0.02 && fit.delay.tail_median_ms.abs() < 0.01);
        assert!(fit.error < 0.01, "{fit:?}");
    }
}
