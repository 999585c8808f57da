//! AppSync's protocol, message by message.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::message::Dialect;
use super::protocol::AppSync;
use crate::auth::{AuthError, Credentials};
use crate::graphql::error::Code;
use crate::limits;
use crate::websocket::SocketLimits;
use crate::websocket::action::{Action, Close, Refusal, SocketProtocol as _};

const INIT: &str = r#"{"type":"connection_init"}"#;

fn connected() -> (AppSync, Instant) {
    let now = Instant::now();
    (AppSync::new(Dialect::GraphQl, SocketLimits::default(), now), now)
}

fn acknowledged() -> (AppSync, Instant) {
    let (mut protocol, now) = connected();
    assert_eq!(protocol.text(INIT, now), Some(Action::Admit { payload: None }));
    assert!(protocol.admitted(None, now).is_some());
    (protocol, now)
}

fn start(id: &str, more: Value) -> String {
    let data = json!({ "query": "subscription { a }", "variables": {} }).to_string();
    let mut payload = json!({ "data": data });
    for (name, value) in more.as_object().cloned().unwrap_or_default() {
        payload[name] = value;
    }
    json!({ "id": id, "type": "start", "payload": payload }).to_string()
}

fn messages(action: Option<Action>) -> Vec<Value> {
    let Some(Action::Send(texts)) = action else { panic!("{action:?}") };
    texts.iter().map(|text| serde_json::from_str(text).expect("JSON")).collect()
}

#[test]
fn an_ack_has_a_time_out_that_every_client_takes_and_a_first_keep_alive() {
    let (mut protocol, now) = connected();
    protocol.text(r#"{"type":"connection_init","payload":{"x":1}}"#, now);
    let acknowledgement = messages(protocol.admitted(None, now));
    let expected = [
        json!({ "type": "connection_ack", "payload": { "connectionTimeoutMs": 300_000 } }),
        json!({ "type": "ka" }),
    ];
    assert_eq!(acknowledgement, expected);
    assert_eq!(messages(protocol.text(INIT, now)), expected, "again, for who asks again");
    assert_eq!(protocol.tick(now + limits::PING_EVERY), Some(Action::Ping));
    assert!(limits::PING_EVERY < Duration::from_secs(60), "`ka` comes with each ping");
}

#[test]
fn a_start_runs_its_request_with_its_own_credentials() {
    let (mut protocol, now) = acknowledged();
    let credentials = json!({ "extensions": { "authorization":
        { "host": "x", "Authorization": "a.b.c" } } });
    let Some(Action::Start { id, asked, credentials }) =
        protocol.text(&start("one", credentials), now)
    else {
        panic!("not started")
    };
    assert_eq!((&*id, asked.operation.query.as_str()), ("one", "subscription { a }"));
    assert_eq!(credentials, Some(Credentials::token(Some("a.b.c".to_owned()))));
    for none in [json!({}), json!({ "extensions": { "authorization": { "host": "x" } } })] {
        let id = none.to_string().len().to_string();
        match protocol.text(&start(&id, none), now) {
            Some(Action::Start { credentials: None, .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    let bad = json!({ "extensions": { "authorization": [] } });
    let Some(Action::Reject(_, error)) = protocol.text(&start("bad", bad), now) else {
        panic!("not rejected")
    };
    assert_eq!(Code::of(&error), Some(Code::Unauthenticated));
}

#[test]
fn no_message_closes_the_socket() {
    let (mut protocol, now) = acknowledged();
    for (text, kind, id) in [
        ("", "BadRequestException", None),
        ("[]", "BadRequestException", None),
        (r#"{"type":"start"}"#, "BadRequestException", None),
        (r#"{"type":"stop","id":""}"#, "BadRequestException", None),
        (r#"{"type":"ping"}"#, "UnsupportedOperation", None),
        (r#"{"type":"subscribe","id":"7"}"#, "UnsupportedOperation", Some("7")),
    ] {
        let [message] = &messages(protocol.text(text, now))[..] else { panic!("{text}") };
        assert_eq!(message["type"], "error", "{text}");
        assert_eq!(message["payload"]["errors"][0]["errorType"], kind, "{text}");
        assert_eq!(message["id"].as_str(), id, "{text}");
    }
    assert_eq!(messages(protocol.binary())[0]["type"], "error");
    for payload in ["null", "{}", r#"{"data":7}"#, r#"{"data":"no"}"#, r#"{"data":"{}"}"#] {
        let text = format!(r#"{{"id":"1","type":"start","payload":{payload}}}"#);
        match protocol.text(&text, now) {
            Some(Action::Reject(id, error)) => {
                assert_eq!((&*id, Code::of(&error)), ("1", Some(Code::BadRequest)), "{payload}");
            }
            other => panic!("{payload}: {other:?}"),
        }
    }
    let (mut early, now) = connected();
    match early.text(&start("1", json!({})), now) {
        Some(Action::Reject(_, error)) => {
            assert_eq!(Code::of(&error), Some(Code::Unauthenticated));
        }
        other => panic!("{other:?}"),
    }
    assert!(early.text(INIT, now).is_some(), "and the connection can still begin");
}

#[test]
fn an_id_in_use_leaves_its_subscription_alone() {
    let (mut protocol, now) = acknowledged();
    protocol.text(&start("1", json!({})), now);
    let [message] = &messages(protocol.text(&start("1", json!({})), now))[..] else { panic!() };
    assert_eq!(message["payload"]["errors"][0]["errorType"], "DuplicatedOperationError");
    assert_eq!(message["id"], Value::Null, "an error with its id would end it");
    let stop = r#"{"type":"stop","id":"1"}"#;
    let complete = r#"{"id":"1","type":"complete"}"#.to_owned();
    let stopped = Some(Action::Stop(Arc::from("1"), Some(complete)));
    assert_eq!(protocol.text(stop, now), stopped);
    assert_eq!(protocol.text(stop, now), stopped, "clients wait for the answer");
    assert!(matches!(protocol.text(&start("1", json!({})), now), Some(Action::Start { .. })));
}

#[test]
fn a_hundred_subscriptions_and_no_more() {
    let (mut protocol, now) = acknowledged();
    for number in 0..limits::OPERATIONS_PER_SOCKET_MAX {
        let action = protocol.text(&start(&number.to_string(), json!({})), now);
        assert!(matches!(action, Some(Action::Start { .. })), "{number}");
    }
    let refused = Some(Action::Refuse(Arc::from("over")));
    assert_eq!(protocol.text(&start("over", json!({})), now), refused);
    protocol.ended("0", now);
    assert!(matches!(protocol.text(&start("over", json!({})), now), Some(Action::Start { .. })));
}

#[test]
fn a_refused_client_is_told_why_before_the_close_and_whether_to_try_again() {
    for (refusal, code, close) in [
        (Refusal::Credentials(&AuthError::Expired), 401, 4403),
        (Refusal::Credentials(&AuthError::AwsSignature), 401, 4403),
        (Refusal::Credentials(&AuthError::NotChecked), 503, 1013),
        (Refusal::TooManySockets, 429, 1013),
    ] {
        let (mut protocol, now) = connected();
        assert_eq!(protocol.refused(refusal), None, "it is not being checked");
        protocol.text(INIT, now);
        let Some(Action::Fail(text, closed)) = protocol.refused(refusal) else {
            panic!("{refusal:?}")
        };
        let message: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(message["type"], "connection_error");
        assert_eq!(message["payload"]["errors"][0]["errorCode"], code);
        assert_eq!(closed.code, close);
        assert_eq!(protocol.text(INIT, now), None, "nothing follows");
    }
}

#[test]
fn a_silent_client_is_closed_as_on_any_socket() {
    let (mut protocol, _) = connected();
    let mut due = protocol.deadline();
    assert_eq!(protocol.tick(due), None);
    due = protocol.deadline();
    assert_eq!(protocol.tick(due), Some(Action::Close(Close::INIT_TIMEOUT)));
    let (mut protocol, now) = acknowledged();
    assert_eq!(protocol.tick(now + limits::PING_EVERY), Some(Action::Ping));
    due = protocol.deadline();
    assert_eq!(protocol.tick(due), None);
    due = protocol.deadline();
    assert_eq!(protocol.tick(due), Some(Action::Close(Close::NO_PONG)));
    let (mut protocol, now) = acknowledged();
    let idle = now + SocketLimits::default().idle;
    assert_eq!(protocol.tick(idle), Some(Action::Close(Close::IDLE)));
}

#[test]
fn events_are_the_same_with_channels_and_without_payloads() {
    let now = Instant::now();
    let mut protocol = AppSync::new(Dialect::Events, SocketLimits::default(), now);
    protocol.text(INIT, now);
    let ack = json!({ "type": "connection_ack", "connectionTimeoutMs": 300_000 });
    assert_eq!(messages(protocol.admitted(None, now)), [ack, json!({ "type": "ka" })]);
    let subscribe = |channel: &str| {
        json!({ "type": "subscribe", "id": "1", "channel": channel, "payload": { "x": 1 },
                "authorization": { "Authorization": "a.b.c", "host": "x" } })
        .to_string()
    };
    match protocol.text(&subscribe("/lots/7"), now) {
        Some(Action::Reject(_, error)) => assert!(error.message.contains("/auctions/<id>/bids")),
        other => panic!("{other:?}"),
    }
    let Some(Action::Start { asked, credentials, .. }) =
        protocol.text(&subscribe("/auctions/7/bids"), now)
    else {
        panic!("not started")
    };
    assert!(asked.operation.query.contains("bidCreated"), "{asked:?}");
    assert_eq!(credentials, Some(Credentials::token(Some("a.b.c".to_owned()))));
    let publish = r#"{"type":"publish","id":"2","channel":"/auctions/7/bids","events":["1"]}"#;
    let [refused] = &messages(protocol.text(publish, now))[..] else { panic!() };
    assert_eq!((&refused["type"], &refused["id"]), (&json!("publish_error"), &json!("2")));
    assert_eq!(refused["errors"][0]["errorType"], "UnsupportedOperation");
    let stop = r#"{"type":"unsubscribe","id":"1"}"#;
    let stopped = json!({ "type": "unsubscribe_success", "id": "1" }).to_string();
    match protocol.text(stop, now) {
        Some(Action::Stop(id, Some(text))) => {
            let text: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!((&*id, text.to_string()), ("1", stopped));
        }
        other => panic!("{other:?}"),
    }
}
