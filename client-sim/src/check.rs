//! The checker: what was promised against what was seen. Pure.
//!
//! A bid answered accepted is in the table and reaches every watcher once and in order; a refused
//! one never appears. Offers are recognised by their trace context, which the table keeps.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use crate::api::TableBid;
use crate::offers::{Offer, Outcome};
use crate::watchers::Log;

/// Deliveries, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Table {
    /// Answered accepted, not in the table.
    pub accepted_missing: u64,
    /// Refused or failed, and yet in the table.
    pub refused_present: u64,
    /// In the table more than once.
    pub twice: u64,
    /// Sequences that are not 1, 2, 3 ... or prices that do not rise.
    pub disordered: u64,
    /// Told to a watcher, and not what the table has there.
    pub told_otherwise: u64,
}

/// What the checker found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checked {
    /// What watchers were told.
    pub deliveries: Deliveries,
    /// What the table has.
    pub table: Table,
}

impl Checked {
    /// Whether every guarantee held.
    pub fn holds(&self) -> bool {
        let deliveries = self.deliveries;
        deliveries.missing + deliveries.duplicate + deliveries.out_of_order == 0
            && self.table == Table::default()
    }
}

/// Checks a run: its offers, each auction's bids in the table, each watcher's log.
pub fn check(offers: &[Offer], table: &[Vec<TableBid>], logs: &[Log]) -> Checked {
    let mut checked = Checked { table: check_table(offers, table), ..Checked::default() };
    for log in logs {
        check_log(log, &table[log.auction], &mut checked);
    }
    checked
}

fn check_table(offers: &[Offer], table: &[Vec<TableBid>]) -> Table {
    let mut found = Table::default();
    let mut by_offer: HashMap<&str, (&TableBid, usize)> = HashMap::new();
    for (auction, bids) in table.iter().enumerate() {
        let mut price = 0;
        for (at, bid) in bids.iter().enumerate() {
            let amount: u64 = bid.amount.parse().unwrap_or(0);
            found.disordered += u64::from(bid.sequence != at as u64 + 1 || amount <= price);
            price = amount;
            let Some(traceparent) = bid.traceparent.as_deref() else { continue };
            found.twice += u64::from(by_offer.insert(traceparent, (bid, auction)).is_some());
        }
    }
    for offer in offers {
        let in_table = by_offer.get(offer.traceparent.as_str());
        match &offer.outcome {
            Outcome::Accepted { bid_id, sequence, .. } => {
                let is_it = in_table.is_some_and(|(bid, auction)| {
                    bid.id == *bid_id && bid.sequence == *sequence && *auction == offer.auction
                });
                found.accepted_missing += u64::from(!is_it);
            }
            Outcome::Rejected(_) | Outcome::Failed(_) => {
                found.refused_present += u64::from(in_table.is_some());
            }
            Outcome::Unknown => {}
        }
    }
    found
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
    use crate::stamp::Stamp;
    use crate::watchers::{Delivery, Timing};

    fn bid(sequence: u64) -> TableBid {
        TableBid {
            id: format!("b{sequence}"),
            sequence,
            amount: (100 * sequence).to_string(),
            traceparent: Some(format!("t{sequence}")),
        }
    }

    fn offer(number: u64, outcome: Outcome) -> Offer {
        Offer {
            auction: 0,
            intended_us: 0,
            sent_us: 0,
            traceparent: format!("t{number}"),
            retries: 0,
            outcome,
        }
    }

    fn accepted(number: u64) -> Offer {
        let outcome = Outcome::Accepted {
            bid_id: format!("b{number}"),
            sequence: number,
            written_us: 0,
            committed_us: None,
        };
        offer(number, outcome)
    }

    fn log(after: u64, sequences: &[u64]) -> Log {
        let zero = Stamp(0);
        let timing = Timing {
            sent_at: None,
            received_at: zero,
            written_at: zero,
            read_at: zero,
            published_at: zero,
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
        let offers = [accepted(1), accepted(2), accepted(3)];
        let checked = check(&offers, &table, &[log(0, &[1, 2, 3]), log(2, &[3])]);
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
    fn a_refused_bid_that_appears_breaks_the_guarantee_and_an_unknown_one_does_not() {
        let table = [vec![bid(1), bid(2)]];
        let offers = [offer(1, Outcome::Rejected("TOO_LOW".into())), offer(2, Outcome::Unknown)];
        assert_eq!(check(&offers, &table, &[]).table.refused_present, 1);
        let offers = [offer(1, Outcome::Unknown), offer(2, Outcome::Unknown)];
        assert!(check(&offers, &table, &[]).holds());
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
}
