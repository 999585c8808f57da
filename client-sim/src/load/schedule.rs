//! The schedule: which bid is sent when. Open loop, seeded, pure.
//!
//! The time of a bid does not depend on the answers to earlier bids (no coordinated omission).

use std::time::Duration;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::load::scenario::{Arrivals, Scenario};

/// The least distance of two bids of [`Arrivals::Spread`] on one auction, if there are enough
/// auctions.
const SPREAD_MIN: Duration = Duration::from_millis(50);

/// A planned bid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// When to send it, from the start of the run.
    pub at: Duration,
    /// The number of the auction.
    pub auction: usize,
    /// The number of the bidder, who bids on this auction only.
    pub bidder: usize,
    /// The number of increments by which it outbids.
    pub steps: u64,
    /// Whether it carries an idempotency key.
    pub keyed: bool,
}

/// Plans a run, in the order of time.
pub fn plan(scenario: &Scenario, seed: u64) -> Vec<Planned> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let times = times(scenario, &mut random);
    let mut last: Vec<Option<Duration>> = vec![None; scenario.auctions];
    let mut planned = Vec::with_capacity(times.len());
    for at in times {
        let mut auction = random.random_range(0..scenario.auctions);
        if scenario.arrivals == Arrivals::Spread {
            let free = |auction: &usize| last[*auction].is_none_or(|last| at >= last + SPREAD_MIN);
            let candidates = (0..scenario.auctions).map(|n| (auction + n) % scenario.auctions);
            auction = candidates.into_iter().find(free).unwrap_or(auction);
        }
        last[auction] = Some(at);
        let bidder = bidder_of(scenario, auction, &mut random);
        let steps = random.random_range(1..=3);
        let keyed = random.random::<f64>() >= scenario.keyless;
        planned.push(Planned { at, auction, bidder, steps, keyed });
    }
    planned
}

fn times(scenario: &Scenario, random: &mut ChaCha8Rng) -> Vec<Duration> {
    let bids = scenario.bids();
    if scenario.arrivals == Arrivals::Even {
        // Not quite evenly, so that something sampled four times a second is not hit at the same
        // phase again and again.
        let mut time = |n: usize| {
            let late: f64 = random.random_range(0.0..0.5);
            Duration::from_secs_f64((n as f64 + late) / scenario.rate)
        };
        return (0..bids).map(&mut time).collect();
    }
    let end_us = scenario.duration.as_micros() as u64;
    let last_second_us = end_us.saturating_sub(1_000_000);
    let mut time = |number: usize| {
        let in_a_rush = scenario.arrivals == Arrivals::LastSecond && !number.is_multiple_of(10);
        let from_us = if in_a_rush { last_second_us } else { 0 };
        Duration::from_micros(random.random_range(from_us..end_us))
    };
    let mut times: Vec<Duration> = (0..bids).map(&mut time).collect();
    times.sort_unstable();
    times
}

/// Bidder `b` bids on auction `b % auctions`.
fn bidder_of(scenario: &Scenario, auction: usize, random: &mut ChaCha8Rng) -> usize {
    let on_auction = (scenario.bidders + scenario.auctions - 1 - auction) / scenario.auctions;
    if on_auction == 0 {
        return random.random_range(0..scenario.bidders);
    }
    auction + scenario.auctions * random.random_range(0..on_auction)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::load::scenario::Name;

    #[test]
    fn a_seed_repeats_its_schedule_and_another_does_not() {
        let scenario = Scenario::of(Name::Steady);
        assert_eq!(plan(&scenario, 7), plan(&scenario, 7));
        assert_ne!(plan(&scenario, 7), plan(&scenario, 8));
    }

    #[test]
    fn trickle_is_a_bid_every_three_seconds() {
        let planned = plan(&Scenario::of(Name::Trickle), 1);
        let slots: Vec<u64> = planned.iter().map(|bid| bid.at.as_secs() / 3).collect();
        assert_eq!(slots, (0..10).collect::<Vec<_>>());
        let apart = Duration::from_millis(1_500);
        assert!(planned.windows(2).all(|pair| pair[1].at >= pair[0].at + apart));
    }

    #[test]
    fn steady_keeps_bids_on_one_auction_apart() {
        let planned = plan(&Scenario::of(Name::Steady), 3);
        let mut last = std::collections::HashMap::new();
        for bid in planned {
            if let Some(before) = last.insert(bid.auction, bid.at) {
                assert!(bid.at >= before + SPREAD_MIN);
            }
        }
    }

    proptest! {
        #[test]
        fn every_plan_is_in_time_in_range_and_of_the_asked_size(
            auctions in 1_usize..30, bidders in 1_usize..50, rate in 1_u32..200, seed: u64,
            name in prop::sample::select(vec![Name::Trickle, Name::Steady, Name::War, Name::Snipe, Name::Chaos]),
        ) {
            let scenario = Scenario {
                auctions, bidders, rate: f64::from(rate), duration: Duration::from_secs(3),
                ..Scenario::of(name)
            };
            let planned = plan(&scenario, seed);
            prop_assert_eq!(planned.len(), scenario.bids());
            prop_assert!(planned.is_sorted_by_key(|bid| bid.at));
            for bid in planned {
                prop_assert!(bid.at < scenario.duration);
                prop_assert!(bid.auction < auctions && bid.bidder < bidders);
            }
        }
    }
}
