//! The limits of the whole service.

use std::time::Duration;

use e2e::child::Child;
use e2e::{Socket, code};
use futures_util::future::join_all;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::{WATCH, first, laden, limit_case, place, send, socket, upgrade};

const GET: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_connections_at_a_time() {
    let within = async |server: &Child| {
        let mut held: Vec<TcpStream> = Vec::new();
        for _ in 0..3 {
            let mut stream = send(server, GET).await;
            assert!(first(&mut stream).await.starts_with("HTTP/1.1 200"));
            held.push(stream);
        }
        held
    };
    let above = async |server: &Child, held: &mut Vec<TcpStream>| {
        let mut crowd = Vec::new();
        for _ in 0..50 {
            crowd.push(send(server, GET).await);
        }
        let waits = timeout(Duration::from_millis(200), first(&mut crowd[0])).await;
        assert!(waits.is_err(), "it waits: {waits:?}");
        // The first that waits is served when a place becomes free, and has it then.
        held.remove(0);
        assert!(first(&mut crowd[0]).await.starts_with("HTTP/1.1 200"));
        held.push(crowd.remove(0));
        drop(crowd);
    };
    limit_case(&["--connections", "3"]).rounds(4).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sockets_at_a_time() {
    // One is the bystander's.
    let within = async |server: &Child| place(server).await;
    let above = async |server: &Child, _: &mut Socket| {
        let (status, response) = upgrade(server).await.err().expect("one too many");
        assert_eq!((status, code(&response["errors"][0])), (503, "OVERLOADED"));
    };
    limit_case(&["--sockets", "2"]).rounds(1000).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_auctions_watched_at_a_time() {
    // One is the bystander's. The other stays: a topic is kept a while after its last watcher.
    let auction = tokio::sync::OnceCell::new();
    let within = async |server: &Child| {
        let id = auction.get_or_init(|| server.auction(json!({}))).await;
        let mut socket = socket(server).await;
        socket.subscribe("1", WATCH, json!({ "id": id })).await;
        socket.lives().await;
        socket
    };
    let above = async |server: &Child, socket: &mut Socket| {
        let other = server.auction(json!({})).await;
        socket.subscribe("2", &laden(WATCH), json!({ "id": other })).await;
        assert_eq!(code(&socket.error("2").await), "OVERLOADED");
    };
    limit_case(&["--auctions-watched", "2"]).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bids_that_wait_for_one_auction() {
    let auction = async |server: &Child| server.auction(json!({ "minimumIncrement": "1" })).await;
    let within = async |server: &Child| {
        let id = auction(server).await;
        assert_eq!(server.bid("ann", &id, 1000).await["__typename"], "BidAccepted");
    };
    let above = async |server: &Child, (): &mut ()| {
        let id = auction(server).await;
        // Enough on a slow machine, where some are written meanwhile; those that wait are as many as may.
        let crowd = (0..18).map(async |_| {
            let mut bids = Bids::of(server, &id).await;
            bids.place(100).await;
            bids.refused(100).await
        });
        let refused: u32 = join_all(crowd).await.into_iter().sum();
        assert!(refused > 0, "the lane takes everything");
        sleep(Duration::from_millis(100)).await;
    };
    let flags = ["--dynamodb", "embedded", "--embedded-transact-delay-ms", "1500"];
    let flags = [flags.as_slice(), &["--short-operations-per-socket", "100"]].concat();
    limit_case(&flags).rounds(3).holds(within, above).await;
}

/// Bids of one socket on one auction, each higher than the last.
struct Bids {
    socket: Socket,
    auction: String,
    placed: u64,
}

impl Bids {
    async fn of(server: &Child, auction: &str) -> Self {
        let mut socket = upgrade(server).await.unwrap();
        socket.init(Some(&server.token("ann", &["bidder"]))).await;
        Self { socket, auction: auction.to_owned(), placed: 0 }
    }

    async fn place(&mut self, count: u64) {
        let bid = "mutation($i: PlaceBidInput!) { placeBid(input: $i) { __typename } }";
        for _ in 0..count {
            self.placed += 1;
            let amount = (2000 + self.placed).to_string();
            let input = json!({ "auctionId": self.auction, "amount": amount });
            self.socket.subscribe(&self.placed.to_string(), bid, json!({ "i": input })).await;
        }
    }

    /// How many of the next answers say that the auction has too many bids.
    async fn refused(&mut self, count: u32) -> u32 {
        let (mut answered, mut refused) = (0, 0);
        while answered < count {
            let message = self.socket.message().await;
            match message["type"].as_str() {
                Some("complete") => answered += 1,
                Some("next") if message["payload"]["errors"].is_array() => {
                    match code(&message["payload"]["errors"][0]) {
                        "OVERLOADED" => refused += 1,
                        // Taken, and then it waited too long.
                        code => assert_eq!(code, "STORE_UNAVAILABLE"),
                    }
                }
                Some("next") => {}
                _ => panic!("{message}"),
            }
        }
        refused
    }
}
