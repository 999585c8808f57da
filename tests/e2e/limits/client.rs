//! The limits of an address, a user and an auction.

use std::time::{Duration, Instant};

use e2e::child::Child;
use e2e::gavel::from_now;
use e2e::{Socket, code};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::{first, laden, limit_case, place, send, socket, upgrade};

const GET: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";

/// An answer 429: what it says, and when to come again.
fn assert_limited((status, response): (u16, Value)) {
    let error = &response["errors"][0];
    assert_eq!((status, code(error)), (429, "RATE_LIMITED"));
    assert!(error["extensions"]["retryAfterMs"].as_u64() > Some(0), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connections_of_an_address() {
    // Most of the ballast is a path: the connection is refused whatever it asks.
    let laden = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(30_000));
    let within = async |server: &Child| {
        let mut held: Vec<TcpStream> = Vec::new();
        while held.len() < 5 {
            let mut stream = send(server, GET).await;
            if first(&mut stream).await.starts_with("HTTP/1.1 200") {
                held.push(stream);
            } else {
                // Those that were given up are free a moment later.
                sleep(Duration::from_millis(50)).await;
            }
        }
        held
    };
    let above = async |server: &Child, _: &mut Vec<TcpStream>| {
        let refused = first(&mut send(server, laden.as_bytes()).await).await;
        assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
        assert!(
            refused.contains("RATE_LIMITED") && refused.contains("retry-after: 1"),
            "{refused}"
        );
    };
    let flags = ["--client-limits", "on", "--connections-per-address", "5"];
    limit_case(&flags).rounds(800).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_too_many_of_an_address_keep_no_other_waiting() {
    let flags = ["--client-limits", "on", "--connections-per-address", "5", "--connections", "16"];
    let server = Child::start(env!("CARGO_BIN_EXE_gavel-child"), &flags).await;
    let mut silent = Vec::new();
    for _ in 0..400 {
        silent.push(send(&server, b"").await);
    }
    // The harness comes from another address.
    for _ in 0..10 {
        let asked = Instant::now();
        assert_eq!(server.get("/healthz").await.0, 200);
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    }
    drop(silent);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sockets_of_an_address() {
    let within = async |server: &Child| (place(server).await, place(server).await);
    let above = async |server: &Child, _: &mut (Socket, Socket)| {
        assert_limited(upgrade(server).await.err().expect("one too many"));
    };
    let flags =
        ["--client-limits", "on", "--sockets-per-address", "2", "--handshakes-per-second", "0"];
    limit_case(&flags).rounds(1000).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_that_a_proxy_tells() {
    let flags = ["--client-limits", "on", "--sockets-per-address", "2"];
    let flags = [flags.as_slice(), &["--trusted-proxy-header", "x-forwarded-for"]].concat();
    let server = e2e::Gavel::with(&flags).await;
    let from = async |address: &'static str| {
        Socket::try_open(&server.base, &[("x-forwarded-for", address)]).await
    };
    let (first, _second) = (from("192.0.2.1").await.unwrap(), from("192.0.2.1").await.unwrap());
    assert_eq!(from("10.0.0.1, 192.0.2.1").await.err(), Some(429));
    from("192.0.2.2").await.expect("another address");
    drop(first);
    e2e::soon("its place is free again", || async { from("192.0.2.1").await.is_ok() }).await;
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_new_sockets_of_an_address_in_a_second() {
    let within = async |server: &Child| {
        // What came before may have used up the allowance of this second.
        sleep(Duration::from_millis(1100)).await;
        for _ in 0..5 {
            upgrade(server).await.expect("five in a second");
        }
    };
    let above = async |server: &Child, (): &mut ()| {
        let mut refused = Vec::new();
        for _ in 0..100 {
            refused.extend(upgrade(server).await.err());
        }
        assert!(refused.len() >= 50, "{}", refused.len());
        refused.into_iter().for_each(assert_limited);
    };
    let flags = ["--client-limits", "on", "--handshakes-per-second", "5"];
    limit_case(&flags).rounds(8).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sockets_of_a_user() {
    let admitted = async |server: &Child| {
        let token = server.token("ann", &["bidder"]);
        for _ in 0..200 {
            let mut socket = upgrade(server).await.unwrap();
            socket.begin(Some(&token)).await;
            match socket.event().await {
                e2e::Event::Message(ack) if ack["type"] == "connection_ack" => return socket,
                _ => sleep(Duration::from_millis(20)).await,
            }
        }
        panic!("no place became free");
    };
    let within = async |server: &Child| {
        let held = (admitted(server).await, admitted(server).await);
        // Nobody is a user.
        socket(server).await.lives().await;
        held
    };
    let above = async |server: &Child, held: &mut (Socket, Socket)| {
        let mut socket = upgrade(server).await.unwrap();
        socket.begin(Some(&server.token("ann", &["bidder"]))).await;
        assert_eq!(socket.closed().await, (1013, "Too many sockets of this user".to_owned()));
        held.0.lives().await;
    };
    let flags = ["--client-limits", "on", "--sockets-per-user", "2"];
    let flags = [flags.as_slice(), &["--handshakes-per-second", "0"]].concat();
    limit_case(&flags).rounds(400).holds(within, above).await;
}

const BID: &str = "mutation($i: PlaceBidInput!) { placeBid(input: $i) { __typename } }";

async fn bid(server: &Child, user: &str, id: &str, query: &str) -> Value {
    let token = server.token(user, &["bidder"]);
    let input = json!({ "auctionId": id, "amount": "1000" });
    server.graphql(Some(&token), query, json!({ "i": input })).await
}

/// Bids within the rate, then many at once: those above it are refused, and told when to come again.
async fn rate_edge(flags: &[&str], user: impl Fn(usize) -> String, said: &str) {
    let rate = 10;
    let within = async |server: &Child| {
        let id = server.auction(json!({})).await;
        // What came before may have used up the allowance of this second.
        sleep(Duration::from_millis(1100)).await;
        for n in 0..rate {
            let answer = bid(server, &user(n), &id, BID).await;
            // Most are too low, which is an answer.
            assert!(answer["data"]["placeBid"]["__typename"].is_string(), "{answer}");
        }
        id
    };
    let above = async |server: &Child, id: &mut String| {
        let query = laden(BID);
        let burst = (0..40).map(|n| {
            let user = user(n);
            let (query, id) = (query.as_str(), id.as_str());
            async move { bid(server, &user, id, query).await }
        });
        let answers = futures_util::future::join_all(burst).await;
        let refused: Vec<_> = answers.iter().filter(|answer| answer["data"].is_null()).collect();
        assert!(refused.len() >= 10, "{} of 40 in a burst", refused.len());
        for answer in refused {
            let error = &answer["errors"][0];
            assert_eq!(code(error), "RATE_LIMITED", "{answer}");
            assert_eq!(error["extensions"]["retryable"], true);
            let after_ms = error["extensions"]["retryAfterMs"].as_u64().unwrap();
            assert!((1..=1000).contains(&after_ms), "{error}");
            assert!(error["message"].as_str().unwrap().contains(said), "{error}");
        }
    };
    limit_case(flags).rounds(8).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bids_of_a_user_in_a_second() {
    let flags = ["--client-limits", "on", "--bids-per-user-per-second", "10"];
    let flags =
        [flags.as_slice(), &["--work-per-user", "0", "--all-work-per-address", "0"]].concat();
    rate_edge(&flags, |_| "ann".to_owned(), "you are bidding too often").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bids_on_an_auction_in_a_second() {
    let flags = ["--client-limits", "on", "--bids-per-auction-per-second", "10"];
    let flags =
        [flags.as_slice(), &["--work-per-user", "0", "--all-work-per-address", "0"]].concat();
    rate_edge(&flags, |n| format!("user-{n}"), "this auction").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_auctions_of_a_user_in_a_second() {
    const CREATE: &str = "mutation($i: CreateAuctionInput!) { createAuction(input: $i) { id } }";
    let create = async |server: &Child, query: &str| {
        let token = server.token("ann", &["seller"]);
        let input = json!({ "title": "A lamp", "currency": "EUR", "openingPrice": "1",
                            "minimumIncrement": "1", "endsAt": from_now(Duration::from_secs(3600)) });
        server.graphql(Some(&token), query, json!({ "i": input })).await
    };
    let within = async |server: &Child| {
        // What came before may have used up the allowance of this second.
        sleep(Duration::from_millis(1100)).await;
        for _ in 0..10 {
            let answer = create(server, CREATE).await;
            assert!(answer["data"]["createAuction"]["id"].is_string(), "{answer}");
        }
    };
    let above = async |server: &Child, (): &mut ()| {
        let query = laden(CREATE);
        let burst = (0..40).map(|_| create(server, &query));
        let answers = futures_util::future::join_all(burst).await;
        let refused: Vec<_> = answers.iter().filter(|answer| answer["data"].is_null()).collect();
        assert!(refused.len() >= 10, "{} of 40 in a burst", refused.len());
        for answer in refused {
            let error = &answer["errors"][0];
            assert_eq!(code(error), "RATE_LIMITED", "{answer}");
            let after_ms = error["extensions"]["retryAfterMs"].as_u64().unwrap();
            assert!((1..=1000).contains(&after_ms), "{error}");
        }
    };
    let flags = ["--client-limits", "on", "--auctions-per-user-per-second", "10"];
    let work = ["--work-per-user", "0", "--all-work-per-address", "0"];
    let flags = [flags.as_slice(), &work].concat();
    limit_case(&flags).rounds(8).holds(within, above).await;
}
