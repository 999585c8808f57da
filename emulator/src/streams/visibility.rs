//! When a committed record becomes visible: pure, a function of the seed, the
//! commit's time and what came before it.

use std::collections::HashMap;
use std::time::Duration;

use rand::Rng;

use crate::clock::Micros;
use crate::latency::{Order, Propagation};
use crate::random;

/// Records of one partition key within such a span travel together, in
/// microseconds: one sample of the delay.
const SPAN_US: u64 = 100_000;
/// Keys remembered before those whose records have all arrived are forgotten.
const KEYS_MAX: usize = 10_000;

/// Gives each record, in commit order, its time of arrival in the stream.
#[derive(Debug)]
pub(crate) struct Visibility {
    propagation: Propagation,
    seed: u64,
    /// The latest arrival for each key that must stay in order.
    latest: HashMap<u64, Micros>,
}

impl Visibility {
    pub(crate) fn new(propagation: Propagation, seed: u64) -> Self {
        Self { propagation, seed, latest: HashMap::new() }
    }

    /// Later commits travel so; what has been seen stays in order.
    pub(crate) fn set(&mut self, propagation: Propagation) {
        self.propagation = propagation;
    }

    /// The arrival of the record committed at `committed` with these hashes of
    /// its partition key and of its whole key. Never before its commit, never
    /// before an earlier record of the same item.
    pub(crate) fn arrival(&mut self, committed: Micros, partition: u64, item: u64) -> Micros {
        if self.propagation.is_none() && self.latest.is_empty() {
            return committed;
        }
        let ordered_by = match self.propagation.order {
            Order::Partition => partition,
            Order::Item => item,
        };
        // By item too: the order may have been changed meanwhile.
        let earliest = [ordered_by, item]
            .iter()
            .filter_map(|key| self.latest.get(key))
            .fold(committed, |earliest, latest| earliest.max(*latest));
        let arrival = earliest.max(committed + self.delay(committed, partition));
        for key in [ordered_by, item] {
            self.latest.insert(key, arrival);
        }
        if self.latest.len() > KEYS_MAX {
            // Commits come in order: what arrived before this one holds nobody up.
            self.latest.retain(|_, latest| *latest > committed);
        }
        arrival
    }

    fn delay(&self, committed: Micros, partition: u64) -> Duration {
        let span = committed.0 / SPAN_US;
        let shared =
            self.propagation.delay.sample(&mut random::keyed(&[self.seed, partition, span]));
        let spread_us = self.propagation.spread_ms * 1e3;
        if spread_us < 1.0 {
            return shared;
        }
        let own = random::keyed(&[self.seed, committed.0]).random_range(0.0..spread_us);
        shared + Duration::from_micros(own as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::Delay;
    use proptest::prelude::*;

    fn propagation(order: Order, spread_ms: f64) -> Propagation {
        let delay = Delay { base_ms: 20.0, tail_median_ms: 10.0, tail_sigma: 1.5 };
        Propagation { delay, spread_ms, order }
    }

    #[test]
    fn without_propagation_a_record_is_visible_at_its_commit() {
        let mut visibility = Visibility::new(Propagation::default(), 1);
        assert_eq!(visibility.arrival(Micros(5), 1, 2), Micros(5));
    }

    #[test]
    fn with_order_by_item_records_of_one_partition_do_overtake() {
        let mut visibility = Visibility::new(propagation(Order::Item, 50.0), 1);
        let arrivals: Vec<Micros> =
            (0..40).map(|n| visibility.arrival(Micros(1_000_000 + n), 1, 100 + n)).collect();
        assert!(!arrivals.is_sorted());
        let mut visibility = Visibility::new(propagation(Order::Partition, 50.0), 1);
        let arrivals: Vec<Micros> =
            (0..40).map(|n| visibility.arrival(Micros(1_000_000 + n), 1, 100 + n)).collect();
        assert!(arrivals.is_sorted());
    }

    proptest! {
        #[test]
        fn a_record_never_overtakes_its_commit_nor_its_item(
            seed: u64,
            by_item: bool,
            spread_ms in 0.0..200.0_f64,
            writes in prop::collection::vec((0..5_u64, 0..300_000_u64), 1..200),
            change_at in 0..200_usize,
        ) {
            let order = if by_item { Order::Item } else { Order::Partition };
            let run = || {
                let mut visibility = Visibility::new(propagation(order, spread_ms), seed);
                let mut now = Micros(1_000_000);
                let mut last: HashMap<u64, Micros> = HashMap::new();
                let mut arrivals = Vec::new();
                for (index, (item, wait)) in writes.iter().enumerate() {
                    if index == change_at {
                        visibility.set(Propagation::default());
                    }
                    now = Micros(now.0 + 1 + wait);
                    let arrival = visibility.arrival(now, item % 2, 100 + item);
                    assert!(arrival >= now, "before its commit");
                    if let Some(last) = last.insert(*item, arrival) {
                        assert!(arrival >= last, "before an earlier record of its item");
                    }
                    arrivals.push(arrival);
                }
                arrivals
            };
            prop_assert_eq!(run(), run(), "the same seed, the same arrivals");
        }
    }
}
