//! Another client of a server on which somebody meets a limit: it must not notice.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::child::Child;
use crate::socket::Socket;

/// Its address: not that of the client under test.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// How long a bid may take to reach it, on a busy machine, in a debug build.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two bids: within the limits of a user, also where a test has lowered them.
const PAUSE: Duration = Duration::from_millis(150);
const WATCH: &str = "subscription($id: ID!) { bidCreated(auctionId: $id, after: 0) { sequence } }";
const BID: &str = "mutation($i: PlaceBidInput!) { placeBid(input: $i) { __typename } }";

/// A bidder that watches an auction of its own, both on one socket.
pub struct ControlClient {
    socket: Socket,
    auction: String,
    sequence: u64,
}

impl ControlClient {
    /// Comes in and watches.
    pub async fn of(server: &Child) -> Self {
        let auction = server.auction(json!({})).await;
        let token = server.token("bystander", &["bidder"]);
        let mut socket = Socket::open_from(&server.base, ADDRESS).await.expect("a socket");
        socket.init(Some(&token)).await;
        socket.subscribe("watch", WATCH, json!({ "id": auction })).await;
        Self { socket, auction, sequence: 0 }
    }

    /// Bids, and is told of it in time and in order.
    pub async fn bids_and_is_told(&mut self) {
        self.sequence += 1;
        let amount = (900 + 100 * self.sequence).to_string();
        let input = json!({ "auctionId": self.auction, "amount": amount });
        let began = Instant::now();
        self.socket.subscribe("bid", BID, json!({ "i": input })).await;
        let (mut told, mut answered) = (false, false);
        while !told || !answered {
            let message = timeout(PATIENCE, self.socket.message()).await;
            let message = message.expect("a bystander waits for nobody");
            match (message["id"].as_str(), message["type"].as_str()) {
                (Some("watch"), Some("next")) => {
                    let sequence = &message["payload"]["data"]["bidCreated"]["sequence"];
                    assert_eq!(*sequence, self.sequence, "once and in order");
                    told = true;
                }
                (Some("bid"), Some("next")) => {
                    let placed = &message["payload"]["data"]["placeBid"]["__typename"];
                    assert_eq!(*placed, "BidAccepted", "{message}");
                }
                (Some("bid"), Some("complete")) => answered = true,
                _ => panic!("a bystander was disturbed: {message}"),
            }
        }
        let took = began.elapsed();
        assert!(took < PATIENCE, "a bystander waits for nobody: {took:?}");
    }

    /// Goes on for as long as `something` takes.
    pub async fn during<T>(&mut self, something: impl Future<Output = T>) -> T {
        let mut something = std::pin::pin!(something);
        loop {
            self.bids_and_is_told().await;
            tokio::select! {
                done = something.as_mut() => return done,
                () = sleep(PAUSE) => {}
            }
        }
    }
}
