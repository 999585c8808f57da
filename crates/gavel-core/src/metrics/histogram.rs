//! Histograms with fixed buckets: a sample costs two relaxed atomic adds, and so do a thousand
//! equal ones.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::auction::Timestamp;

/// The goal in microseconds, which is an edge.
const GOAL_US: u64 = 300_000;
/// Edges up to the goal; the first is 97 us.
const EDGES_TO_GOAL: usize = 37;
/// Edges beyond the goal; the last is 32.5 s.
const EDGES_BEYOND: usize = 21;

/// Upper edges of durations, in microseconds: each is 1.25 times the previous one, so that a
/// quantile is known within about a tenth, down to single milliseconds.
pub const DURATION_EDGES_US: [u64; EDGES_TO_GOAL + EDGES_BEYOND] = {
    let mut edges = [GOAL_US; EDGES_TO_GOAL + EDGES_BEYOND];
    let mut at = EDGES_TO_GOAL - 1;
    while at > 0 {
        at -= 1;
        edges[at] = (edges[at + 1] * 4 + 2) / 5;
    }
    at = EDGES_TO_GOAL;
    while at < edges.len() {
        edges[at] = (edges[at - 1] * 5 + 2) / 4;
        at += 1;
    }
    edges
};

/// Upper edges of sizes.
pub const SIZE_EDGES: [u64; 13] = [1, 2, 5, 10, 20, 40, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];

#[derive(Debug)]
struct Buckets<const N: usize> {
    edges: &'static [u64; N],
    counts: [AtomicU64; N],
    beyond: AtomicU64,
    sum: AtomicU64,
}

impl<const N: usize> Buckets<N> {
    fn new(edges: &'static [u64; N]) -> Self {
        let counts = std::array::from_fn(|_| AtomicU64::default());
        Self { edges, counts, beyond: AtomicU64::default(), sum: AtomicU64::default() }
    }

    fn add(&self, value: u64, times: u64) {
        let at = self.edges.partition_point(|edge| *edge < value);
        self.counts.get(at).unwrap_or(&self.beyond).fetch_add(times, Relaxed);
        self.sum.fetch_add(value.saturating_mul(times), Relaxed);
    }

    fn snapshot(&self, unit: f64) -> Snapshot {
        let mut count = 0;
        let buckets = self.edges.iter().zip(&self.counts).map(|(edge, counted)| {
            count += counted.load(Relaxed);
            (*edge as f64 / unit, count)
        });
        let buckets: Vec<(f64, u64)> = buckets.collect();
        count += self.beyond.load(Relaxed);
        Snapshot { buckets, count, sum: self.sum.load(Relaxed) as f64 / unit }
    }
}

/// The state of a histogram at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Each upper edge, and the number of samples up to it.
    pub buckets: Vec<(f64, u64)>,
    /// The number of samples.
    pub count: u64,
    /// The sum of the samples.
    pub sum: f64,
}

/// A histogram of durations.
#[derive(Debug)]
pub struct Durations(Buckets<{ DURATION_EDGES_US.len() }>);

impl Default for Durations {
    fn default() -> Self {
        Self(Buckets::new(&DURATION_EDGES_US))
    }
}

impl Durations {
    /// Adds the time from one timestamp to another. A negative time, possible with clocks that
    /// differ a little, counts as zero.
    pub fn between(&self, from: Timestamp, to: Timestamp) {
        self.between_times(from, to, 1);
    }

    /// Adds the same time `times` times.
    pub fn between_times(&self, from: Timestamp, to: Timestamp, times: u64) {
        self.0.add(u64::try_from(to.as_micros() - from.as_micros()).unwrap_or(0), times);
    }

    /// The current state, in seconds.
    pub fn snapshot(&self) -> Snapshot {
        self.0.snapshot(1e6)
    }
}

/// A histogram of sizes.
#[derive(Debug)]
pub struct Sizes(Buckets<{ SIZE_EDGES.len() }>);

impl Default for Sizes {
    fn default() -> Self {
        Self(Buckets::new(&SIZE_EDGES))
    }
}

impl Sizes {
    /// Adds a size.
    pub fn add(&self, size: usize) {
        self.0.add(size as u64, 1);
    }

    /// The current state.
    pub fn snapshot(&self) -> Snapshot {
        self.0.snapshot(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn at(us: i64) -> Timestamp {
        Timestamp::from_micros(START.as_micros() + us)
    }

    #[test]
    fn a_sample_falls_in_the_first_bucket_whose_edge_it_does_not_exceed() {
        let durations = Durations::default();
        durations.between(START, at(300_000));
        durations.between_times(START, at(300_001), 3);
        durations.between(START, at(60_000_000));
        let told = durations.snapshot();
        let upto =
            |edge: f64| told.buckets.iter().find(|(e, _)| (e - edge).abs() < 1e-9).unwrap().1;
        assert_eq!((upto(0.24), upto(0.3), upto(0.375)), (0, 1, 4));
        assert_eq!(told.buckets.last().map(|(_, count)| *count), Some(4));
        assert_eq!(told.count, 5);
        assert!((told.sum - 61.200_003).abs() < 1e-9, "{}", told.sum);
    }

    #[test]
    fn clocks_that_differ_give_nothing_less_than_nothing() {
        let durations = Durations::default();
        durations.between(START, at(-5));
        assert_eq!(durations.snapshot().buckets[0].1, 1);
        assert!(durations.snapshot().sum.abs() < f64::EPSILON);
    }

    #[test]
    fn the_goal_is_an_edge_and_edges_rise() {
        assert!(DURATION_EDGES_US.contains(&300_000));
        assert!(DURATION_EDGES_US.is_sorted() && SIZE_EDGES.is_sorted());
        for pair in DURATION_EDGES_US.windows(2) {
            let factor = pair[1] as f64 / pair[0] as f64;
            assert!((factor - 1.25).abs() < 0.01, "{pair:?}");
        }
        let [first, .., last] = DURATION_EDGES_US;
        assert!(first <= 100 && last >= 30_000_000, "{first} to {last}");
    }
}
