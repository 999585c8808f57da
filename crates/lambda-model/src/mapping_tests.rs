//! The rules of an event source mapping, by cases and properties.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::mapping::{Answer, Item, Line, Next, Settings};

fn items(now: Instant, ids: std::ops::Range<u32>) -> Vec<Item<u32>> {
    ids.map(|id| Item { id: id.to_string(), read_at: now, record: id }).collect()
}

fn line(settings: Settings, now: Instant, count: u32) -> Line<u32> {
    let mut line = Line::new(settings);
    line.push(items(now, 0..count));
    line
}

fn invoked(line: &mut Line<u32>, now: Instant) -> Vec<u32> {
    match line.next(now) {
        Next::Invoke(items) => items.into_iter().map(|item| item.record).collect(),
        Next::Wait(_) => Vec::new(),
    }
}

fn failures(ids: &[u32]) -> Answer {
    Answer::ItemFailures(ids.iter().map(ToString::to_string).collect())
}

#[test]
fn a_failed_batch_comes_again_whole_and_nothing_passes_it() {
    let now = Instant::now();
    let mut line = line(Settings { batch_size: 3, ..Settings::default() }, now, 5);
    assert_eq!(invoked(&mut line, now), [0, 1, 2]);
    assert_eq!(line.next(now), Next::Wait(None), "one invocation at a time");
    for _ in 0..4 {
        line.answered(&Answer::Failed);
        assert_eq!(invoked(&mut line, now), [0, 1, 2]);
    }
    line.answered(&Answer::Success);
    assert_eq!(invoked(&mut line, now), [3, 4]);
    line.answered(&Answer::Success);
    assert!(line.is_idle());
}

#[test]
fn with_item_failures_the_lowest_and_all_after_it_come_again() {
    let now = Instant::now();
    let settings = Settings { report_batch_item_failures: true, ..Settings::default() };
    let mut line = line(settings, now, 6);
    assert_eq!(invoked(&mut line, now), [0, 1, 2, 3, 4, 5]);
    line.answered(&failures(&[4, 2]));
    assert_eq!(invoked(&mut line, now), [2, 3, 4, 5]);
    line.answered(&failures(&[99]));
    assert_eq!(invoked(&mut line, now), [2, 3, 4, 5], "a number that is not of the batch");
    line.answered(&failures(&[]));
    assert!(line.is_idle());
}

#[test]
fn bisecting_with_item_failures_splits_at_the_record_that_failed() {
    let now = Instant::now();
    let settings = Settings {
        report_batch_item_failures: true,
        bisect_batch_on_function_error: true,
        maximum_retry_attempts: Some(0),
        ..Settings::default()
    };
    let mut line = line(settings, now, 10);
    assert_eq!(invoked(&mut line, now).len(), 10);
    line.answered(&failures(&[3]));
    assert_eq!(invoked(&mut line, now), (3..10).collect::<Vec<_>>(), "in one: two in all");
    line.answered(&Answer::Success);
    assert!(line.is_idle() && line.take_given_up().is_empty());
}

#[test]
fn a_batch_that_is_stuck_comes_again_ever_later_and_one_that_moves_at_once() {
    let now = Instant::now();
    let settings = Settings { report_batch_item_failures: true, ..Settings::default() };
    let mut line = line(settings, now, 3);
    let mut pauses = Vec::new();
    for _ in 0..12 {
        invoked(&mut line, now);
        line.answered(&Answer::Failed);
        pauses.push(line.pause().as_millis());
    }
    assert_eq!(pauses[..5], [0, 250, 500, 1_000, 2_000]);
    assert_eq!(pauses[10..], [60_000, 60_000], "at most a minute");
    invoked(&mut line, now);
    line.answered(&failures(&[1]));
    assert_eq!(line.pause(), Duration::ZERO, "a part of it got through");
    assert_eq!(invoked(&mut line, now), [1, 2]);
}

#[test]
fn item_failures_are_not_looked_at_unless_they_are_switched_on() {
    let now = Instant::now();
    let mut line = line(Settings::default(), now, 2);
    assert_eq!(invoked(&mut line, now), [0, 1]);
    line.answered(&failures(&[0]));
    assert!(line.is_idle());
}

#[test]
fn bisecting_finds_the_bad_record_and_uses_up_no_retries() {
    let now = Instant::now();
    let settings = Settings {
        bisect_batch_on_function_error: true,
        maximum_retry_attempts: Some(0),
        ..Settings::default()
    };
    let mut line = line(settings, now, 4);
    let mut handled = Vec::new();
    loop {
        let batch = invoked(&mut line, now);
        if batch.is_empty() {
            break;
        }
        let bad = batch.contains(&2);
        line.answered(if bad { &Answer::Failed } else { &Answer::Success });
        if !bad {
            handled.extend(batch);
        }
    }
    assert_eq!(handled, [0, 1, 3]);
    let given_up: Vec<u32> = line.take_given_up().into_iter().map(|item| item.record).collect();
    assert_eq!(given_up, [2]);
}

#[test]
fn retries_and_age_run_out_and_the_rest_goes_on() {
    let now = Instant::now();
    let settings =
        Settings { maximum_retry_attempts: Some(2), batch_size: 1, ..Settings::default() };
    let mut retried = line(settings, now, 2);
    for _ in 0..3 {
        assert_eq!(invoked(&mut retried, now), [0]);
        retried.answered(&Answer::Failed);
    }
    assert_eq!(invoked(&mut retried, now), [1]);
    let settings = Settings { maximum_record_age_ms: Some(1_000), ..Settings::default() };
    let mut aged = line(settings, now, 1);
    assert_eq!(invoked(&mut aged, now), [0]);
    aged.answered(&Answer::Failed);
    assert_eq!(aged.next(now + Duration::from_millis(1_001)), Next::Wait(None));
    assert_eq!(aged.take_given_up().len(), 1);
}

#[test]
fn a_batching_window_holds_a_batch_until_it_is_full_or_ripe() {
    let now = Instant::now();
    let settings = Settings { batching_window_ms: 1_000, batch_size: 3, ..Settings::default() };
    let mut line = line(settings, now, 2);
    let ripe = now + Duration::from_secs(1);
    assert_eq!(line.next(now), Next::Wait(Some(ripe)));
    assert_eq!(invoked(&mut line, ripe), [0, 1]);
    line.answered(&Answer::Success);
    line.push(items(now, 2..6));
    assert_eq!(invoked(&mut line, now), [2, 3, 4], "full");
}

proptest! {
    /// Whatever fails, each record is handled at least once and first in order, or given up; and
    /// the line comes to rest.
    #[test]
    fn every_record_is_handled_in_order_or_given_up(
        count in 1..60_u32, batch_size in 1..20_usize, bisect: bool, report: bool,
        retries in proptest::option::of(0..3_u32), answers in prop::collection::vec(0..4_u8, 0..80),
    ) {
        let settings = Settings {
            batch_size,
            bisect_batch_on_function_error: bisect,
            report_batch_item_failures: report,
            maximum_retry_attempts: retries,
            ..Settings::default()
        };
        let now = Instant::now();
        let mut line = line(settings, now, count);
        let mut answers = answers.into_iter();
        let mut first_handled: Vec<u32> = Vec::new();
        loop {
            let batch = invoked(&mut line, now);
            if batch.is_empty() {
                break;
            }
            let (answer, handled) = match answers.next() {
                Some(0) => (Answer::Failed, 0),
                Some(1) => (failures(&batch[batch.len() / 2..]), batch.len() / 2),
                _ => (Answer::Success, batch.len()),
            };
            // A handler that fails may have handled some before.
            let handled = if matches!(answer, Answer::ItemFailures(_)) && !report {
                batch.len()
            } else {
                handled
            };
            for record in &batch[..handled] {
                if !first_handled.contains(record) {
                    first_handled.push(*record);
                }
            }
            line.answered(&answer);
        }
        prop_assert!(line.is_idle());
        prop_assert!(first_handled.is_sorted());
        let mut all: Vec<u32> = line.take_given_up().into_iter().map(|item| item.record).collect();
        all.extend(first_handled);
        all.sort_unstable();
        all.dedup();
        prop_assert_eq!(all, (0..count).collect::<Vec<_>>());
    }
}
