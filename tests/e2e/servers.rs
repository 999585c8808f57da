//! Two servers over one table.

use std::time::{Duration, Instant};

use dynamodb_emulator::{Behaviour, Command, Emulator, Options, StreamOptions};
use e2e::Gavel;
use e2e::gavel::store_url;
use futures_util::future::join_all;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn bids_through_either_server_are_one_sequence_and_reach_the_watchers_of_both() {
    let emulator = Emulator::start(Options::default()).await.unwrap();
    let url = store_url().unwrap_or_else(|| emulator.endpoint());
    let table = format!("e2e-{:016x}", rand::random::<u64>());
    let flags = ["--dynamodb", url.as_str(), "--table", table.as_str()];
    let servers = [Gavel::with(&flags).await, Gavel::with(&flags).await];
    let id = servers[0].auction(json!({})).await;
    let watch = "subscription($id: ID!) { bidCreated(auctionId: $id, after: 0) { sequence } }";
    let mut sockets = Vec::new();
    for server in &servers {
        let mut socket = server.socket(None).await;
        socket.subscribe("w", watch, json!({ "id": id })).await;
        sockets.push(socket);
    }
    let users: Vec<String> = (0..40).map(|n| format!("bidder-{n}")).collect();
    let (servers, id) = (&servers, &id);
    let sent = users.iter().zip(0_u64..).map(|(user, n)| async move {
        servers[(n % 2) as usize].bid(user, id, 1000 + 100 * n).await
    });
    let answers = join_all(sent).await;
    let mut accepted: Vec<u64> =
        answers.iter().filter_map(|answer| answer["bid"]["sequence"].as_u64()).collect();
    accepted.sort_unstable();
    assert!(!accepted.is_empty(), "{answers:?}");
    assert_eq!(accepted, (1..=accepted.len() as u64).collect::<Vec<_>>(), "{answers:?}");
    for socket in &mut sockets {
        for n in &accepted {
            assert_eq!(socket.next("w").await["data"]["bidCreated"]["sequence"], *n);
        }
    }
    drop(sockets);
}

/// What is promised of a watcher whose bids another server writes, while the stream stands still.
const PROMISED: Duration = Duration::from_millis(1_500);

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_of_another_server_receives_bids_soon_while_the_stream_stands_still() {
    for relay in ["stream", "hybrid"] {
        let streams = StreamOptions { shards: 2, ..StreamOptions::default() };
        let behaviour = Behaviour { streams, ..Behaviour::default() };
        let emulator = Emulator::start(Options { behaviour, ..Options::default() }).await.unwrap();
        let url = emulator.endpoint();
        let flags = ["--dynamodb", url.as_str(), "--relay", relay];
        let (writes, other) = (Gavel::with(&flags).await, Gavel::with(&flags).await);
        let id = writes.auction(json!({})).await;
        let watch = "subscription($id: ID!) { bidCreated(auctionId: $id, after: 0) { sequence } }";
        let mut socket = other.socket(None).await;
        socket.subscribe("w", watch, json!({ "id": id })).await;
        writes.bid("ann", &id, 1000).await;
        assert_eq!(socket.next("w").await["data"]["bidCreated"]["sequence"], 1);
        let stall = Command::Stall { for_ms: 600_000, shard: None, table: None };
        emulator.control().apply(stall).unwrap();
        let mut took = Vec::new();
        for n in 2..=10_u64 {
            assert_eq!(writes.bid("ann", &id, 900 + 100 * n).await["bid"]["sequence"], n);
            let acknowledged = Instant::now();
            assert_eq!(socket.next("w").await["data"]["bidCreated"]["sequence"], n);
            took.push(acknowledged.elapsed());
        }
        took.sort_unstable();
        println!(
            "--relay {relay}: from the acknowledgement to the other server's watcher {took:?}"
        );
        // On a machine that does other things as well, one may be later.
        assert!(took[took.len() / 2] < PROMISED, "{took:?}");
        assert!(other.metric("gavel_quiet_checks_total").await >= 9.0);
        writes.stop().await.unwrap();
        other.stop().await.unwrap();
        emulator.shutdown().await;
    }
}
