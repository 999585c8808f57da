//! Everything that was seen of a run.

use std::collections::BTreeMap;

use crate::measure::attempt::Attempt;
use crate::measure::delivery::Log;
use crate::service::answer::{Standing, TableBid};
use crate::service::api::ClockOffset;

/// What was seen.
#[derive(Default)]
pub struct Seen {
    /// Every bid that was offered.
    pub attempts: Vec<Attempt>,
    /// What each watcher was told.
    pub logs: Vec<Log>,
    /// Each auction's bids in the table.
    pub table: Vec<Vec<TableBid>>,
    /// When each auction was to end.
    pub ends_us: Vec<i64>,
    /// How each auction ended, where it was to end.
    pub endings: Vec<Ending>,
    /// The service's clock against ours.
    pub clock: ClockOffset,
    /// Limits of the service that were met, and how often each.
    pub limits: BTreeMap<String, u64>,
}

/// How an auction ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Its number.
    pub auction: usize,
    /// How it stands.
    pub standing: Standing,
    /// Whether a bid after the end was accepted.
    pub late_accepted: bool,
}

impl Seen {
    /// Puts what another stage has seen after this.
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
