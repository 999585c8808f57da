//! The data for a report's charts. Pure.

use serde::{Deserialize, Serialize};

use crate::measure::hops::{Latencies, Timed};

/// Points of the plot over time.
const MOMENTS: i64 = 120;
const MOMENT_US_MIN: i64 = 250_000;
/// The goal of the review.
const GOAL_US: i64 = 300_000;
/// Twice as many as the review had.
const FIRST_MAX: usize = 12;

/// The data for the charts of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Series {
    /// Client to last client: `[percent, us]`.
    pub percentiles: Vec<(f64, u64)>,
    /// Client to last client: `[upper bound in us, bids]`.
    pub histogram: Vec<(u64, u64)>,
    /// Client to last client over time, by the planned time of bids.
    pub moments: Vec<Moment>,
    /// Single bids, hop by hop.
    pub examples: Vec<Example>,
    /// Events and their times.
    pub marks: Vec<Mark>,
    /// Bids that took 300 ms, the goal of the review, or longer.
    pub over_goal: u64,
    /// The first bids, in the order of the schedule.
    pub first: Vec<First>,
}

/// The bids of one point of the plot over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The end of its interval, from the first bid.
    pub at_ms: i64,
    /// The bids planned in it.
    pub bids: u64,
    /// The median of these bids.
    pub p50_us: i64,
    /// The maximum of these bids.
    pub max_us: i64,
}

/// One of the first bids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct First {
    /// Written -> read.
    pub us: i64,
    /// How far into its second it was written: the error of a clock of whole seconds.
    pub into_second_us: i64,
}

impl First {
    fn of(bid: &Timed) -> Self {
        let [schedule, request, lane, store_and_stream, ..] = bid.hops_us;
        let written_us = bid.intended_us + schedule + request + lane;
        Self { us: store_and_stream, into_second_us: written_us.rem_euclid(1_000_000) }
    }
}

/// A single bid.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// The percentile of this bid.
    pub percent: f64,
    /// From its intended send to its last watcher.
    pub total_us: i64,
    /// Its hops, in the order of the path; they add up to the total.
    pub hops_us: [i64; 6],
    /// The part of `lane` until the server that writes the auction had the bid: 0 if its client sent
    /// it there.
    #[serde(default)]
    pub forward_us: i64,
    /// The part of `store_and_stream` until the store had acknowledged, if that is known.
    #[serde(default)]
    pub commit_us: Option<i64>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// When it happened, from the first bid.
    pub at_ms: i64,
    /// What happened.
    pub what: String,
}

/// An event, by the clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When it happened.
    pub at_us: i64,
    /// What happened.
    pub what: String,
}

impl Series {
    /// The data of these latencies.
    pub fn of(latencies: &Latencies, events: &[Event]) -> Self {
        let bids = &latencies.bids;
        let start_us = bids.iter().map(|bid| bid.intended_us).min().unwrap_or(0);
        let marks = events.iter().map(|event| Mark {
            at_ms: (event.at_us - start_us) / 1_000,
            what: event.what.clone(),
        });
        Self {
            percentiles: latencies.client_to_last_client.curve(),
            histogram: latencies.client_to_last_client.buckets(),
            moments: moments(bids, start_us),
            examples: [50.0, 95.0, 99.0].into_iter().filter_map(|p| example(bids, p)).collect(),
            marks: marks.collect(),
            over_goal: bids.iter().filter(|bid| bid.total_us >= GOAL_US).count() as u64,
            first: bids.iter().take(FIRST_MAX).map(First::of).collect(),
        }
    }
}

fn moments(bids: &[Timed], start_us: i64) -> Vec<Moment> {
    let whole_us = bids.iter().map(|bid| bid.intended_us - start_us).max().unwrap_or(0);
    let each_us = (whole_us / MOMENTS).max(MOMENT_US_MIN);
    let mut sorted: Vec<(i64, i64)> =
        bids.iter().map(|bid| ((bid.intended_us - start_us) / each_us, bid.total_us)).collect();
    sorted.sort_unstable();
    let moment = |bids: &[(i64, i64)]| Moment {
        at_ms: (bids[0].0 + 1) * each_us / 1_000,
        bids: bids.len() as u64,
        p50_us: bids[(bids.len() - 1) / 2].1,
        max_us: bids[bids.len() - 1].1,
    };
    sorted.chunk_by(|one, other| one.0 == other.0).map(moment).collect()
}

/// The bid at a percentile, if there are ten beyond it.
fn example(bids: &[Timed], percent: f64) -> Option<Example> {
    let mut sorted: Vec<&Timed> = bids.iter().collect();
    sorted.sort_unstable_by_key(|bid| bid.total_us);
    let at = ((sorted.len() as f64 * percent / 100.0).ceil() as usize).max(1) - 1;
    let bid = sorted.get(at).filter(|_| at + 10 < sorted.len() || percent <= 50.0)?;
    let Timed { total_us, hops_us, forward_us, commit_us, .. } = **bid;
    Some(Example { percent, total_us, hops_us, forward_us, commit_us })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latencies(count: i64) -> Latencies {
        let mut latencies = Latencies::default();
        for n in 0..count {
            let total_us = 1_000 + n;
            latencies.client_to_last_client.add(total_us);
            let hops_us = [0, 0, 0, total_us, 0, 0];
            let commit_us = Some(total_us / 2);
            let intended_us = n * 10_000;
            latencies.bids.push(Timed { intended_us, total_us, hops_us, forward_us: 0, commit_us });
        }
        latencies
    }

    #[test]
    fn an_example_adds_up_and_needs_ten_bids_beyond_it() {
        let series = Series::of(&latencies(100), &[]);
        let percents: Vec<f64> = series.examples.iter().map(|e| e.percent).collect();
        assert_eq!(percents, [50.0]);
        let series = Series::of(&latencies(1_500), &[]);
        assert_eq!(series.examples.len(), 3);
        for example in series.examples {
            assert_eq!(example.hops_us.iter().sum::<i64>(), example.total_us);
        }
    }

    #[test]
    fn every_bid_is_in_one_moment_and_one_bucket() {
        let event = Event { at_us: 2_000_000, what: "stall".into() };
        let series = Series::of(&latencies(1_000), &[event]);
        assert_eq!(series.moments.iter().map(|m| m.bids).sum::<u64>(), 1_000);
        assert_eq!(series.histogram.iter().map(|(_, n)| n).sum::<u64>(), 1_000);
        assert!(series.moments.is_sorted_by_key(|m| m.at_ms));
        assert!(series.moments.iter().all(|m| m.p50_us <= m.max_us));
        assert_eq!(series.marks[0].at_ms, 2_000);
    }

    #[test]
    fn nothing_measured_has_no_shape() {
        assert_eq!(Series::of(&Latencies::default(), &[]), Series::default());
    }
}
