//! The protocol by cases, time included.

use std::time::Instant;

use super::protocol::{Action, Protocol};
use crate::limits;

const INIT: &str = r#"{"type":"connection_init"}"#;

fn admitted(now: Instant) -> Protocol {
    let mut protocol = Protocol::new(now);
    assert_eq!(protocol.text(INIT, now), Some(Action::Admit { payload: None }));
    let ack = protocol.admitted(None, now);
    assert_eq!(ack, Some(Action::Send(r#"{"type":"connection_ack"}"#.to_owned())));
    protocol
}

fn subscribe(id: &str) -> String {
    format!(r#"{{"type":"subscribe","id":"{id}","payload":{{"query":"{{ me {{ id }} }}"}}}}"#)
}

fn close_code(action: Option<Action>) -> u16 {
    match action {
        Some(Action::Close(close)) => close.code,
        other => panic!("not a close: {other:?}"),
    }
}

#[test]
fn who_says_nothing_in_time_is_closed_4408_and_not_a_moment_earlier() {
    let now = Instant::now();
    let mut protocol = Protocol::new(now);
    assert_eq!(protocol.tick(now + limits::INIT_TIMEOUT / 2), None);
    assert_eq!(close_code(protocol.tick(now + limits::INIT_TIMEOUT)), 4408);
    // Closed is closed.
    assert_eq!(protocol.text(INIT, now + limits::INIT_TIMEOUT), None);
}

#[test]
fn a_ping_goes_out_in_time_and_any_word_answers_it() {
    let mut now = Instant::now();
    let mut protocol = admitted(now);
    for _ in 0..3 {
        now += limits::PING_EVERY;
        let ping = protocol.tick(now);
        assert_eq!(ping, Some(Action::Send(r#"{"type":"ping"}"#.to_owned())));
        assert_eq!(protocol.text(r#"{"type":"pong"}"#, now), None);
        assert_eq!(protocol.tick(now), None);
    }
    now += limits::PING_EVERY;
    assert!(protocol.tick(now).is_some());
    assert_eq!(close_code(protocol.tick(now + limits::PONG_TIMEOUT)), 1013);
}

#[test]
fn a_second_init_is_4429_whether_or_not_the_first_was_answered() {
    let now = Instant::now();
    assert_eq!(close_code(admitted(now).text(INIT, now)), 4429);
    let mut admitting = Protocol::new(now);
    admitting.text(INIT, now);
    assert_eq!(close_code(admitting.text(INIT, now)), 4429);
}

#[test]
fn a_refused_init_is_4403_with_a_reason_that_fits_a_close_frame() {
    let now = Instant::now();
    let mut protocol = Protocol::new(now);
    protocol.text(INIT, now);
    let Some(Action::Close(close)) = protocol.refused(&"é".repeat(200)) else {
        panic!("no close")
    };
    assert_eq!(close.code, 4403);
    assert!(close.reason.len() <= 123);
}

#[test]
fn an_id_is_in_use_until_the_client_completes_it_or_the_server_ends_it() {
    let now = Instant::now();
    let mut protocol = admitted(now);
    let starts = |action: Option<Action>| matches!(action, Some(Action::Start { .. }));
    assert!(starts(protocol.text(&subscribe("1"), now)));
    let stop = protocol.text(r#"{"type":"complete","id":"1"}"#, now);
    assert_eq!(stop, Some(Action::Stop("1".into())));
    // Completed twice, or never begun: nothing.
    assert_eq!(protocol.text(r#"{"type":"complete","id":"1"}"#, now), None);
    assert!(starts(protocol.text(&subscribe("1"), now)));
    protocol.ended("1");
    assert!(starts(protocol.text(&subscribe("1"), now)));
    assert_eq!(close_code(protocol.text(&subscribe("1"), now)), 4409);
    assert_eq!(protocol.operations(), 0);
}

#[test]
fn operations_beyond_the_bound_are_refused_alone() {
    let now = Instant::now();
    let mut protocol = admitted(now);
    for n in 0..limits::OPERATIONS_PER_SOCKET_MAX {
        assert!(protocol.text(&subscribe(&n.to_string()), now).is_some());
    }
    let refused = protocol.text(&subscribe("more"), now);
    assert_eq!(refused, Some(Action::Refuse("more".into())));
    assert_eq!(protocol.operations(), limits::OPERATIONS_PER_SOCKET_MAX);
}

#[test]
fn a_ping_is_answered_with_its_payload_before_and_after_the_ack() {
    let now = Instant::now();
    for mut protocol in [Protocol::new(now), admitted(now)] {
        let pong = protocol.text(r#"{"type":"ping","payload":{"a":1}}"#, now);
        assert_eq!(pong, Some(Action::Send(r#"{"type":"pong","payload":{"a":1}}"#.to_owned())));
    }
}
