//! The limits of a socket that need no patience.

use std::time::{Duration, Instant};

use e2e::child::Child;
use e2e::{Event, Socket, code};
use futures_util::future::join_all;
use gavel_server::limits;
use serde_json::json;

use super::{WATCH, laden, limit_case, socket, upgrade};

/// Sockets that do the same at the same time.
const CROWD: usize = 60;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_on_a_socket() {
    let ping = |bytes: usize| format!("{{\"type\":\"ping\"{}}}", " ".repeat(bytes - 15));
    let within = async |server: &Child| {
        let mut socket = socket(server).await;
        socket.send_text(&ping(65_536)).await;
        assert_eq!(socket.message().await["type"], "pong");
    };
    let above = async |server: &Child, (): &mut ()| {
        let mut socket = socket(server).await;
        socket.send_text(&ping(65_537)).await;
        let event = socket.event().await;
        assert!(matches!(event, Event::Closed(1009, _)), "{event:?}");
    };
    let flags = ["--socket-message-bytes", "65536"];
    limit_case(&flags).rounds(300).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operations_of_a_socket() {
    let within = async |server: &Child| {
        let id = server.auction(json!({})).await;
        let mut socket = socket(server).await;
        for operation in ["1", "2"] {
            socket.subscribe(operation, WATCH, json!({ "id": id })).await;
        }
        server.bid("ann", &id, 1000).await;
        for _ in 0..2 {
            assert_eq!(socket.message().await["type"], "next");
        }
        socket
    };
    let above = async |_: &Child, socket: &mut Socket| {
        socket.subscribe("3", &laden(WATCH), json!({ "id": "x" })).await;
        assert_eq!(code(&socket.error("3").await), "OVERLOADED");
    };
    limit_case(&["--operations-per-socket", "2"]).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_short_operations_of_a_socket() {
    let bid = "mutation($i: PlaceBidInput!) { placeBid(input: $i) { __typename } }";
    let bids = async |server: &Child, user: &str, count: u32| {
        let id = server.auction(json!({})).await;
        let mut socket = upgrade(server).await.unwrap();
        socket.init(Some(&server.token(user, &["bidder"]))).await;
        for n in 0..count {
            let amount = (1000 + 100 * n).to_string();
            let input = json!({ "auctionId": id, "amount": amount });
            socket.subscribe(&n.to_string(), bid, json!({ "i": input })).await;
        }
        let (mut done, mut refused) = (0, 0);
        while done + refused < count {
            let message = socket.message().await;
            done += u32::from(message["type"] == "complete");
            if message["type"] == "error" {
                assert_eq!(code(&message["payload"][0]), "OVERLOADED");
                refused += 1;
            }
        }
        refused
    };
    let within = async |server: &Child| assert_eq!(bids(server, "ann", 2).await, 0);
    let above = async |server: &Child, (): &mut ()| {
        assert!(bids(server, "bob", 6).await > 0, "two at a time, and each takes a while");
    };
    let flags = ["--short-operations-per-socket", "2", "--embedded-transact-delay-ms", "100"];
    limit_case(&flags).rounds(10).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_id_of_an_operation() {
    let most = limits::OPERATION_ID_BYTES_MAX;
    let within = async |server: &Child| {
        let id = "x".repeat(most);
        let mut socket = socket(server).await;
        socket.subscribe(&id, "{ __typename }", json!({})).await;
        assert_eq!(socket.next(&id).await["data"]["__typename"], "Query");
    };
    let above = async |server: &Child, (): &mut ()| {
        let mut socket = socket(server).await;
        socket.subscribe(&"x".repeat(most + 1), &laden("{ __typename }"), json!({})).await;
        assert_eq!(socket.closed().await.0, 4400);
    };
    limit_case(&[]).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_to_connection_init() {
    let limit = Duration::from_millis(500);
    let within = async |server: &Child| socket(server).await.lives().await;
    let above = async |server: &Child, (): &mut ()| {
        let crowd = (0..CROWD).map(async |_| {
            let mut silent = upgrade(server).await.unwrap();
            let began = Instant::now();
            let end = silent.closed().await;
            assert_eq!(end, (4408, "Connection initialisation timeout".to_owned()));
            assert!(began.elapsed() > limit / 2, "{:?}", began.elapsed());
        });
        join_all(crowd).await;
    };
    limit_case(&["--init-timeout-ms", "500"]).rounds(8).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_without_an_operation() {
    let within = async |server: &Child| {
        let mut busy = socket(server).await;
        for n in 0..4 {
            let id = n.to_string();
            tokio::time::sleep(Duration::from_millis(400)).await;
            busy.subscribe(&id, "{ __typename }", json!({})).await;
            busy.next(&id).await;
            assert_eq!(busy.message().await["type"], "complete");
        }
    };
    let above = async |server: &Child, (): &mut ()| {
        let id = server.auction(json!({})).await;
        let crowd = (0..CROWD).map(async |n| {
            let mut idle = socket(server).await;
            if n % 2 == 0 {
                idle.subscribe("1", WATCH, json!({ "id": id })).await;
                tokio::time::sleep(Duration::from_millis(1500)).await;
                idle.lives().await;
                idle.send(json!({ "type": "complete", "id": "1" })).await;
            }
            assert_eq!(idle.closed().await, (1000, "Idle".to_owned()));
        });
        join_all(crowd).await;
    };
    limit_case(&["--socket-idle-seconds", "1"]).rounds(4).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_after_a_token_s_expiry() {
    let token = |server: &Child, seconds: i64| {
        let exp = client_sim::clock::now_us() / 1_000_000 + seconds;
        server.sign(&json!({ "sub": "ann", "roles": ["bidder"], "exp": exp }))
    };
    let within = async |server: &Child| {
        let mut socket = upgrade(server).await.unwrap();
        socket.init(Some(&token(server, 3600))).await;
        socket.lives().await;
    };
    let above = async |server: &Child, (): &mut ()| {
        let crowd = (0..CROWD).map(async |_| {
            let mut expiring = upgrade(server).await.unwrap();
            // A second of whole ones is left, or just under: taken, for the leeway is two.
            expiring.init(Some(&token(server, 1))).await;
            let began = Instant::now();
            assert_eq!(expiring.closed().await, (4403, "Token expired".to_owned()));
            let took = began.elapsed();
            assert!(took > Duration::from_millis(1500), "the leeway is two seconds: {took:?}");
        });
        join_all(crowd).await;
    };
    limit_case(&["--jwt-leeway-seconds", "2"]).rounds(4).holds(within, above).await;
}
