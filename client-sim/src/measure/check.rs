//! The checker compares guarantees with observations. Pure.
//!
//! An accepted bid is in the table and reaches every watcher once and in order; a rejected one
//! never appears. Attempts are recognised by their trace, which the table keeps.

use std::collections::{HashMap, HashSet};

use gavel_trace::trace_id_of;
use serde::{Deserialize, Serialize};

use crate::measure::attempt::{Attempt, Outcome};
use crate::measure::delivery::Log;
use crate::measure::seen::{Ending, Seen};
use crate::service::answer::TableBid;

/// Counts of deliveries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deliveries {
    /// Expected deliveries: every bid after a watcher's cursor, for every watcher.
    pub expected: u64,
    /// Those that arrived live.
    pub live: u64,
    /// Those that arrived from history.
    pub replayed: u64,
    /// Those that never arrived.
    pub missing: u64,
    /// Those that arrived again.
    pub duplicate: u64,
    /// Those that arrived after a later one.
    pub out_of_order: u64,
}

/// Violations found in the table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Accepted, but not in the table.
    pub accepted_missing: u64,
    /// Rejected or failed, but in the table.
    pub refused_present: u64,
    /// In the table more than once.
    pub twice: u64,
    /// Sequences that are not 1, 2, 3 ... or prices that do not rise.
    pub disordered: u64,
    /// Accepted after the end of the auction as of then.
    pub late: u64,
    /// Delivered to a watcher, but different from the table.
    pub told_otherwise: u64,
    /// Sent with an idempotency key, but without an outcome.
    pub unresolved: u64,
    /// Answered as not written, to a request that was sent after a watcher had received the bid.
    #[serde(default)]
    pub denied: u64,
}

/// Counts of auction ends and their violations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// Auctions that should end.
    pub auctions: u64,
    /// Those that did not close.
    pub not_closed: u64,
    /// Those not won by the highest bidder.
    pub wrong_winner: u64,
    /// Those that accepted a bid after they had closed.
    pub late_accepted: u64,
    /// Watchers whose subscription did not complete.
    pub watchers_not_told: u64,
}

/// The result of the checker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checked {
    /// Deliveries to watchers.
    pub deliveries: Deliveries,
    /// Violations in the table.
    pub table: Table,
    /// The ends of auctions.
    pub closing: Closing,
}

impl Checked {
    /// Whether every guarantee held.
    pub fn holds(&self) -> bool {
        let deliveries = self.deliveries;
        deliveries.missing + deliveries.duplicate + deliveries.out_of_order == 0
            && self.table == Table::default()
            && self.closing == Closing { auctions: self.closing.auctions, ..Closing::default() }
    }
}

/// Checks a run: its attempts, each auction's bids in the table, the log of each watcher, and each
/// ending.
pub fn check(seen: &Seen) -> Checked {
    let Seen { attempts, logs, table, ends_us, endings, .. } = seen;
    let mut checked = Checked { table: check_table(attempts, table), ..Checked::default() };
    checked.table.denied = denied(attempts, table, logs);
    for (bids, ends_us) in table.iter().zip(ends_us) {
        checked.table.late += late(bids, *ends_us);
    }
    for log in logs {
        check_log(log, &table[log.auction], &mut checked);
    }
    for ending in endings {
        check_ending(ending, &table[ending.auction], &mut checked.closing);
    }
    let ended: HashSet<usize> = endings.iter().map(|ending| ending.auction).collect();
    let not_told = logs.iter().filter(|log| ended.contains(&log.auction) && !log.completed);
    checked.closing.watchers_not_told = not_told.count() as u64;
    checked
}

/// Bids received after the end that the bid before them had left.
fn late(bids: &[TableBid], first_end_us: i64) -> u64 {
    let mut end_us = first_end_us;
    let mut late = 0;
    for bid in bids {
        late += u64::from(bid.received_at.0 >= end_us);
        end_us = bid.ends_at.0;
    }
    late
}

fn check_ending(ending: &Ending, bids: &[TableBid], closing: &mut Closing) {
    let standing = &ending.standing;
    closing.auctions += 1;
    closing.not_closed += u64::from(standing.status != "CLOSED");
    closing.late_accepted += u64::from(ending.late_accepted);
    let highest = bids.iter().max_by_key(|bid| bid.amount.parse::<u64>().unwrap_or(0));
    let winner = highest.map(|bid| bid.bidder_id.as_str());
    let right = standing.winner_id.as_deref() == winner && standing.sequence == bids.len() as u64;
    closing.wrong_winner += u64::from(!right);
}

fn check_table(attempts: &[Attempt], table: &[Vec<TableBid>]) -> Table {
    let mut found = Table::default();
    let mut by_offer: HashMap<&str, (&TableBid, usize)> = HashMap::new();
    for (auction, bids) in table.iter().enumerate() {
        let mut price = 0;
        for (at, bid) in bids.iter().enumerate() {
            let amount: u64 = bid.amount.parse().unwrap_or(0);
            found.disordered += u64::from(bid.sequence != at as u64 + 1 || amount <= price);
            price = amount;
            let Some(traceparent) = bid.traceparent.as_deref() else { continue };
            found.twice +=
                u64::from(by_offer.insert(trace_id_of(traceparent), (bid, auction)).is_some());
        }
    }
    for attempt in attempts {
        let in_table = by_offer.get(trace_id_of(&attempt.traceparent));
        match &attempt.outcome {
            Outcome::Accepted { bid_id, sequence, .. } => {
                let is_it = in_table.is_some_and(|(bid, auction)| {
                    bid.id == *bid_id && bid.sequence == *sequence && *auction == attempt.auction
                });
                found.accepted_missing += u64::from(!is_it);
            }
            Outcome::Repeated { bid_id, sequence } => {
                let at = usize::try_from(sequence.saturating_sub(1)).unwrap_or(usize::MAX);
                let bid = table.get(attempt.auction).and_then(|bids| bids.get(at));
                found.accepted_missing += u64::from(bid.is_none_or(|bid| bid.id != *bid_id));
            }
            Outcome::Rejected(_) | Outcome::Failed(_) => {
                found.refused_present += u64::from(in_table.is_some());
            }
            Outcome::Unknown => found.unresolved += u64::from(attempt.keyed),
        }
    }
    found
}

/// Bids with a key that an answer denied although they had been delivered before the request.
fn denied(attempts: &[Attempt], table: &[Vec<TableBid>], logs: &[Log]) -> u64 {
    let mut first_us: HashMap<(usize, u64), i64> = HashMap::new();
    for log in logs {
        for told in &log.deliveries {
            let first = first_us.entry((log.auction, told.sequence)).or_insert(told.received_us);
            *first = told.received_us.min(*first);
        }
    }
    let is_denied = |attempt: &&Attempt| {
        let Some(denied_us) = attempt.denied_us else { return false };
        let trace_id = trace_id_of(&attempt.traceparent);
        let is_it = |bid: &&TableBid| {
            bid.traceparent.as_deref().is_some_and(|text| trace_id_of(text) == trace_id)
        };
        let stands = table.get(attempt.auction).and_then(|bids| bids.iter().find(is_it));
        let delivered_us = stands.and_then(|bid| first_us.get(&(attempt.auction, bid.sequence)));
        delivered_us.is_some_and(|delivered_us| *delivered_us < denied_us)
    };
    attempts.iter().filter(is_denied).count() as u64
}

fn check_log(log: &Log, table: &[TableBid], checked: &mut Checked) {
    let deliveries = &mut checked.deliveries;
    let last = table.last().map_or(0, |bid| bid.sequence);
    let expected = last.saturating_sub(log.after);
    deliveries.expected += expected;
    let mut seen = HashSet::new();
    let mut highest = log.after;
    for told in &log.deliveries {
        if told.sequence <= log.after || !seen.insert(told.sequence) {
            deliveries.duplicate += 1;
            continue;
        }
        if told.replay {
            deliveries.replayed += 1;
        } else {
            deliveries.live += 1;
        }
        deliveries.out_of_order += u64::from(told.sequence < highest);
        highest = highest.max(told.sequence);
        let at = usize::try_from(told.sequence - 1).unwrap_or(usize::MAX);
        let is_it = table.get(at).is_some_and(|bid| bid.id == told.bid_id);
        checked.table.told_otherwise += u64::from(!is_it);
    }
    let came = seen.iter().filter(|sequence| **sequence <= last).count() as u64;
    deliveries.missing += expected - came;
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
