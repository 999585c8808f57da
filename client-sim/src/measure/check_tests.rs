//! Tests of check.

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
        forwarded_at: None,
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
    let attempts = [attempt(1, Outcome::Rejected("TOO_LOW".into())), attempt(2, Outcome::Unknown)];
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
