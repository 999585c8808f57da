//! What a failure in mid-batch costs, counted: the rules of SOURCES.md#lambda through line and
//! handler.

use std::time::Instant;

use proptest::prelude::*;

use super::handler::{Handler, Tally};
use super::mapping::{Answer, Failure, Item, Line, Next, Settings};

const NEVER: fn() -> f64 = || 1.0;

/// Gives `count` records to a handler that fails as told, until the line is at rest or `invocations`
/// are over. Returns the tally, what was handled in order, and what was given up.
fn play(settings: &Settings, count: u32, invocations: usize) -> (Tally, Vec<u32>, Vec<u32>) {
    let now = Instant::now();
    let mut line = Line::new(settings.clone());
    line.push((1..=count).map(|id| Item { id: id.to_string(), read_at: now, record: id }));
    let mut handler = Handler::new(settings.clone());
    let (mut done, mut given_up) = (Vec::new(), Vec::new());
    for _ in 0..invocations {
        let Next::Invoke(items) = line.next(now) else { break };
        let invocation = handler.invoke(&items, NEVER);
        done.extend(items[..invocation.handled].iter().map(|item| item.record));
        line.answered(&invocation.answer);
        let lost = line.take_given_up();
        handler.forget(&lost);
        given_up.extend(lost.into_iter().map(|item| item.record));
        if invocation.answer != Answer::Failed {
            handler.forget(&items[..invocation.handled]);
        }
    }
    (handler.tally, done, given_up)
}

fn once_at(record: usize) -> Settings {
    Settings { failures: vec![Failure { record, times: Some(1) }], ..Settings::default() }
}

#[test]
fn each_failure_of_a_script_finds_a_record_of_its_own() {
    let three = vec![Failure { record: 7, times: Some(1) }; 3];
    let settings = Settings { batch_size: 10, failures: three, ..Settings::default() };
    let (tally, ..) = play(&settings, 50, 100);
    assert_eq!((tally.failed, tally.replayed), (3, 18));
    let partial = Settings { report_batch_item_failures: true, ..settings };
    let (tally, ..) = play(&partial, 50, 100);
    assert_eq!((tally.failed, tally.replayed), (3, 0));
}

#[test]
fn a_plain_retry_replays_every_record_before_the_failure() {
    let (tally, handled, _) = play(&once_at(7), 10, 100);
    assert_eq!(handled, [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    let expected = Tally {
        invocations: 2,
        cold_starts: 1,
        failed: 1,
        handled: 16,
        replayed: 6,
        ..Tally::default()
    };
    assert_eq!(tally, expected);
}

#[test]
fn partial_failures_replay_nothing_that_was_handled() {
    let settings = Settings { report_batch_item_failures: true, ..once_at(7) };
    let (tally, handled, _) = play(&settings, 10, 100);
    assert_eq!(handled, (1..=10).collect::<Vec<_>>());
    assert_eq!((tally.invocations, tally.failed, tally.replayed), (2, 1, 0));
}

#[test]
fn bisecting_replays_the_first_half_too() {
    let settings = Settings { bisect_batch_on_function_error: true, ..once_at(7) };
    let (tally, handled, _) = play(&settings, 10, 100);
    // [1..10] fails at 7; then [1..5] and [6..10]: what the handler had done comes again.
    assert_eq!(handled, [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert_eq!((tally.invocations, tally.failed, tally.replayed), (3, 1, 6));
}

#[test]
fn a_poison_record_stops_its_shard_until_retries_are_bounded() {
    let poison =
        Settings { failures: vec![Failure { record: 3, times: None }], ..Settings::default() };
    let (tally, handled, given_up) = play(&poison, 5, 50);
    assert_eq!((tally.invocations, tally.failed), (50, 50));
    assert!(!handled.contains(&4), "nothing passes it");
    assert!(given_up.is_empty());
    let bounded = Settings { maximum_retry_attempts: Some(2), ..poison.clone() };
    let (tally, handled, given_up) = play(&bounded, 5, 50);
    assert_eq!((tally.invocations, tally.failed), (3, 3));
    assert_eq!(handled, [1, 2, 1, 2, 1, 2]);
    assert_eq!(given_up, [1, 2, 3, 4, 5], "the whole batch, good records too");
    let split = Settings { bisect_batch_on_function_error: true, ..bounded };
    let (_, handled, given_up) = play(&split, 5, 50);
    assert_eq!(given_up, [3]);
    assert!(handled.contains(&5), "the rest goes on");
}

#[test]
fn cold_starts_are_the_first_and_a_share_of_the_others() {
    let settings = Settings { cold_start_rate: 0.5, ..Settings::default() };
    let mut handler = Handler::new(settings);
    let item = |id: u32| [Item { id: id.to_string(), read_at: Instant::now(), record: id }];
    assert!(handler.invoke(&item(1), NEVER).cold);
    assert!(!handler.invoke(&item(2), NEVER).cold);
    assert!(handler.invoke(&item(3), || 0.4).cold);
    assert_eq!(handler.tally.cold_starts, 2);
}

proptest! {
    /// Whatever a script says: what was handled, less what was replayed, is each record once,
    /// unless it was given up before it could be.
    #[test]
    fn replays_are_counted_exactly(
        count in 1..40_u32, batch_size in 1..15_usize, bisect: bool, report: bool,
        script in prop::collection::vec((1..15_usize, 1..4_u32), 0..6),
    ) {
        let failures = script.iter().map(|(record, times)| Failure { record: *record, times: Some(*times) });
        let settings = Settings {
            batch_size,
            bisect_batch_on_function_error: bisect,
            report_batch_item_failures: report,
            failures: failures.collect(),
            ..Settings::default()
        };
        let (tally, handled, given_up) = play(&settings, count, 10_000);
        prop_assert!(given_up.is_empty());
        prop_assert_eq!(tally.handled, handled.len() as u64);
        prop_assert_eq!(tally.handled - tally.replayed, u64::from(count));
        if report && !bisect {
            prop_assert_eq!(tally.replayed, 0);
        }
    }
}
