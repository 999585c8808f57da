use serde_json::json;

use super::{House, is_silent, next};

/// Every watcher of every node, once and in order, while the bus works.
async fn reaches_all(relay: &str, source: &str) {
    let house = House::start(3, relay).await;
    let id = house.nodes[0].auction(json!({})).await;
    let mut sockets = house.watch(&id).await;
    house.bid(&id, 1, 30).await;
    let mut from_bus = 0;
    for socket in &mut sockets {
        for n in 1..=30 {
            let bid = next(socket).await;
            assert_eq!(bid["sequence"], n);
            from_bus += usize::from(bid["timing"]["source"] == "BUS");
        }
        assert!(is_silent(socket).await);
    }
    assert!(from_bus >= 20, "{from_bus} of 90 deliveries came by the bus, others by {source}");
    drop(sockets);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats-server: tests/nats/run"]
async fn a_bid_reaches_the_watchers_of_every_node_once_and_in_order() {
    reaches_all("hybrid", "LANE").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats-server: tests/nats/run"]
async fn what_two_nodes_read_from_the_stream_reaches_the_watchers_of_every_node_once() {
    reaches_all("stream", "STREAM").await;
}
