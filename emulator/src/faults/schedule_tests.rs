//! Tests of schedule.

use super::*;
use proptest::prelude::*;

const START: Micros = Micros(1_000_000);

fn call(operation: Operation) -> Call {
    Call::new(operation, r#"{"TableName": "bids"}"#.to_owned(), "eu-west-1")
}

fn at_ms(ms: u64) -> Micros {
    START + Duration::from_millis(ms)
}

fn schedule(rule: FaultRule) -> FaultSchedule {
    let mut schedule = FaultSchedule::new(1);
    schedule.add(rule, START);
    schedule
}

#[test]
fn a_rule_hits_only_within_its_window_and_count() {
    let rule = FaultRule::new(FaultKind::InternalError)
        .between(Duration::from_millis(10), Duration::from_millis(20))
        .count(2);
    let mut schedule = schedule(rule);
    let hits = [9, 10, 15, 16, 20]
        .map(|ms| schedule.decide(&call(Operation::PutItem), at_ms(ms)).map(|fault| fault.kind));
    let fault = Some(FaultKind::InternalError);
    assert_eq!(hits, [None, fault, fault, None, None]);
    assert_eq!(schedule.counts()[&FaultKind::InternalError], 2);
}

#[test]
fn a_rule_hits_only_what_it_is_aimed_at_and_concerns() {
    let mut writes = schedule(FaultRule::new(FaultKind::LostAnswer).on(Target::Writes));
    assert!(writes.decide(&call(Operation::Query), START).is_none());
    assert!(writes.decide(&call(Operation::TransactWriteItems), START).is_some());
    let mut pages = schedule(FaultRule::new(FaultKind::EmptyPage));
    assert!(pages.decide(&call(Operation::PutItem), START).is_none());
    assert!(pages.decide(&call(Operation::GetRecords), START).is_some());
}

#[test]
fn a_rule_hits_one_operation_of_one_table_with_any_error() {
    let mut rule = FaultRule::error("KMSAccessDenied").operation("DescribeTable").table("bids");
    rule.status = Some(500);
    let mut errors = schedule(rule.clone());
    assert!(errors.decide(&call(Operation::PutItem), START).is_none());
    let fault = errors.decide(&call(Operation::DescribeTable), START).unwrap();
    let error = fault.error.unwrap();
    assert_eq!(error.status, 500);
    assert!(error.body.contains("#KMSAccessDenied"), "{}", error.body);
    let mut others = schedule(rule.table("other"));
    assert!(others.decide(&call(Operation::DescribeTable), START).is_none());
}

#[test]
fn what_makes_no_sense_in_a_rule_is_said() {
    let rule = |text: &str| serde_json::from_str::<FaultRule>(text).unwrap().problem();
    for (text, problem) in [
        (r#"{"kind": "lost_answer", "rate": 2}"#, Some("a rate")),
        (r#"{"kind": "throttled", "operation": "describe"}"#, Some("unknown operation")),
        (r#"{"kind": "error"}"#, Some("the kind error needs")),
        (r#"{"kind": "throttled", "error": "X"}"#, Some("error, status and message")),
        (r#"{"kind": "error", "error": "X", "status": 200}"#, Some("a status")),
        (r#"{"kind": "error", "error": "X", "status": 503, "key": "a#1"}"#, None),
    ] {
        assert_eq!(rule(text).is_some(), problem.is_some(), "{text}");
        assert!(rule(text).unwrap_or_default().starts_with(problem.unwrap_or_default()), "{text}");
    }
}

#[test]
fn a_rule_in_json_needs_only_its_kind() {
    let rule: FaultRule = serde_json::from_str(r#"{"kind": "lost_answer"}"#).unwrap();
    assert_eq!(rule, FaultRule::new(FaultKind::LostAnswer));
    assert!(serde_json::from_str::<FaultRule>(r#"{"kind": "x"}"#).is_err());
    assert!(serde_json::from_str::<FaultRule>(r#"{"kind": "lost_answer", "tpyo": 1}"#).is_err());
}

proptest! {
    #[test]
    fn the_same_seed_gives_the_same_faults(seed: u64, rate in 0.0..=1.0_f64) {
        let run = || {
            let mut schedule = FaultSchedule::new(seed);
            schedule.add(FaultRule::new(FaultKind::InternalError).rate(rate), START);
            (0..50)
                .map(|ms| schedule.decide(&call(Operation::PutItem), at_ms(ms)).is_some())
                .collect::<Vec<_>>()
        };
        prop_assert_eq!(run(), run());
    }

    #[test]
    fn a_rate_is_kept_and_its_ends_are_never_and_always(seed: u64, rate in 0.0..=1.0_f64) {
        for (rate, tolerance) in [(0.0, 0.0), (1.0, 0.0), (rate, 0.1)] {
            let mut schedule = FaultSchedule::new(seed);
            schedule.add(FaultRule::new(FaultKind::InternalError).rate(rate), START);
            let hits = (0..2_000)
                .filter(|_| schedule.decide(&call(Operation::PutItem), START).is_some())
                .count();
            prop_assert!((hits as f64 / 2_000.0 - rate).abs() <= tolerance);
        }
    }
}
