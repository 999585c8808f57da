//! The protocol of one connection, message by message, in the words of graphql-ws's PROTOCOL.md.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::SocketLimits;
use super::action::{Action, Close, Refusal, SocketProtocol as _};
use super::protocol::Protocol;
use crate::auth::AuthError;
use crate::graphql::error::Code;
use crate::graphql::request::Asked;
use crate::limits;

const INIT: &str = r#"{"type":"connection_init"}"#;
const PING: &str = r#"{"type":"ping"}"#;
const PONG: &str = r#"{"type":"pong"}"#;

fn subscribe(id: &str) -> String {
    format!(r#"{{"type":"subscribe","id":"{id}","payload":{{"query":"{{ serverTime }}"}}}}"#)
}

fn complete(id: &str) -> String {
    format!(r#"{{"type":"complete","id":"{id}"}}"#)
}

fn connected() -> (Protocol, Instant) {
    let now = Instant::now();
    (Protocol::new(SocketLimits::default(), now), now)
}

fn acknowledged() -> (Protocol, Instant) {
    let (mut protocol, now) = connected();
    assert_eq!(protocol.text(INIT, now), Some(Action::Admit { payload: None }));
    assert_eq!(protocol.admitted(None, now), Some(sent(r#"{"type":"connection_ack"}"#)));
    (protocol, now)
}

fn sent(message: &str) -> Action {
    Action::Send(vec![message.to_owned()])
}

/// The end of a wait for the peer: it is looked at once before.
fn last_look(protocol: &mut Protocol) -> Instant {
    let due = protocol.deadline();
    assert_eq!(protocol.tick(just_before(due)), None);
    assert_eq!(protocol.tick(due), None);
    protocol.deadline()
}

fn just_before(due: Instant) -> Instant {
    due.checked_sub(Duration::from_millis(1)).expect("a deadline lies ahead")
}

/// The id of the operation that is to be started.
fn started(action: Option<Action>) -> Option<String> {
    match action {
        Some(Action::Start { id, .. }) => Some(id.to_string()),
        _ => None,
    }
}

/// The code that the socket is closed with. Its reason must fit a close frame.
fn code(action: Option<Action>) -> Option<u16> {
    let Some(Action::Close(Close { code, reason })) = action else { return None };
    assert!((1..=123).contains(&reason.len()), "{reason:?}");
    Some(code)
}

#[test]
fn a_message_that_is_none_of_the_protocols_closes_4400() {
    let too_long = subscribe(&"x".repeat(limits::OPERATION_ID_BYTES_MAX + 1));
    let messages = [
        "",
        "hello",
        "[]",
        "1",
        r#"{"id":"1"}"#,
        r#"{"type":1}"#,
        r#"{"type":"start","id":"1"}"#,
        r#"{"type":"next","id":"1","payload":{}}"#,
        r#"{"type":"connection_ack"}"#,
        r#"{"type":"connection_init","payload":"token"}"#,
        r#"{"type":"ping","payload":[]}"#,
        r#"{"type":"pong","payload":0}"#,
        r#"{"type":"complete"}"#,
        r#"{"type":"complete","id":""}"#,
        r#"{"type":"complete","id":1}"#,
        r#"{"type":"subscribe","payload":{"query":"{ serverTime }"}}"#,
        &too_long,
    ];
    for message in messages {
        for (mut protocol, now) in [connected(), acknowledged()] {
            assert_eq!(code(protocol.text(message, now)), Some(4400), "{message}");
            assert_eq!(protocol.text(INIT, now), None, "nothing follows a close");
        }
    }
    let (mut protocol, _) = acknowledged();
    assert_eq!(code(protocol.binary()), Some(4400));
    assert_eq!(protocol.binary(), None);
}

#[test]
fn an_operation_whose_payload_is_wrong_is_answered_by_an_error_and_the_socket_goes_on() {
    let payload = |payload: &str| format!(r#"{{"type":"subscribe","id":"1","payload":{payload}}}"#);
    let bad = [
        "null",
        "{}",
        "[]",
        "\"{ a }\"",
        r#"{"query":1}"#,
        r#"{"query":"{ a }","variables":[]}"#,
        r#"{"query":"{ a }","extensions":[]}"#,
        r#"{"query":"{ a }","operationName":{}}"#,
        r#"{"query":"{ a(b: \"\ud83d\") }"}"#,
        r#"{"query":"{ a }","query":"{ b }"}"#,
    ];
    let (mut protocol, now) = acknowledged();
    for bad in bad {
        match protocol.text(&payload(bad), now) {
            Some(Action::Reject(id, error)) => {
                assert!(id.as_ref() == "1" && Code::of(&error).is_some(), "{bad}: {error:?}");
            }
            other => panic!("{bad}: {other:?}"),
        }
    }
    assert_eq!(
        started(protocol.text(&subscribe("1"), now)).as_deref(),
        Some("1"),
        "its id is free"
    );
    // An `error` for an operation that runs would end it at its client.
    assert_eq!(code(protocol.text(&payload("{}"), now)), Some(4409));
    let (mut protocol, now) = connected();
    assert_eq!(code(protocol.text(&payload("{}"), now)), Some(4401));
}

#[test]
fn an_operation_before_the_ack_closes_4401() {
    let (mut protocol, now) = connected();
    assert_eq!(code(protocol.text(&subscribe("1"), now)), Some(4401));
    let (mut protocol, now) = connected();
    protocol.text(INIT, now);
    assert_eq!(code(protocol.text(&subscribe("1"), now)), Some(4401), "still being checked");
}

#[test]
fn a_refused_connection_closes_4403_with_a_reason_that_fits() {
    let long: &'static str = "ü".repeat(80).leak();
    let errors = [AuthError::Expired, AuthError::Malformed(""), AuthError::Malformed(long)];
    for error in &errors {
        let (mut protocol, now) = connected();
        let init = r#"{"type":"connection_init","payload":{"authorization":"Bearer x"}}"#;
        let payload = Some(r#"{"authorization":"Bearer x"}"#.to_owned());
        assert_eq!(protocol.text(init, now), Some(Action::Admit { payload }));
        assert_eq!(code(protocol.refused(Refusal::Credentials(error))), Some(4403));
        assert_eq!(protocol.admitted(None, now), None, "it is closed");
    }
    let (mut protocol, now) = acknowledged();
    let late = protocol.refused(Refusal::Credentials(&AuthError::Expired));
    assert_eq!(late, None, "only what is being checked can be refused");
    let (mut other, _) = connected();
    other.text(INIT, now);
    assert_eq!(code(other.refused(Refusal::TooManySockets)), Some(1013));
}

#[test]
fn a_client_that_does_not_initialise_in_time_is_closed_4408() {
    let (mut protocol, now) = connected();
    let due = now + limits::INIT_TIMEOUT;
    assert_eq!(last_look(&mut protocol), due);
    assert_eq!(protocol.tick(just_before(due)), None);
    assert_eq!(code(protocol.tick(due)), Some(4408));
    assert_eq!(protocol.tick(due), None);
    // Nothing but the ack takes the time-out away.
    let (mut protocol, now) = connected();
    protocol.text(PING, now);
    protocol.text(INIT, now);
    let due = last_look(&mut protocol);
    assert_eq!(code(protocol.tick(due)), Some(4408));
}

#[test]
fn an_id_in_use_closes_4409() {
    let (mut protocol, now) = acknowledged();
    let id = "x".repeat(limits::OPERATION_ID_BYTES_MAX);
    assert_eq!(started(protocol.text(&subscribe(&id), now)), Some(id.clone()));
    assert_eq!(code(protocol.text(&subscribe(&id), now)), Some(4409));
    assert_eq!(protocol.operations(), 0, "a closed connection runs nothing");
}

#[test]
fn a_second_initialisation_closes_4429() {
    let (mut protocol, now) = acknowledged();
    assert_eq!(code(protocol.text(INIT, now)), Some(4429));
    let (mut protocol, now) = connected();
    protocol.text(INIT, now);
    assert_eq!(code(protocol.text(INIT, now)), Some(4429), "also while the first is checked");
}

#[test]
fn a_ping_is_answered_with_its_payload_at_any_time() {
    for (mut protocol, now) in [connected(), acknowledged()] {
        for (message, answer) in [
            (PING, PONG),
            (r#"{"type":"ping","payload":null}"#, PONG),
            (r#"{"type":"ping","payload":{"at":1}}"#, r#"{"type":"pong","payload":{"at":1}}"#),
        ] {
            assert_eq!(protocol.text(message, now), Some(sent(answer)));
        }
        assert_eq!(protocol.text(PONG, now), None, "an unasked pong is allowed");
    }
}

#[test]
fn a_client_is_pinged_and_closed_when_it_says_nothing_for_long() {
    let (mut protocol, now) = acknowledged();
    let ping_at = now + limits::PING_EVERY;
    assert_eq!(protocol.deadline(), ping_at);
    assert_eq!(protocol.tick(ping_at), Some(Action::Ping));
    let pong_due = ping_at + limits::PONG_TIMEOUT;
    assert_eq!(last_look(&mut protocol), pong_due);
    assert_eq!(protocol.tick(just_before(pong_due)), None);
    assert_eq!(protocol.tick(pong_due), Some(Action::Close(Close::NO_PONG)));
}

#[test]
fn what_came_while_the_server_stood_still_is_read_before_it_judges() {
    let still = limits::PING_EVERY + limits::PONG_TIMEOUT + limits::INIT_TIMEOUT;
    let (mut protocol, now) = connected();
    assert_eq!(protocol.tick(now + still), None);
    assert_eq!(protocol.text(INIT, now + still), Some(Action::Admit { payload: None }));
    let (mut protocol, now) = acknowledged();
    assert_eq!(protocol.tick(now + limits::PING_EVERY), Some(Action::Ping));
    let awake = now + limits::PING_EVERY + still;
    assert_eq!(protocol.tick(awake), None);
    assert_eq!(protocol.text(PONG, awake), None);
    assert_eq!(protocol.deadline(), awake + limits::PING_EVERY);
}

#[test]
fn whatever_a_client_says_after_a_ping_shows_that_it_is_there() {
    for message in [PONG, &subscribe("1"), &complete("unknown")] {
        let (mut protocol, now) = acknowledged();
        let pinged = now + limits::PING_EVERY;
        protocol.tick(pinged);
        let late = just_before(pinged + limits::PONG_TIMEOUT);
        assert_eq!(code(protocol.text(message, late)), None);
        let next = late + limits::PING_EVERY;
        assert_eq!(protocol.deadline(), next, "{message}");
        assert_eq!(protocol.tick(next), Some(Action::Ping), "{message}");
    }
}

#[test]
fn a_frame_of_the_websocket_layer_shows_it_too() {
    let (mut protocol, now) = acknowledged();
    let pinged = now + limits::PING_EVERY;
    assert_eq!(protocol.tick(pinged), Some(Action::Ping));
    let late = just_before(pinged + limits::PONG_TIMEOUT);
    protocol.heard(late);
    assert_eq!(protocol.deadline(), late + limits::PING_EVERY);
    protocol.heard(late + limits::PONG_TIMEOUT / 2);
    assert_eq!(protocol.deadline(), late + limits::PING_EVERY, "unasked it changes nothing");
}

#[test]
fn an_id_is_free_again_after_its_operation_ended_or_was_completed() {
    let (mut protocol, now) = acknowledged();
    assert_eq!(started(protocol.text(&subscribe("1"), now)).as_deref(), Some("1"));
    assert_eq!(protocol.text(&complete("1"), now), Some(Action::Stop(Arc::from("1"), None)));
    assert_eq!(protocol.text(&complete("1"), now), None, "completes may cross");
    assert_eq!(started(protocol.text(&subscribe("1"), now)).as_deref(), Some("1"));
    protocol.ended("1", now);
    assert_eq!(protocol.text(&complete("1"), now), None, "the server ended it first");
    assert_eq!(started(protocol.text(&subscribe("1"), now)).as_deref(), Some("1"));
    assert_eq!(protocol.operations(), 1);
}

#[test]
fn an_operation_too_many_is_refused_and_the_others_go_on() {
    let (mut protocol, now) = acknowledged();
    let max = limits::OPERATIONS_PER_SOCKET_MAX + limits::SHORT_OPERATIONS_PER_SOCKET_MAX;
    for number in 0..max {
        assert!(started(protocol.text(&subscribe(&number.to_string()), now)).is_some());
    }
    for _ in 0..2 {
        let refused = Some(Action::Refuse(Arc::from("over")));
        assert_eq!(protocol.text(&subscribe("over"), now), refused, "its id stays free");
    }
    assert_eq!(protocol.operations(), max);
    protocol.ended("0", now);
    assert_eq!(started(protocol.text(&subscribe("over"), now)).as_deref(), Some("over"));
}

#[test]
fn an_operation_is_read_with_its_name_variables_and_trace_context() {
    let (mut protocol, now) = acknowledged();
    let message = r#"{"id":"é\"1","type":"subscribe","payload":{"query":"query A($n: Int) { a }",
        "operationName":"A","variables":{"n":1},"extensions":{"traceparent":"00-1-2-01"}}}"#;
    let Some(Action::Start { id, asked, .. }) = protocol.text(message, now) else {
        panic!("not started");
    };
    let Asked { operation, traceparent } = *asked;
    assert_eq!((id.as_ref(), traceparent.as_deref()), ("é\"1", Some("00-1-2-01")));
    assert_eq!(operation.query, "query A($n: Int) { a }");
    assert_eq!(operation.operation_name.as_deref(), Some("A"));
    assert_eq!(operation.variables.as_ref().map(|raw| raw.get()), Some(r#"{"n":1}"#));
}
