//! graphql-transport-ws on a real socket: the ends that its PROTOCOL.md names.

use std::time::Duration;

use e2e::issuer::{Key, Published, SILENCE, jwks};
use e2e::raw::RawSocket;
use e2e::{Event, Gavel, Socket, code};
use gavel_server::limits;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

const WATCH: &str = "subscription($id: ID!) { bidCreated(auctionId: $id, after: 0) { sequence } }";
const BID: &str = "mutation($i: PlaceBidInput!) { placeBid(input: $i) { __typename } }";

#[tokio::test(flavor = "multi_thread")]
async fn each_violation_has_its_close_code() {
    let gavel = Gavel::start().await;
    let init = json!({ "type": "connection_init" }).to_string();
    let subscribe = |id: &str| {
        let id_of = "a0000000000000000000z";
        let query = format!("subscription {{ bidCreated(auctionId: \"{id_of}\") {{ id }} }}");
        json!({ "type": "subscribe", "id": id, "payload": { "query": query } }).to_string()
    };
    let forged = json!({ "type": "connection_init", "payload": { "authorization": "Bearer x" } });
    let not_text = json!({ "type": "connection_init", "payload": { "authorization": 5 } });
    for (what, messages, expected) in [
        ("not JSON", vec!["hello".to_owned()], 4400),
        ("no type", vec!["{}".to_owned()], 4400),
        ("unknown type", vec![json!({ "type": "start" }).to_string()], 4400),
        ("no id", vec![init.clone(), json!({ "type": "subscribe" }).to_string()], 4400),
        ("empty id", vec![init.clone(), subscribe("")], 4400),
        ("long id", vec![init.clone(), subscribe(&"x".repeat(65))], 4400),
        (
            "a payload that is no object",
            vec![json!({ "type": "ping", "payload": 1 }).to_string()],
            4400,
        ),
        ("subscribe before the ack", vec![subscribe("1")], 4401),
        ("a forged token", vec![forged.to_string()], 4403),
        ("an authorization that is no text", vec![not_text.to_string()], 4403),
        ("a second init", vec![init.clone(), init.clone()], 4429),
    ] {
        let mut socket = Socket::open(&gavel.base).await;
        for message in &messages {
            socket.send_text(message).await;
        }
        let (code, reason) = socket.closed().await;
        assert_eq!(code, expected, "{what}: {reason}");
        assert!(!reason.is_empty() && !reason.contains("Bearer x"), "{what}: {reason}");
    }
    let mut socket = Socket::open(&gavel.base).await;
    socket.send_binary(b"bytes").await;
    assert_eq!(socket.closed().await.0, 4400);
    // Without a protocol, and with that of older clients, which a browser would not let connect
    // unless it is granted.
    for other in [None, Some("graphql-ws")] {
        let mut socket = Socket::open_as(&gavel.base, other).await;
        assert_eq!(socket.closed().await.0, 4406, "{other:?}");
    }
    let mut socket = Socket::open_as(&gavel.base, Some("graphql-ws, graphql-transport-ws")).await;
    socket.init(None).await;
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_is_none_of_websocket_has_its_close_code() {
    let gavel = Gavel::start().await;
    let (protocol, not_utf8) = (Some(1002), Some(1007));
    for (what, bytes, expected) in [
        ("a reserved opcode", vec![0x83, 0x80, 0, 0, 0, 0], protocol),
        ("a reserved bit", vec![0xc1, 0x80, 0, 0, 0, 0], protocol),
        ("not masked", vec![0x81, 0x02, b'{', b'}'], protocol),
        ("a ping in parts", vec![0x09, 0x80, 0, 0, 0, 0], protocol),
        ("a continuation of nothing", vec![0x80, 0x80, 0, 0, 0, 0], protocol),
        ("a close with half a code", vec![0x88, 0x81, 0, 0, 0, 0, 3], protocol),
        ("text that is none", vec![0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28], not_utf8),
    ] {
        let mut socket = RawSocket::admitted(&gavel.base).await;
        let mut sent = bytes;
        // What nobody reads any more must not turn the close into a reset.
        sent.extend_from_slice(&[0; 3000]);
        socket.send_bytes(&sent).await;
        assert_eq!(socket.close_code().await, expected, "{what}");
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_is_answered_in_the_spelling_that_clients_look_for() {
    let gavel = Gavel::start().await;
    for line in ["Sec-WebSocket-Protocol", "sec-websocket-protocol"] {
        let line = format!("{line}: graphql-transport-ws\r\n");
        let head = RawSocket::open(&gavel.base, &line).await.head;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert!(head.contains("\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n"), "{head}");
        assert!(head.contains("\r\nSec-WebSocket-Accept: "), "{head}");
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_operation_is_answered_for_its_id_and_the_others_go_on() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let mut socket = gavel.socket(None).await;
    socket.subscribe("watch", WATCH, json!({ "id": id })).await;
    let deep = format!("{}1{}", "[".repeat(400), "]".repeat(400));
    for (payload, expected) in [
        (r#"{"query":"{ a(b: \"\ud83d\") }"}"#, "BAD_REQUEST"),
        (r#"{"query":"{ __typename }","variables":[]}"#, "BAD_REQUEST"),
        (r#"{"query":"{ __typename }","extensions":[]}"#, "BAD_REQUEST"),
        (r#"{"query":7}"#, "BAD_REQUEST"),
        (r#"{"query":"{ a(b: \"\\uD83D\") }"}"#, "BAD_REQUEST"),
        (&format!(r#"{{"query":"{{ a }}","variables":{{"a":{deep}}}}}"#), "BAD_REQUEST"),
        (
            r#"{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"0"}}}"#,
            "PERSISTED_QUERY_NOT_SUPPORTED",
        ),
    ] {
        socket.send_text(&format!(r#"{{"type":"subscribe","id":"1","payload":{payload}}}"#)).await;
        assert_eq!(code(&socket.error("1").await), expected, "{payload}");
    }
    gavel.bid("ann", &id, 1000).await;
    assert_eq!(socket.next("watch").await["data"]["bidCreated"]["sequence"], 1);
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_watches_as_much_as_it_may_can_still_bid_and_renew_its_token() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let token = gavel.token("ann", &["bidder"]);
    let mut socket = gavel.socket(Some(&token)).await;
    let max = limits::OPERATIONS_PER_SOCKET_MAX;
    gavel.bid("bob", &id, 1000).await;
    for n in 0..max {
        socket.subscribe(&n.to_string(), WATCH, json!({ "id": id })).await;
    }
    for _ in 0..max {
        assert_eq!(socket.message().await["type"], "next");
    }
    socket.subscribe("over", WATCH, json!({ "id": id })).await;
    let error = socket.error("over").await;
    assert_eq!(code(&error), "OVERLOADED");
    assert!(error["message"].as_str().unwrap().contains("subscriptions"), "{error}");
    let renew = "mutation($t: String!) { renewToken(token: $t) { userId } }";
    socket.subscribe("renew", renew, json!({ "t": token })).await;
    assert_eq!(socket.next("renew").await["data"]["renewToken"]["userId"], "ann");
    assert_eq!(socket.message().await["type"], "complete");
    socket.subscribe("bid", BID, json!({ "i": { "auctionId": id, "amount": "1100" } })).await;
    let (mut delivered, mut answered) = (0, false);
    while delivered < max || !answered {
        let message = socket.message().await;
        match message["id"].as_str() {
            Some("bid") => answered |= message["type"] == "complete",
            _ => delivered += 1,
        }
    }
    // One that ends gives its permit back.
    socket.send(json!({ "type": "complete", "id": "7" })).await;
    socket.subscribe("over", WATCH, json!({ "id": id })).await;
    assert_eq!(socket.next("over").await["data"]["bidCreated"]["sequence"], 1);
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_taken_or_refused_wherever_a_client_puts_it() {
    let gavel = Gavel::start().await;
    let (good, forged) = (gavel.token("ann", &["bidder"]), "a.b.c".to_owned());
    for (token, is_good) in [(&good, true), (&forged, false)] {
        let bearer = format!("Bearer {token}");
        for (upgrade, payload) in [
            (Some(bearer.as_str()), json!({})),
            (Some(token.as_str()), json!({})),
            (None, json!({ "headers": { "Authorization": bearer } })),
            (None, json!({ "Authorization": token })),
            (Some(bearer.as_str()), json!({ "authorization": bearer })),
        ] {
            let headers: Vec<_> =
                upgrade.map(|value| ("authorization", value)).into_iter().collect();
            let mut socket = Socket::try_open(&gavel.base, &headers).await.unwrap();
            socket.send(json!({ "type": "connection_init", "payload": payload })).await;
            if is_good {
                assert_eq!(socket.message().await["type"], "connection_ack", "{payload}");
                socket.subscribe("1", "{ me { id } }", json!({})).await;
                assert_eq!(socket.next("1").await["data"]["me"]["id"], "ann", "{payload}");
            } else {
                let (code, reason) = socket.closed().await;
                assert!(code == 4403 && reason.contains("authorization"), "{code} {reason}");
            }
        }
    }
    // Two of them, or a field that nobody looks at.
    let bearer = format!("Bearer {good}");
    for payload in [json!({ "authorization": "Bearer a.b.c" }), json!({ "authorization": null })] {
        let mut socket =
            Socket::try_open(&gavel.base, &[("authorization", &bearer)]).await.unwrap();
        socket.send(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.closed().await.0, 4403, "{payload}");
    }
    let mut socket = Socket::open(&gavel.base).await;
    socket.send(json!({ "type": "connection_init", "payload": { "authToken": good } })).await;
    assert_eq!(socket.closed().await.0, 4403);
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_in_use_closes_4409_and_a_free_one_does_not() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let mut socket = gavel.socket(None).await;
    socket.subscribe("1", WATCH, json!({ "id": id })).await;
    socket.send(json!({ "type": "complete", "id": "1" })).await;
    socket.subscribe("1", WATCH, json!({ "id": id })).await;
    socket.lives().await;
    socket.subscribe("1", WATCH, json!({ "id": id })).await;
    let (code, reason) = socket.closed().await;
    assert_eq!((code, reason.as_str()), (4409, "Subscriber for 1 already exists"));
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_completed_and_its_id_is_free_again() {
    let gavel = Gavel::start().await;
    let mut socket = gavel.socket(None).await;
    for _ in 0..2 {
        socket.subscribe("1", "{ __typename }", json!({})).await;
        assert_eq!(socket.next("1").await, json!({ "data": { "__typename": "Query" } }));
        assert_eq!(socket.message().await, json!({ "id": "1", "type": "complete" }));
    }
    // A pong that nobody has asked for is no message to answer.
    socket.send(json!({ "type": "pong", "payload": { "un": "asked" } })).await;
    socket.lives().await;
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_begin_ends_with_an_error_and_neither_a_complete_nor_the_socket_follows() {
    let gavel = Gavel::start().await;
    let nobody = json!({ "id": "a0000000000000000000z" });
    let mut socket = gavel.socket(None).await;
    for (query, variables, expected) in [
        ("{ nothing likeThis }", json!({}), "BAD_REQUEST"),
        ("query {", json!({}), "BAD_REQUEST"),
        ("query A { __typename } query B { __typename }", json!({}), "BAD_REQUEST"),
        (WATCH, json!({}), "BAD_REQUEST"),
        (WATCH, nobody, "NOT_FOUND"),
    ] {
        socket.subscribe("1", query, variables).await;
        assert_eq!(code(&socket.error("1").await), expected, "{query}");
        socket.lives().await;
    }
    // An error of a field, in the middle of an execution, is a part of the answer.
    socket.subscribe("1", BID, json!({ "i": { "auctionId": "x", "amount": "1" } })).await;
    assert_eq!(code(&socket.next("1").await["errors"][0]), "UNAUTHENTICATED");
    assert_eq!(socket.message().await["type"], "complete");
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_complete_nothing_comes_and_none_is_echoed() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let (mut early, mut late) = (gavel.socket(None).await, gavel.socket(None).await);
    // Completed while it is being prepared.
    early.subscribe("1", WATCH, json!({ "id": id })).await;
    early.send(json!({ "type": "complete", "id": "1" })).await;
    early.lives().await;
    // Completed in mid-flight; the other subscription of the socket goes on.
    for operation in ["gone", "stays"] {
        late.subscribe(operation, WATCH, json!({ "id": id })).await;
    }
    gavel.bid("ann", &id, 1000).await;
    for _ in 0..2 {
        assert_eq!(late.message().await["payload"]["data"]["bidCreated"]["sequence"], 1);
    }
    late.send(json!({ "type": "complete", "id": "gone" })).await;
    late.lives().await;
    for n in 2..=4 {
        gavel.bid("ann", &id, 1000 * n).await;
        assert_eq!(late.next("stays").await["data"]["bidCreated"]["sequence"], n);
    }
    late.lives().await;
    early.lives().await;
    // Nor is one that names nothing.
    late.send(json!({ "type": "complete", "id": "gone" })).await;
    late.lives().await;
    gavel.stop().await.unwrap();
}

/// A server whose writes take a while.
async fn slow() -> (Gavel, String, Socket, Value) {
    let flags = ["--dynamodb", "embedded", "--embedded-transact-delay-ms", "700"];
    let gavel = Gavel::with(&flags).await;
    let id = gavel.auction(json!({})).await;
    let socket = gavel.socket(Some(&gavel.token("ann", &["bidder"]))).await;
    let input = json!({ "i": { "auctionId": id, "amount": "1000" } });
    (gavel, id, socket, input)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mutation_that_is_completed_early_is_finished_and_says_nothing() {
    let (gavel, id, mut socket, input) = slow().await;
    socket.subscribe("1", BID, input).await;
    socket.lives().await;
    socket.send(json!({ "type": "complete", "id": "1" })).await;
    e2e::soon("the bid is written", || async {
        gavel.look(None, &id, "sequence").await["sequence"] == 1
    })
    .await;
    socket.lives().await;
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_in_use_while_its_operation_is_not_answered_yet() {
    let (gavel, _, mut socket, input) = slow().await;
    socket.subscribe("1", BID, input).await;
    socket.subscribe("1", "{ __typename }", json!({})).await;
    assert_eq!(socket.closed().await, (4409, "Subscriber for 1 already exists".to_owned()));
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_s_close_is_answered_and_others_are_told_on_after_an_abrupt_end() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let mut stays = gavel.socket(None).await;
    stays.subscribe("1", WATCH, json!({ "id": id })).await;
    let (mut closes, mut goes) = (gavel.socket(None).await, gavel.socket(None).await);
    for socket in [&mut closes, &mut goes] {
        socket.subscribe("1", WATCH, json!({ "id": id })).await;
        socket.lives().await;
    }
    closes.close(4321, "Bye").await;
    assert_eq!(closes.event().await, Event::Closed(4321, "Bye".to_owned()));
    drop(goes);
    for n in 1..=3 {
        gavel.bid("ann", &id, 1000 * n).await;
        assert_eq!(stays.next("1").await["data"]["bidCreated"]["sequence"], n);
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_said_connection_init_in_time_may_be_checked_for_longer_and_not_twice() {
    let (old, new) = (Key::new("old", Algorithm::ES256), Key::new("new", Algorithm::ES256));
    let published = Published::new(jwks(&[&old])).await;
    let flags = ["--jwks", published.url.as_str(), "--init-timeout-ms", "300"];
    let gavel = Gavel::with(&flags).await;
    published.document.send_replace(SILENCE.to_owned());
    let token = new.token("ann", &["bidder"], Duration::from_secs(3600));
    let (mut once, mut twice) = (Socket::open(&gavel.base).await, Socket::open(&gavel.base).await);
    once.begin(Some(&token)).await;
    twice.begin(Some(&token)).await;
    twice.begin(Some(&token)).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    published.document.send_replace(jwks(&[&old, &new]));
    assert_eq!(once.message().await["type"], "connection_ack");
    once.lives().await;
    assert_eq!(twice.closed().await.0, 4429);
    gavel.stop().await.unwrap();
}
