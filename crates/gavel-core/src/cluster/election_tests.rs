use std::time::Duration;

use proptest::prelude::*;

use super::*;

const STALE: Duration = limits::LEASE_STALE_AFTER;
const SECOND: Duration = Duration::from_secs(1);

fn lease(owner: &str, counter: u64) -> Lease {
    Lease { owner: Some(owner.into()), counter }
}

/// A node that has taken the only lease.
fn holder(now: Instant) -> Election {
    let mut election = Election::new("a".into(), 1);
    election.observe(vec![None], now);
    let write = election.due(now).unwrap();
    assert_eq!(write, LeaseWrite { slot: 0, expected: None, next: lease("a", 1) });
    election.written(write, now);
    election
}

#[test]
fn a_lease_that_nobody_has_is_taken_and_then_renewed() {
    let now = Instant::now();
    let election = holder(now);
    assert!(election.may_read(now + STALE / 2));
    let renewal = election.due(now + SECOND).unwrap();
    assert_eq!((renewal.expected, renewal.next), (Some(lease("a", 1)), lease("a", 2)));
}

#[test]
fn nothing_is_taken_before_the_table_was_read() {
    assert_eq!(Election::new("a".into(), 2).due(Instant::now()), None);
}

#[test]
fn a_lease_is_taken_once_its_counter_has_stood_still_and_not_before() {
    let now = Instant::now();
    let mut election = Election::new("b".into(), 1);
    election.observe(vec![Some(lease("a", 7))], now);
    election.observe(vec![Some(lease("a", 7))], now + STALE - SECOND);
    assert_eq!(election.due(now + STALE - Duration::from_millis(1)), None);
    election.observe(vec![Some(lease("a", 8))], now + STALE);
    assert_eq!(election.due(now + STALE), None, "it has moved");
    let taken = election.due(now + STALE * 2).unwrap();
    assert_eq!((taken.expected, taken.next), (Some(lease("a", 8)), lease("b", 9)));
}

#[test]
fn who_cannot_renew_stops_reading_in_time() {
    let now = Instant::now();
    let election = holder(now);
    assert!(election.may_read(now + STALE - Duration::from_millis(1)));
    assert!(!election.may_read(now + STALE));
    assert!(election.due(now + STALE).is_some(), "it still tries");
}

#[test]
fn who_sees_another_owner_or_is_refused_stops_reading_at_once() {
    let now = Instant::now();
    let mut election = holder(now);
    election.observe(vec![Some(lease("b", 2))], now);
    assert!(!election.may_read(now));
    let mut election = holder(now);
    election.refused(0);
    assert!(!election.may_read(now));
    let mut election = holder(now);
    election.observe(vec![None], now);
    assert!(!election.may_read(now), "somebody has deleted it");
}

#[test]
fn an_answer_that_is_lost_costs_no_lease_and_lengthens_none() {
    let now = Instant::now();
    let mut election = holder(now);
    // The renewal was written, and nobody said so.
    election.observe(vec![Some(lease("a", 2))], now + SECOND);
    assert!(election.may_read(now + SECOND));
    assert!(!election.may_read(now + STALE), "it counts from the last answer");
    let renewal = election.due(now + SECOND).unwrap();
    assert_eq!((renewal.expected, renewal.next), (Some(lease("a", 2)), lease("a", 3)));
    // So was the taking.
    let mut election = Election::new("a".into(), 1);
    election.observe(vec![Some(lease("a", 1))], now);
    assert!(!election.may_read(now));
    assert_eq!(election.due(now).unwrap().next, lease("a", 2));
}

#[test]
fn a_lease_that_was_given_back_is_taken_at_once() {
    let now = Instant::now();
    let mut first = holder(now);
    let back = first.give_back().unwrap();
    assert!(!first.may_read(now));
    assert_eq!((back.expected, &back.next.owner), (Some(lease("a", 1)), &None));
    let mut second = Election::new("b".into(), 1);
    second.observe(vec![Some(back.next)], now);
    assert_eq!(second.due(now).unwrap().next, lease("b", 3));
}

#[test]
fn the_second_lease_is_taken_where_the_first_has_an_owner() {
    let now = Instant::now();
    let mut election = Election::new("b".into(), 2);
    election.observe(vec![Some(lease("a", 1)), None], now);
    assert_eq!(election.due(now).unwrap().slot, 1);
}

/// A step of one node: it reads the leases, or writes what was due when it last looked, and its
/// request takes some time there and back.
#[derive(Debug, Clone)]
struct Turn {
    node: usize,
    writes: bool,
    after_ms: u64,
    there_ms: u64,
    answer_is_lost: bool,
    gives_back: bool,
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let turn = (0..4_usize, any::<bool>(), 0..1500_u64, 0..800_u64, 0..20_u8, 0..30_u8);
    let turn = turn.prop_map(|(node, writes, after_ms, there_ms, lost, back)| Turn {
        node,
        writes,
        after_ms,
        there_ms,
        answer_is_lost: lost == 0,
        gives_back: back == 0,
    });
    proptest::collection::vec(turn, 1..120)
}

proptest! {
    /// Two leases, four nodes whose requests take their time, some answers are lost: never more
    /// than two read.
    #[test]
    fn no_more_nodes_read_than_there_are_leases(turns in turns()) {
        let mut now = Instant::now();
        let names = ["a", "b", "c", "d"];
        let mut nodes: Vec<Election> =
            names.iter().map(|name| Election::new((*name).into(), 2)).collect();
        let mut table: Vec<Option<Lease>> = vec![None, None];
        let readers = |nodes: &[Election], now| nodes.iter().filter(|n| n.may_read(now)).count();
        for turn in turns {
            now += Duration::from_millis(turn.after_ms);
            prop_assert!(readers(&nodes, now) <= 2);
            let sent = now;
            let node = &mut nodes[turn.node];
            if turn.gives_back {
                if let Some(write) = node.give_back()
                    && table[write.slot] == write.expected
                {
                    table[write.slot] = Some(write.next);
                }
            } else if !turn.writes {
                let shown = table.clone();
                now += Duration::from_millis(turn.there_ms);
                node.observe(shown, now);
            } else if let Some(write) = node.due(now) {
                now += Duration::from_millis(turn.there_ms);
                let holds = table[write.slot] == write.expected;
                if holds {
                    table[write.slot] = Some(write.next.clone());
                }
                match (turn.answer_is_lost, holds) {
                    (true, _) => {}
                    (false, true) => node.written(write, sent),
                    (false, false) => node.refused(write.slot),
                }
            }
            prop_assert!(readers(&nodes, now) <= 2);
        }
    }
}
