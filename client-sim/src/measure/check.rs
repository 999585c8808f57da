//! The checker: what was promised against what was seen. Pure.
//!
//! A bid answered accepted is in the table and reaches every watcher once and in order; a refused
//! one never appears. Offers are recognised by their trace, which the table keeps.

use std::collections::{HashMap, HashSet};

use gavel_trace::trace_id_of;
use serde::{Deserialize, Serialize};

use crate::measure::attempt::{Attempt, Outcome};
use crate::measure::delivery::Log;
use crate::measure::seen::{Ending, Seen};
use crate::service::answer::TableBid;

/// Deliveries, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deliveries {
    /// Every bid after a watcher's cursor, for every watcher.
    pub expected: u64,
    /// Those that came live.
    pub live: u64,
    /// Those that came from history.
    pub replayed: u64,
    /// Those that never came.
    pub missing: u64,
    /// Those that came again.
    pub duplicate: u64,
    /// Those that came after a later one.
    pub out_of_order: u64,
}

/// What was found in the table that should not be so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Answered accepted, not in the table.
    pub accepted_missing: u64,
    /// Refused or failed, and yet in the table.
    pub refused_present: u64,
    /// In the table more than once.
    pub twice: u64,
    /// Sequences that are not 1, 2, 3 ... or prices that do not rise.
    pub disordered: u64,
    /// Accepted after the end of the auction as it then stood.
    pub late: u64,
    /// Told to a watcher, and not what the table has there.
    pub told_otherwise: u64,
    /// Sent with an idempotency key, and yet without an outcome.
    pub unresolved: u64,
    /// Answered as not written to a request that was sent when a watcher had the bid already.
    #[serde(default)]
    pub denied: u64,
}

/// What was wrong with the ends of auctions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// Auctions that were to end.
    pub auctions: u64,
    /// Those that did not close.
    pub not_closed: u64,
    /// Those that another than the highest bidder has won.
    pub wrong_winner: u64,
    /// Those that took a bid after they had closed.
    pub late_accepted: u64,
    /// Watchers whose subscription did not complete.
    pub watchers_not_told: u64,
}

/// What the checker found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checked {
    /// What watchers were told.
    pub deliveries: Deliveries,
    /// What the table has.
    pub table: Table,
    /// How auctions ended.
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

/// Checks a run: its attempts, each auction's bids in the table, each watcher's log, each ending.
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

/// Bids that were received after the end as the bid before them had left it.
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

/// Bids with a key that an answer denied although they had been delivered when it was asked for.
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
mod tests {
    use super::*;
    use crate::measure::delivery::{Delivery, Source, Timing};
    use crate::service::answer::Standing;
    use crate::stamp::Stamp;

    const END: i64 = 1_000;

    fn seen(attempts: &[Attempt], table: &[Vec<TableBid>], logs: &[Log]) -> Seen {
        Seen {
            attempts: attempts.to_vec(),
            logs: logs.to_vec(),
            table: table.to_vec(),
            ends_us: vec![END; table.len()],
            ..Seen::default()
        }
    }

    fn check(attempts: &[Attempt], table: &[Vec<TableBid>], logs: &[Log]) -> Checked {
        super::check(&seen(attempts, table, logs))
    }

    fn bid(sequence: u64) -> TableBid {
        TableBid {
            id: format!("b{sequence}"),
            sequence,
            amount: (100 * sequence).to_string(),
            bidder_id: format!("bidder-{sequence}"),
            received_at: Stamp(10 * sequence as i64),
            ends_at: Stamp(END),
            traceparent: Some(format!("t{sequence}")),
        }
    }

    fn attempt(number: u64, outcome: Outcome) -> Attempt {
        Attempt {
            auction: 0,
            intended_us: 0,
            sent_us: 0,
            answered_us: None,
            traceparent: format!("t{number}"),
            keyed: true,
            retries: 0,
            denied_us: None,
            outcome,
        }
    }

    fn accepted(number: u64) -> Attempt {
        let outcome = Outcome::Accepted {
            bid_id: format!("b{number}"),
            sequence: number,
            written_us: 0,
            committed_us: None,
        };
        attempt(number, outcome)
    }

    fn log(after: u64, sequences: &[u64]) -> Log {
        let zero = Stamp(0);
        let timing = Timing {
            sent_at: None,
            received_at: zero,
            written_at: zero,
            read_at: zero,
            published_at: zero,
            source: Source::Stream,
        };
        let told = |sequence: &u64| Delivery {
            bid_id: format!("b{sequence}"),
            sequence: *sequence,
            replay: false,
            received_us: 0,
            timing,
        };
        Log { after, deliveries: sequences.iter().map(told).collect(), ..Log::default() }
    }

    fn of_log(after: u64, sequences: &[u64]) -> Deliveries {
        let table = [vec![bid(1), bid(2), bid(3)]];
        check(&[], &table, &[log(after, sequences)]).deliveries
    }

    #[test]
    fn a_run_that_kept_its_promises_holds() {
        let table = [vec![bid(1), bid(2), bid(3)]];
        let attempts = [accepted(1), accepted(2), accepted(3)];
        let checked = check(&attempts, &table, &[log(0, &[1, 2, 3]), log(2, &[3])]);
        assert!(checked.holds(), "{checked:?}");
        assert_eq!(checked.deliveries.expected, 4);
        assert_eq!(checked.deliveries.live, 4);
    }

    #[test]
    fn missing_duplicate_and_out_of_order_deliveries_are_told_apart() {
        assert_eq!(of_log(0, &[1, 3]).missing, 1);
        assert_eq!(of_log(0, &[1, 2]).missing, 1);
        let twice = of_log(0, &[1, 2, 2, 3]);
        assert_eq!((twice.duplicate, twice.missing, twice.out_of_order), (1, 0, 0));
        assert_eq!(of_log(1, &[1, 2, 3]).duplicate, 1);
        let swapped = of_log(0, &[2, 1, 3]);
        assert_eq!((swapped.duplicate, swapped.missing, swapped.out_of_order), (0, 0, 1));
    }

    #[test]
    fn an_accepted_bid_that_the_table_lacks_breaks_the_guarantee() {
        let table = [vec![bid(1)]];
        let checked = check(&[accepted(1), accepted(2)], &table, &[]);
        assert_eq!(checked.table.accepted_missing, 1);
        assert!(!checked.holds());
    }

    #[test]
    fn a_repeat_is_answered_with_a_bid_that_the_table_has() {
        let table = [vec![bid(1)]];
        let repeated = |bid_id: &str, sequence| {
            let outcome = Outcome::Repeated { bid_id: bid_id.to_owned(), sequence };
            let attempts = [accepted(1), Attempt { keyed: false, ..attempt(7, outcome) }];
            check(&attempts, &table, &[]).table.accepted_missing
        };
        assert_eq!((repeated("b1", 1), repeated("b2", 1), repeated("b2", 2)), (0, 1, 1));
    }

    #[test]
    fn a_refused_bid_that_appears_breaks_the_guarantee_and_an_unknown_one_does_not() {
        let table = [vec![bid(1), bid(2)]];
        let attempts =
            [attempt(1, Outcome::Rejected("TOO_LOW".into())), attempt(2, Outcome::Unknown)];
        assert_eq!(check(&attempts, &table, &[]).table.refused_present, 1);
        let unknown = |number| Attempt { keyed: false, ..attempt(number, Outcome::Unknown) };
        assert!(check(&[unknown(1), unknown(2)], &table, &[]).holds());
        // With a key it could have been asked after.
        assert_eq!(check(&[attempt(1, Outcome::Unknown)], &table, &[]).table.unresolved, 1);
    }

    #[test]
    fn a_bid_that_was_delivered_and_then_denied_is_found() {
        let table = [vec![bid(1)]];
        let denied = |denied_us, delivered_us| {
            let attempts = [Attempt { denied_us, ..accepted(1) }];
            let mut log = log(0, &[1]);
            log.deliveries[0].received_us = delivered_us;
            check(&attempts, &table, &[log])
        };
        assert!(denied(None, 50).holds());
        // The first request may have been written while the denial was on its way.
        assert!(denied(Some(50), 50).holds());
        let found = denied(Some(51), 50);
        assert_eq!(found.table.denied, 1);
        assert!(!found.holds());
    }

    #[test]
    fn a_bid_written_twice_a_gap_and_a_falling_price_are_found() {
        let twice = TableBid { traceparent: Some("t1".into()), ..bid(2) };
        assert_eq!(check(&[], &[vec![bid(1), twice]], &[]).table.twice, 1);
        assert_eq!(check(&[], &[vec![bid(1), bid(3)]], &[]).table.disordered, 1);
        let cheap = TableBid { amount: "50".into(), ..bid(2) };
        assert_eq!(check(&[], &[vec![bid(1), cheap]], &[]).table.disordered, 1);
    }

    #[test]
    fn a_watcher_told_of_another_bid_or_of_none_that_exists_is_found() {
        let table = [vec![bid(1)]];
        assert_eq!(check(&[], &table, &[log(0, &[1, 2])]).table.told_otherwise, 1);
        let mut lied = log(0, &[1]);
        lied.deliveries[0].bid_id = "other".into();
        assert_eq!(check(&[], &table, &[lied]).table.told_otherwise, 1);
    }

    #[test]
    fn a_bid_after_the_end_is_found_and_one_after_a_moved_end_is_none() {
        let moved = TableBid { received_at: Stamp(900), ends_at: Stamp(1_200), ..bid(1) };
        let after = TableBid { received_at: Stamp(1_100), ends_at: Stamp(1_200), ..bid(2) };
        assert_eq!(check(&[], &[vec![moved, after.clone()]], &[]).table.late, 0);
        assert_eq!(check(&[], &[vec![bid(1), after]], &[]).table.late, 1);
    }

    #[test]
    fn an_end_that_is_not_the_highest_bidders_is_found() {
        let standing = |status: &str, winner: &str| Standing {
            status: status.into(),
            sequence: 2,
            winner_id: Some(winner.into()),
        };
        let of = |standing, late_accepted| {
            let endings = vec![Ending { auction: 0, standing, late_accepted }];
            let log = Log { completed: true, ..log(0, &[1, 2]) };
            super::check(&Seen { endings, ..seen(&[], &[vec![bid(1), bid(2)]], &[log]) })
        };
        assert!(of(standing("CLOSED", "bidder-2"), false).holds());
        assert_eq!(of(standing("CLOSED", "bidder-1"), false).closing.wrong_winner, 1);
        assert_eq!(of(standing("OPEN", "bidder-2"), false).closing.not_closed, 1);
        assert_eq!(of(standing("CLOSED", "bidder-2"), true).closing.late_accepted, 1);
    }
}
