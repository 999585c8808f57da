//! Fits a run to an existing service: it stays below the default limits of a client, so that a
//! service with defaults can be measured from one address.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::load::scenario::{Arrivals, Scenario};
use crate::service::limits::{BIDS_PER_USER_PER_SECOND, HANDSHAKES_PER_SECOND};
use crate::service::tokens::Tokens;

/// What the caller chose explicitly, which is kept.
#[derive(Debug, Clone, Copy, Default)]
pub struct Chosen {
    /// The rate.
    pub rate: bool,
    /// The number of bidders.
    pub bidders: bool,
}

/// Changes the scenario so that no user bids more often than a default service accepts: with more
/// bidders or, if tokens are given, with fewer bids.
pub fn fit(mut scenario: Scenario, tokens: &Tokens, chosen: Chosen) -> Scenario {
    let is_rush = scenario.arrivals == Arrivals::LastSecond;
    match tokens {
        Tokens::Given(tokens) if !chosen.rate => {
            // The first token is the seller's.
            let per_second =
                tokens.len().saturating_sub(1).max(1) as f64 * BIDS_PER_USER_PER_SECOND;
            let seconds = if is_rush { scenario.duration.as_secs_f64().max(1.0) } else { 1.0 };
            scenario.rate = scenario.rate.min(per_second / seconds);
        }
        Tokens::Secret(_) | Tokens::Command(_) if !chosen.bidders => {
            // Bidders are spread over the auctions, and each bids on one of them.
            let on_each = scenario.rate / scenario.auctions as f64 / BIDS_PER_USER_PER_SECOND;
            let least = on_each.ceil() as usize * scenario.auctions;
            scenario.bidders = scenario.bidders.max(least);
        }
        _ => {}
    }
    scenario
}

/// Limits the rate at which watchers connect.
#[derive(Debug)]
pub struct Pace(Option<Mutex<Interval>>);

impl Pace {
    /// Within a default service's limits, or unlimited.
    pub fn new(modest: bool) -> Self {
        Self(modest.then(|| {
            let mut ticks = interval(Duration::from_secs(1) / HANDSHAKES_PER_SECOND);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            Mutex::new(ticks)
        }))
    }

    /// Waits for the next turn.
    pub async fn turn(&self) {
        if let Some(ticks) = &self.0 {
            ticks.lock().await.tick().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::scenario::Name;

    #[tokio::test(start_paused = true)]
    async fn a_modest_crowd_opens_fewer_sockets_a_second_than_a_service_takes() {
        let pace = Pace::new(true);
        let started = tokio::time::Instant::now();
        for _ in 0..=200 {
            pace.turn().await;
        }
        let took = started.elapsed().as_secs_f64();
        assert!((200.0 / took) < 100.0 && took < 4.0, "{took} s");
    }

    #[test]
    fn no_user_bids_more_often_than_a_default_service_takes() {
        let secret = Tokens::Secret(String::new());
        let fast = Scenario { rate: 95.0, ..Scenario::of(Name::Fanout) };
        assert_eq!(fit(fast, &secret, Chosen::default()).bidders, 10);
        assert_eq!(fit(fast, &secret, Chosen { bidders: true, rate: true }).bidders, 1);
        let steady = Scenario::of(Name::Steady);
        assert_eq!(fit(steady, &secret, Chosen::default()), steady, "modest already");

        let given = Tokens::Given(vec![String::new(); 3]);
        let rate = |scenario| fit(scenario, &given, Chosen::default()).rate;
        assert!((rate(steady) - 20.0).abs() < 1e-9, "two bidders");
        assert!(rate(Scenario::of(Name::Snipe)) <= 2.0, "most bids come in one second");
        assert!((rate(Scenario::of(Name::Trickle)) - 1.0 / 3.0).abs() < 1e-9);
    }
}
