//! The protocol's parser and state machine.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use gavel_server::auth::AuthError;
use gavel_server::websocket::SocketLimits;
use gavel_server::websocket::action::{Action, Refusal, SocketProtocol as _};
use gavel_server::websocket::appsync::{AppSync, Dialect};
use gavel_server::websocket::message;
use gavel_server::websocket::protocol::Protocol;
use proptest::prelude::*;
use serde_json::json;

const OPERATIONS_MAX: usize = 5;

/// Messages that are nearly right, and some that are right.
fn message_text() -> impl Strategy<Value = String> {
    let kind = prop_oneof![
        Just("connection_init"),
        Just("subscribe"),
        Just("complete"),
        Just("ping"),
        Just("pong"),
        Just("start"),
    ];
    let id = prop_oneof!["[a-d]", "\\PC{0,70}", Just(String::new())];
    let payload = prop_oneof![
        Just(json!(null)),
        Just(json!({})),
        Just(json!({ "query": "{ serverTime }" })),
        Just(json!({ "query": "{ x }", "variables": { "a": [1, { "b": null }] } })),
        Just(json!({ "query": 5, "variables": [] })),
        Just(json!({ "query": "{ x }", "extensions": { "traceparent": "00-x" } })),
        any::<String>().prop_map(|text| json!(text)),
    ];
    let whole = (kind, id, payload).prop_map(|(kind, id, payload)| {
        json!({ "type": kind, "id": id, "payload": payload }).to_string()
    });
    let cut = (whole.clone(), any::<prop::sample::Index>()).prop_map(|(text, at)| {
        let at = at.index(text.len() + 1);
        text.chars().take(at).collect::<String>()
    });
    prop_oneof![8 => whole, 1 => cut, 1 => "\\PC*"]
}

/// What a client that keeps the rules may say, with few ids.
fn good_text() -> impl Strategy<Value = String> {
    let subscribe = "[a-h]".prop_map(
        |id| json!({ "type": "subscribe", "id": id, "payload": { "query": "{ serverTime }" } }),
    );
    let complete = "[a-h]".prop_map(|id| json!({ "type": "complete", "id": id }));
    prop_oneof![3 => subscribe, 3 => complete, 1 => Just(json!({ "type": "ping" }))]
        .prop_map(|message| message.to_string())
}

/// A conversation: most begin well, and go wrong somewhere.
fn conversation() -> impl Strategy<Value = Vec<(String, u64)>> {
    let said = || (prop_oneof![12 => good_text(), 1 => message_text()], 0_u64..8_000);
    let init = json!({ "type": "connection_init" }).to_string();
    (prop::bool::weighted(0.9), prop::collection::vec(said(), 1..40)).prop_map(
        move |(begins, mut texts)| {
            if begins {
                texts.insert(0, (init.clone(), 0));
            }
            texts
        },
    )
}

proptest! {
    #[test]
    fn any_text_is_a_message_or_a_short_reason(text in "\\PC*") {
        if let Err(reason) = message::parse(&text) {
            // A close frame's reason has at most 123 bytes.
            prop_assert!(!reason.is_empty() && reason.len() <= 123);
        }
    }

    #[test]
    fn any_conversation_is_followed_to_its_close_and_no_further(
        texts in conversation(),
        admits in any::<bool>(),
    ) {
        let mut now = Instant::now();
        let limits = SocketLimits {
            operations_max: OPERATIONS_MAX,
            short_operations_max: 0,
            ..SocketLimits::default()
        };
        let mut protocol = Protocol::new(limits, now);
        let mut running = HashSet::new();
        let mut admitted = false;
        let mut closed = false;
        for (text, pause_ms) in texts {
            now += Duration::from_millis(pause_ms);
            let timely = protocol.tick(now);
            let said = protocol.text(&text, now);
            for action in [timely, said].into_iter().flatten() {
                prop_assert!(!closed, "nothing follows a close: {action:?}");
                match action {
                    Action::Close(close) => {
                        prop_assert!(close.reason.len() <= 123);
                        closed = true;
                    }
                    Action::Admit { .. } => {
                        prop_assert!(!admitted, "once");
                        admitted = admits;
                        let refusal = Refusal::Credentials(&AuthError::Untrusted);
                        let next =
                            if admits { protocol.admitted(None, now) } else { protocol.refused(refusal) };
                        closed = matches!(next, Some(Action::Close(_)));
                    }
                    Action::Start { id, .. } => {
                        prop_assert!(admitted, "nothing runs before the ack");
                        prop_assert!((1..=64).contains(&id.len()));
                        prop_assert!(running.insert(id), "an id runs once");
                        prop_assert!(running.len() <= OPERATIONS_MAX);
                    }
                    Action::Stop(id, reply) => prop_assert!(running.remove(&id) && reply.is_none()),
                    Action::Refuse(_) => prop_assert_eq!(running.len(), OPERATIONS_MAX),
                    Action::Reject(id, _) => prop_assert!(admitted && !running.contains(&id)),
                    Action::Send(_) | Action::Ping => {}
                    Action::Fail(..) => prop_assert!(false, "only in AppSync's protocol"),
                }
            }
        }
    }
}

/// What clients of AppSync's protocols say, and what they should not.
fn appsync_text() -> impl Strategy<Value = String> {
    let kind = prop_oneof![
        4 => Just("start"),
        4 => Just("subscribe"),
        2 => Just("stop"),
        2 => Just("unsubscribe"),
        1 => Just("connection_init"),
        1 => Just("publish"),
        1 => Just("ping"),
    ];
    let data = prop_oneof![
        Just(json!(r#"{"query":"subscription { a }"}"#)),
        Just(json!({ "query": "{ a }" })),
        any::<String>().prop_map(|text| json!(text)),
    ];
    let authorization = prop_oneof![
        Just(json!({ "host": "x" })),
        Just(json!({ "Authorization": "a.b.c" })),
        Just(json!([])),
    ];
    let channel = prop_oneof![Just("/auctions/a1/bids".to_owned()), "\\PC{0,20}"];
    let parts = (kind, "[a-d]", data, authorization, channel);
    let whole = parts.prop_map(|(kind, id, data, authorization, channel)| {
        let extensions = json!({ "authorization": authorization });
        json!({ "type": kind, "id": id, "channel": channel, "authorization": authorization,
                "payload": { "data": data, "extensions": extensions } })
        .to_string()
    });
    prop_oneof![12 => whole, 1 => message_text()]
}

proptest! {
    #[test]
    fn no_message_of_appsyncs_clients_closes_their_socket(
        texts in prop::collection::vec((appsync_text(), 0_u64..500), 1..40),
        admits in prop::bool::weighted(0.9),
        is_of_events in any::<bool>(),
    ) {
        let mut now = Instant::now();
        let limits = SocketLimits { operations_max: OPERATIONS_MAX, ..SocketLimits::default() };
        let dialect = if is_of_events { Dialect::Events } else { Dialect::GraphQl };
        let mut protocol = AppSync::new(dialect, limits, now);
        prop_assert_eq!(
            protocol.text(r#"{"type":"connection_init"}"#, now),
            Some(Action::Admit { payload: None })
        );
        if admits {
            prop_assert!(protocol.admitted(None, now).is_some());
        } else {
            let refused = protocol.refused(Refusal::Credentials(&AuthError::Untrusted));
            prop_assert!(matches!(refused, Some(Action::Fail(..))));
        }
        let mut running = HashSet::new();
        for (text, pause_ms) in texts {
            now += Duration::from_millis(pause_ms);
            protocol.heard(now);
            match protocol.text(&text, now) {
                None => prop_assert!(!admits, "every message is answered: {text}"),
                Some(Action::Start { id, .. }) => {
                    prop_assert!(running.insert(id) && running.len() <= OPERATIONS_MAX);
                }
                Some(Action::Stop(id, reply)) => {
                    running.remove(&id);
                    prop_assert!(reply.is_some_and(|reply| !reply.is_empty()));
                }
                Some(Action::Refuse(_)) => prop_assert_eq!(running.len(), OPERATIONS_MAX),
                Some(Action::Reject(id, _)) => prop_assert!(!running.contains(&id)),
                Some(Action::Send(texts)) => prop_assert!(!texts.is_empty()),
                Some(other) => prop_assert!(false, "{text}: {other:?}"),
            }
        }
    }
}
