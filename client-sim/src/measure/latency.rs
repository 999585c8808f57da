//! Latencies: percentiles with their n, and none with too few samples.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// A percentile with fewer samples beyond it is not reported.
const BEYOND_MIN: u64 = 10;
/// The points of a percentile plot: their number, and the step to the next one, in decades towards
/// 100 %.
const CURVE_STEPS: i32 = 80;
const CURVE_STEP: f64 = 0.05;
const FIRST_BUCKET_US: u64 = 10;
/// One hour: more than any run's time-outs together.
const MAX_US: u64 = 3_600_000_000;

/// Samples of one latency, in microseconds, kept with three significant digits.
#[derive(Debug, Clone)]
pub struct Latency {
    histogram: Histogram<u64>,
    max_us: u64,
}

/// The reported figures of a latency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The number of samples.
    pub n: u64,
    /// The median.
    pub p50: Option<u64>,
    /// 90 %.
    pub p90: Option<u64>,
    /// 95 %.
    pub p95: Option<u64>,
    /// 99 %.
    pub p99: Option<u64>,
    /// 99.9 %.
    pub p999: Option<u64>,
    /// The maximum; `None` without samples.
    pub max: Option<u64>,
}

impl Default for Latency {
    fn default() -> Self {
        let histogram = Histogram::new_with_max(MAX_US, 3).expect("the bounds are valid");
        Self { histogram, max_us: 0 }
    }
}

impl Latency {
    /// Adds a sample. A negative time, possible with clocks that differ a little, counts as zero.
    pub fn add(&mut self, us: i64) {
        let us = u64::try_from(us).unwrap_or(0);
        self.max_us = self.max_us.max(us);
        self.histogram.saturating_record(us);
    }

    /// Adds all samples of another one.
    pub fn merge(&mut self, other: &Self) {
        self.max_us = self.max_us.max(other.max_us);
        self.histogram.add(&other.histogram).expect("both have the same bounds");
    }

    /// The number of samples.
    pub fn n(&self) -> u64 {
        self.histogram.len()
    }

    /// A percentile between 0 and 100, if there are enough samples beyond it.
    pub fn percentile(&self, percentile: f64) -> Option<u64> {
        let n = self.n();
        let at_or_below = (n as f64 * percentile / 100.0).ceil() as u64;
        (n - at_or_below.min(n) >= BEYOND_MIN)
            .then(|| self.histogram.value_at_percentile(percentile))
    }

    /// The median, however few samples there are; 0 without any.
    pub fn median(&self) -> u64 {
        self.histogram.value_at_percentile(50.0)
    }

    /// Every percentile that a plot needs and that has enough samples, up to the maximum.
    pub fn curve(&self) -> Vec<(f64, u64)> {
        let beyond = (0..=CURVE_STEPS).map(|step| 10_f64.powf(-f64::from(step) * CURVE_STEP));
        let percents = beyond.map(|beyond| 100.0 * (1.0 - beyond));
        let told = percents.filter_map(|p| Some((p, self.percentile(p)?)));
        told.collect()
    }

    /// The number of samples up to each bound, in buckets that grow by a tenth.
    pub fn buckets(&self) -> Vec<(u64, u64)> {
        if self.n() == 0 {
            return Vec::new();
        }
        let log = self.histogram.iter_log(FIRST_BUCKET_US, 1.1);
        let counted =
            log.map(|bucket| (bucket.value_iterated_to(), bucket.count_since_last_iteration()));
        let mut counted: Vec<(u64, u64)> = counted.collect();
        let first = counted.iter().position(|(_, count)| *count > 0).unwrap_or(0);
        counted.drain(..first);
        counted
    }

    /// The maximum.
    pub fn max(&self) -> Option<u64> {
        (self.n() > 0).then_some(self.max_us)
    }

    /// The reported figures.
    pub fn summary(&self) -> Summary {
        Summary {
            n: self.n(),
            p50: self.percentile(50.0),
            p90: self.percentile(90.0),
            p95: self.percentile(95.0),
            p99: self.percentile(99.0),
            p999: self.percentile(99.9),
            max: self.max(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(n: i64) -> Latency {
        let mut latency = Latency::default();
        (1..=n).for_each(|us| latency.add(us));
        latency
    }

    #[test]
    fn a_percentile_needs_ten_samples_beyond_it() {
        assert_eq!(of(19).percentile(50.0), None);
        assert_eq!(of(20).percentile(50.0), Some(10));
        assert_eq!(of(999).percentile(99.0), None);
        assert_eq!(of(1000).percentile(99.0), Some(990));
        assert_eq!(of(1000).percentile(99.9), None);
    }

    #[test]
    fn the_maximum_is_exact_and_nothing_has_none() {
        let mut latency = of(3);
        latency.add(123_456_789);
        assert_eq!(latency.max(), Some(123_456_789));
        assert_eq!(Latency::default().summary().max, None);
        latency.add(-5);
        assert_eq!(latency.n(), 5);
    }
}
