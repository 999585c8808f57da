//! Scenarios: what is simulated, before flags change it.

use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

/// A scenario by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Name {
    /// One bid every 3 s on one auction with 5 watchers: the test of the review.
    Trickle,
    /// 20 auctions, 100 bidders, 200 watchers, 50 bids/s for 20 s.
    Steady,
    /// 2 auctions, 50 bidders each, outbidding one another.
    War,
}

impl Name {
    /// The name as it is typed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trickle => "trickle",
            Self::Steady => "steady",
            Self::War => "war",
        }
    }
}

/// When bids are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrivals {
    /// Evenly.
    Even,
    /// At random times (a Poisson process with its count given), auctions taking turns in that
    /// two bids on one auction keep a distance.
    Spread,
    /// At random times, on any auction: bidders collide.
    Crowded,
}

/// What is simulated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scenario {
    /// Its name.
    pub name: Name,
    /// Auctions.
    pub auctions: usize,
    /// Bidders, spread over the auctions.
    pub bidders: usize,
    /// Watchers, spread over the auctions.
    pub watchers: usize,
    /// Bids a second, all auctions together.
    pub rate: f64,
    /// How long bids are sent.
    pub duration: Duration,
    /// When.
    pub arrivals: Arrivals,
}

impl Scenario {
    /// The scenario of this name.
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
        };
        match name {
            Name::Trickle => scenario(1, 5, 5, 1.0 / 3.0, second(30), Arrivals::Even),
            Name::Steady => scenario(20, 100, 200, 50.0, second(20), Arrivals::Spread),
            Name::War => scenario(2, 100, 100, 100.0, second(20), Arrivals::Crowded),
        }
    }

    /// How many bids are sent.
    pub fn bids(&self) -> usize {
        ((self.rate * self.duration.as_secs_f64()).round() as usize).max(1)
    }

    /// What cannot be simulated, in a line.
    ///
    /// # Errors
    /// The first problem.
    pub fn check(&self) -> Result<(), String> {
        let bounds = [
            ("--auctions", self.auctions, 1, 10_000),
            ("--bidders", self.bidders, 1, 100_000),
            ("--watchers", self.watchers, 1, 50_000),
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
        Ok(())
    }
}
