//! The protocol's parser and state machine.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use gavel_server::websocket::SocketLimits;
use gavel_server::websocket::message;
use gavel_server::websocket::protocol::{Action, Protocol};
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
                        let next =
                            if admits { protocol.admitted(None, now) } else { protocol.refused("no") };
                        closed = matches!(next, Some(Action::Close(_)));
                    }
                    Action::Start { id, .. } => {
                        prop_assert!(admitted, "nothing runs before the ack");
                        prop_assert!((1..=64).contains(&id.len()));
                        prop_assert!(running.insert(id), "an id runs once");
                        prop_assert!(running.len() <= OPERATIONS_MAX);
                    }
                    Action::Stop(id) => prop_assert!(running.remove(&id)),
                    Action::Refuse(_) => prop_assert_eq!(running.len(), OPERATIONS_MAX),
                    Action::Reject(id, _) => prop_assert!(admitted && !running.contains(&id)),
                    Action::Send(_) | Action::Ping => {}
                }
            }
        }
    }
}
