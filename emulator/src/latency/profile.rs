//! How long calls take: pure, sampled from a seeded source.

use std::time::Duration;

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::random;

/// The longest sample, in milliseconds.
const DELAY_MS_MAX: f64 = 60_000.0;
/// The 99th percentile of the standard normal distribution.
const NORMAL_P99: f64 = 2.326_347_9;

/// A random time: a constant and a lognormal tail, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Delay {
    /// The shortest time, in milliseconds.
    pub base_ms: f64,
    /// The median of the tail, in milliseconds; 0 for no tail.
    pub tail_median_ms: f64,
    /// The standard deviation of the tail's natural logarithm.
    pub tail_sigma: f64,
}

impl Delay {
    /// No delay.
    pub const NONE: Self = Self { base_ms: 0.0, tail_median_ms: 0.0, tail_sigma: 0.0 };

    /// Always `duration`.
    pub fn fixed(duration: Duration) -> Self {
        Self { base_ms: duration.as_secs_f64() * 1e3, ..Self::NONE }
    }

    /// Lognormal with these percentiles, in milliseconds.
    pub fn lognormal(p50_ms: f64, p99_ms: f64) -> Self {
        Self {
            base_ms: 0.0,
            tail_median_ms: p50_ms,
            tail_sigma: (p99_ms / p50_ms).ln() / NORMAL_P99,
        }
    }

    /// Whether every sample is zero.
    pub fn is_none(&self) -> bool {
        self.base_ms <= 0.0 && self.tail_median_ms <= 0.0
    }

    /// Whether each part is a finite number that is not negative.
    pub fn is_valid(&self) -> bool {
        [self.base_ms, self.tail_median_ms, self.tail_sigma]
            .iter()
            .all(|part| part.is_finite() && *part >= 0.0)
    }

    pub(crate) fn sample(&self, source: &mut impl Rng) -> Duration {
        let tail = if self.tail_median_ms > 0.0 {
            self.tail_median_ms * (self.tail_sigma * random::normal(source)).exp()
        } else {
            0.0
        };
        Duration::from_secs_f64((self.base_ms + tail).clamp(0.0, DELAY_MS_MAX) / 1e3)
    }
}

/// Which records stay in order on their way to the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// All records of a partition key, as AWS is usually observed to do.
    #[default]
    Partition,
    /// Records of one item only, which is all that AWS promises (SOURCES.md#streams):
    /// records of one transaction may come in any order.
    Item,
}

/// How a committed record travels to the stream.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Propagation {
    /// From commit to visible; one sample per partition key and 100 ms.
    pub delay: Delay,
    /// Added to each record individually, uniformly from 0, in milliseconds.
    pub spread_ms: f64,
    /// Which records stay in order.
    pub order: Order,
}

impl Propagation {
    /// Whether records are visible at once, in commit order.
    pub fn is_none(&self) -> bool {
        self.delay.is_none() && self.spread_ms <= 0.0
    }
}

/// How long each kind of call takes, and a record's way into the stream.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Latency {
    /// `TransactWriteItems`.
    pub transact: Delay,
    /// Other writes.
    pub write: Delay,
    /// Reads of tables.
    pub read: Delay,
    /// `GetRecords`, the round trip.
    pub get_records: Delay,
    /// Other calls of the Streams API.
    pub describe: Delay,
    /// Commit to visible in the stream.
    pub propagation: Propagation,
}

impl Latency {
    /// No delays.
    pub fn none() -> Self {
        Self::default()
    }

    /// The latencies published for AWS (SOURCES.md#latency).
    ///
    /// Transactions: the row of five items, p50 25.3 and p99 92.5 ms. Other writes, reads and the
    /// Streams API: the row of `PutItem`, p50 7.6 and p99 16.2 ms. Propagation: 75 ms and a tail
    /// that yields the published p90 and p99 of Streams to Lambda once a uniform poll of 0-250 ms
    /// is added. The published row includes Lambda's own `GetRecords`, so a path through this
    /// profile is about 8 ms too slow rather than too fast.
    pub fn aws() -> Self {
        let put_item = Delay::lognormal(7.6, 16.2);
        Self {
            transact: Delay::lognormal(25.3, 92.5),
            write: put_item,
            read: put_item,
            get_records: put_item,
            describe: put_item,
            propagation: Propagation {
                delay: Delay { base_ms: 75.0, tail_median_ms: 18.0, tail_sigma: 1.25 },
                spread_ms: 0.0,
                order: Order::Partition,
            },
        }
    }

    /// Whether every part is a finite number that is not negative.
    pub fn is_valid(&self) -> bool {
        [self.transact, self.write, self.read, self.get_records, self.describe]
            .iter()
            .chain([&self.propagation.delay])
            .all(Delay::is_valid)
            && self.propagation.spread_ms.is_finite()
            && self.propagation.spread_ms >= 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::{DELAY_MS_MAX, Delay, Latency};
    use crate::random;
    use proptest::prelude::*;

    fn percentiles_ms(mut samples: Vec<f64>, percentiles: [f64; 4]) -> [f64; 4] {
        samples.sort_by(f64::total_cmp);
        percentiles.map(|p| samples[(p / 100.0 * samples.len() as f64) as usize])
    }

    fn assert_near(measured: f64, published: f64, share: f64) {
        let off = (measured / published - 1.0).abs();
        assert!(off <= share, "{measured:.1} is {:.0} % off {published}", off * 100.0);
    }

    #[test]
    fn the_aws_profile_gives_the_published_write_percentiles_back() {
        let mut source = random::stream(1, "test");
        let mut draw = |delay: Delay| {
            let samples = (0..50_000).map(|_| delay.sample(&mut source).as_secs_f64() * 1e3);
            percentiles_ms(samples.collect(), [10.0, 50.0, 90.0, 99.0])
        };
        let [_, p50, _, p99] = draw(Latency::aws().transact);
        assert_near(p50, 25.3, 0.03);
        assert_near(p99, 92.5, 0.06);
        let [_, p50, p90, p99] = draw(Latency::aws().write);
        assert_near(p50, 7.6, 0.03);
        assert_near(p90, 11.3, 0.04);
        assert_near(p99, 16.2, 0.05);
    }

    #[test]
    fn propagation_and_a_uniform_poll_give_the_published_streams_to_lambda_row_back() {
        let mut source = random::stream(1, "test");
        let delay = Latency::aws().propagation.delay;
        let samples = (0..50_000).map(|_| {
            delay.sample(&mut source).as_secs_f64() * 1e3
                + rand::Rng::random_range(&mut source, 0.0..250.0)
        });
        let [p10, p50, p90, p99] = percentiles_ms(samples.collect(), [10.0, 50.0, 90.0, 99.0]);
        assert_near(p10, 118.0, 0.06);
        assert_near(p50, 213.0, 0.11);
        assert_near(p90, 341.0, 0.03);
        assert_near(p99, 552.0, 0.04);
    }

    proptest! {
        #[test]
        fn a_sample_is_never_below_its_base_nor_above_the_limit(
            base_ms in 0.0..1e6_f64, median in 0.0..1e6_f64, sigma in 0.0..10.0_f64, seed: u64,
        ) {
            let delay = Delay { base_ms, tail_median_ms: median, tail_sigma: sigma };
            let sample_ms = delay.sample(&mut random::stream(seed, "test")).as_secs_f64() * 1e3;
            prop_assert!(sample_ms >= base_ms.min(DELAY_MS_MAX) - 1e-3);
            prop_assert!(sample_ms <= DELAY_MS_MAX + 1e-3);
        }
    }
}
