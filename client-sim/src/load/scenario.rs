//! Scenarios: what is simulated, before flags change it.

use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A scenario by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Name {
    /// One bid every 3 s on one auction with 5 watchers: the test of the review.
    Trickle,
    /// 20 auctions, 100 bidders, 200 watchers, 50 bids/s for 20 s.
    Steady,
    /// 2 auctions with 50 bidders each, who outbid one another.
    War,
    /// Watchers leave and resume with their cursor.
    Churn,
    /// One watcher in ten stops reading.
    Slow,
    /// Few bids, then 500 bidders in the last second of a soft close.
    Snipe,
    /// Faults in the store and its stream; a server is killed and restarted.
    Chaos,
    /// Every server of a cluster is restarted in turn.
    Rolling,
    /// One auction with many watchers; every bid is accepted.
    Fanout,
}

impl Name {
    /// The name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trickle => "trickle",
            Self::Steady => "steady",
            Self::War => "war",
            Self::Churn => "churn",
            Self::Slow => "slow",
            Self::Snipe => "snipe",
            Self::Chaos => "chaos",
            Self::Rolling => "rolling",
            Self::Fanout => "fanout",
        }
    }
}

/// When bids are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrivals {
    /// Evenly: each in the first half of a slot of its own.
    Even,
    /// At random times (a Poisson process with a given count); auctions take turns, so that two
    /// bids on one auction keep a distance.
    Spread,
    /// At random times, on any auction: bidders collide.
    Crowded,
    /// One in ten at random times, all others in the last second.
    LastSecond,
}

/// The end of auctions within a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    /// How long after the last planned bid an auction ends.
    pub after: Duration,
    /// The soft close window, in seconds.
    pub soft_close_seconds: u32,
    /// How often the soft close may move the end.
    pub soft_close_extensions_max: u32,
}

/// What is simulated.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each holds by itself")]
pub struct Scenario {
    /// The name of the scenario.
    pub name: Name,
    /// Number of auctions.
    pub auctions: usize,
    /// Number of bidders, spread over the auctions.
    pub bidders: usize,
    /// Number of watchers, spread over the auctions.
    pub watchers: usize,
    /// Bids a second, over all auctions.
    pub rate: f64,
    /// How long bids are sent.
    pub duration: Duration,
    /// When bids are sent.
    pub arrivals: Arrivals,
    /// How long a watcher stays on average before it leaves briefly.
    pub stay: Option<Duration>,
    /// The share of watchers that stop reading.
    pub stalled: f64,
    /// The share of bids without an idempotency key.
    pub keyless: f64,
    /// Whether auctions end within the run.
    pub closing: Option<Closing>,
    /// Servers of the service, if it is started for the run.
    pub nodes: usize,
    /// Whether a bus connects them.
    pub bus: bool,
    /// How often a server is killed.
    pub kills: usize,
    /// Whether each server is restarted once.
    pub restarts: bool,
    /// Whether each bid exceeds every bid before it, whatever bidders have seen.
    pub rising: bool,
    /// Whether the store and its stream have faults (`chaos::behaviour`), if it is started for the run.
    pub faults: bool,
    /// How long a bid without an answer is retried.
    pub patience: Duration,
    /// Whether latency is judged if no objective was given: not where faults, departures or stalls
    /// are the point.
    pub judges_latency: bool,
}

impl Scenario {
    /// The scenario with this name.
    pub fn of(name: Name) -> Self {
        let second = Duration::from_secs;
        let scenario = |auctions, bidders, watchers, rate, duration, arrivals| Self {
            name,
            auctions,
            bidders,
            watchers,
            rate,
            duration,
            arrivals,
            stay: None,
            stalled: 0.0,
            keyless: 0.0,
            closing: None,
            nodes: 1,
            bus: false,
            kills: 0,
            restarts: false,
            rising: false,
            faults: false,
            patience: second(5),
            judges_latency: true,
        };
        match name {
            Name::Trickle => scenario(1, 5, 5, 1.0 / 3.0, second(30), Arrivals::Even),
            Name::Steady => scenario(20, 100, 200, 50.0, second(20), Arrivals::Spread),
            Name::War => scenario(2, 100, 100, 100.0, second(20), Arrivals::Crowded),
            Name::Churn => Self {
                stay: Some(second(3)),
                judges_latency: false,
                ..scenario(10, 100, 200, 50.0, second(20), Arrivals::Crowded)
            },
            Name::Slow => Self {
                stalled: 0.1,
                judges_latency: false,
                ..scenario(2, 40, 200, 200.0, second(20), Arrivals::Crowded)
            },
            Name::Snipe => Self {
                closing: Some(Closing {
                    after: Duration::ZERO,
                    soft_close_seconds: 2,
                    soft_close_extensions_max: 3,
                }),
                judges_latency: false,
                ..scenario(1, 500, 50, 50.0, second(10), Arrivals::LastSecond)
            },
            Name::Chaos => Self {
                keyless: 0.4,
                closing: Some(Closing {
                    after: second(3),
                    soft_close_seconds: 0,
                    soft_close_extensions_max: 0,
                }),
                kills: 3,
                faults: true,
                // Answers are lost on purpose.
                patience: second(60),
                judges_latency: false,
                ..scenario(8, 40, 40, 40.0, second(60), Arrivals::Crowded)
            },
            Name::Rolling => Self {
                nodes: 3,
                restarts: true,
                // A node that goes finishes what it began; what comes meanwhile is sent again.
                patience: second(30),
                judges_latency: false,
                ..scenario(20, 100, 200, 50.0, second(30), Arrivals::Spread)
            },
            Name::Fanout => {
                Self { rising: true, ..scenario(1, 1, 1_000, 5.0, second(20), Arrivals::Even) }
            }
        }
    }

    /// The number of bids.
    pub fn bids(&self) -> usize {
        ((self.rate * self.duration.as_secs_f64()).round() as usize).max(1)
    }

    /// Whether a watcher of this number stops reading.
    pub fn is_stalled(&self, watcher: usize) -> bool {
        let stalled = (self.watchers as f64 * self.stalled).round() as usize;
        // The last watchers stall, so every auction keeps some that read.
        watcher + stalled >= self.watchers
    }

    /// Checks whether the scenario can be simulated.
    ///
    /// # Errors
    /// The first problem.
    pub fn check(&self) -> Result<(), String> {
        let bounds = [
            ("--auctions", self.auctions, 1, 10_000),
            ("--bidders", self.bidders, 1, 100_000),
            ("--watchers", self.watchers, 1, 50_000),
            ("--nodes", self.nodes, 1, 16),
        ];
        for (flag, value, min, max) in bounds {
            if !(min..=max).contains(&value) {
                return Err(format!("{flag} must be from {min} to {max}"));
            }
        }
        if !(self.rate > 0.0 && self.rate <= 100_000.0) {
            return Err("--rate must be over 0 and at most 100000 bids a second".to_owned());
        }
        if !(1..=3600).contains(&self.duration.as_secs()) {
            return Err("--duration must be from 1s to 1h".to_owned());
        }
        if self.bids() > 2_000_000 {
            return Err("--rate times --duration must be at most 2,000,000 bids".to_owned());
        }
        if !(0.0..=0.9).contains(&self.stalled) {
            return Err("--stalled must be from 0 to 0.9".to_owned());
        }
        Ok(())
    }
}
