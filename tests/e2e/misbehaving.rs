//! Clients that stop reading, read slowly or send garbage: they are ended, others do not notice.

use std::time::{Duration, Instant};

use client_sim::service::socket::{Said, Socket as SmallSocket};
use e2e::gavel::DEADLINE;
use e2e::{Gavel, Socket};
use gavel_server::limits;
use serde_json::json;
use tokio::time::timeout;

const WATCH: &str = "subscription($id: ID!) { bidCreated(auctionId: $id, after: 0) \
    { id sequence amount bidderId receivedAt endsAt traceparent timing { receivedAt writtenAt } } }";

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_stops_reading_is_ended_and_the_others_are_told_all() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let mut stalled = SmallSocket::connect_small(&gavel.base, None).await.unwrap();
    for n in 0..100 {
        let id = json!({ "id": id });
        stalled.subscribe_as(&n.to_string(), WATCH, id).await.unwrap();
    }
    let mut reader = gavel.socket(None).await;
    reader.subscribe("w", WATCH, json!({ "id": id })).await;
    for n in 1..=60_u64 {
        let sent = Instant::now();
        gavel.bid("ann", &id, 900 + 100 * n).await;
        let told = reader.next("w").await["data"]["bidCreated"]["sequence"].clone();
        assert_eq!(told, n);
        assert!(sent.elapsed() < Duration::from_secs(5), "others wait for nobody");
    }
    // Longer than the server waits for a write, and more than the kernel and the queue hold.
    tokio::time::sleep(limits::SOCKET_WRITE_TIMEOUT + limits::CLOSE_TIMEOUT).await;
    let mut frames = 0;
    let reading = async {
        loop {
            match stalled.next().await {
                Ok(Said::Next { .. } | Said::Error(_)) => frames += 1,
                Ok(Said::Closed(close)) => break close.map(|(code, _)| code),
                Ok(Said::Complete) => panic!("the auction goes on"),
                Err(_) => break None,
            }
        }
    };
    let ended = timeout(DEADLINE, reading).await.expect("its socket ends");
    assert!(ended.is_none_or(|code| code == 1013), "{ended:?}");
    assert!(frames < 6_000, "{frames} frames came, so nothing was dropped");
    reader.lives().await;
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_and_thousands_of_operations_harm_nobody_else() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let mut reader = gavel.socket(None).await;
    reader.subscribe("w", WATCH, json!({ "id": id })).await;
    for garbage in ["\u{0}\u{1}", "[[[[[[", "{\"type\":", "null", "\"ping\"", "{\"type\":7}"] {
        let mut socket = Socket::open(&gavel.base).await;
        socket.send_text(garbage).await;
        assert_eq!(socket.closed().await.0, 4400, "{garbage:?}");
    }
    let mut busy = gavel.socket(None).await;
    for n in 0..1_000 {
        busy.subscribe(&n.to_string(), WATCH, json!({ "id": id })).await;
    }
    for _ in 0..900 {
        assert_eq!(busy.message().await["payload"][0]["extensions"]["code"], "OVERLOADED");
    }
    gavel.bid("ann", &id, 1000).await;
    assert_eq!(reader.next("w").await["data"]["bidCreated"]["sequence"], 1);
    gavel.stop().await.unwrap();
}
