//! graphql-transport-ws on a real socket: the ends that its PROTOCOL.md names.

use e2e::gavel::DEADLINE;
use e2e::{Event, Gavel, Socket};
use serde_json::json;

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
    let mut socket = Socket::open_as(&gavel.base, None).await;
    assert_eq!(socket.closed().await.0, 4406);
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_in_use_closes_4409_and_a_free_one_does_not() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let watch = "subscription($id: ID!) { bidCreated(auctionId: $id, after: 0) { sequence } }";
    let mut socket = gavel.socket(None).await;
    socket.subscribe("1", watch, json!({ "id": id })).await;
    socket.send(json!({ "type": "complete", "id": "1" })).await;
    socket.subscribe("1", watch, json!({ "id": id })).await;
    socket.lives().await;
    socket.subscribe("1", watch, json!({ "id": id })).await;
    let (code, reason) = socket.closed().await;
    assert_eq!((code, reason.as_str()), (4409, "Subscriber for 1 already exists"));
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_says_connection_init_is_closed_4408() {
    let gavel = Gavel::start().await;
    let mut socket = Socket::open(&gavel.base).await;
    assert_eq!(socket.closed().await.0, 4408);
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_large_ends_the_socket_and_no_other() {
    let gavel = Gavel::start().await;
    let mut other = gavel.socket(None).await;
    let mut socket = gavel.socket(None).await;
    socket.send_text(&"x".repeat(300 * 1024)).await;
    assert!(matches!(socket.event().await, Event::Closed(1009, _) | Event::Gone));
    other.lives().await;
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_operation_too_many_is_refused_and_the_others_go_on() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let watch = "subscription($id: ID!) { bidCreated(auctionId: $id, after: 0) { sequence } }";
    let mut socket = gavel.socket(None).await;
    for n in 0..=100 {
        socket.subscribe(&n.to_string(), watch, json!({ "id": id })).await;
    }
    let refused = socket.error("100").await;
    assert_eq!(e2e::code(&refused), "OVERLOADED");
    gavel.bid("ann", &id, 1000).await;
    let mut told = std::collections::BTreeSet::new();
    while told.len() < 100 {
        let message = tokio::time::timeout(DEADLINE, socket.message()).await.unwrap();
        assert_eq!(message["type"], "next");
        assert!(told.insert(message["id"].to_string()), "twice: {message}");
    }
    gavel.stop().await.unwrap();
}
