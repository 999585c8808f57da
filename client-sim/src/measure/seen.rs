//! Everything observed in a run.

use std::collections::BTreeMap;

use crate::measure::attempt::Attempt;
use crate::measure::delivery::Log;
use crate::service::answer::{Standing, TableBid};
use crate::service::api::ClockOffset;

/// Everything observed in a run.
#[derive(Default)]
pub struct Seen {
    /// Every offered bid.
    pub attempts: Vec<Attempt>,
    /// What each watcher received.
    pub logs: Vec<Log>,
    /// Each auction's bids in the table.
    pub table: Vec<Vec<TableBid>>,
    /// When each auction should end.
    pub ends_us: Vec<i64>,
    /// How each auction ended, if it should.
    pub endings: Vec<Ending>,
    /// The difference between the service's clock and ours.
    pub clock: ClockOffset,
    /// Limits of the service that were reached, and how often each.
    pub limits: BTreeMap<String, u64>,
}

/// How an auction ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The number of the auction.
    pub auction: usize,
    /// The state of the auction.
    pub standing: Standing,
    /// Whether a bid after the end was accepted.
    pub late_accepted: bool,
}

impl Seen {
    /// Appends the observations of another stage.
    pub fn extend(&mut self, mut other: Self) {
        let auctions = self.table.len();
        other.attempts.iter_mut().for_each(|attempt| attempt.auction += auctions);
        other.logs.iter_mut().for_each(|log| log.auction += auctions);
        other.endings.iter_mut().for_each(|ending| ending.auction += auctions);
        self.attempts.append(&mut other.attempts);
        self.logs.append(&mut other.logs);
        self.table.append(&mut other.table);
        self.ends_us.append(&mut other.ends_us);
        self.endings.append(&mut other.endings);
        self.clock = other.clock;
        for (limit, times) in other.limits {
            *self.limits.entry(limit).or_default() += times;
        }
    }
}
