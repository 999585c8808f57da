use client_sim::measure::scrape::Scrape;
use dynamodb_emulator::{Behaviour, Options, StreamOptions};
use e2e::soon;
use serde_json::json;

use super::{House, next};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats-server: tests/nats/run"]
async fn two_nodes_read_the_stream_and_another_takes_over_from_one_that_stops() {
    let mut house = House::start(3, "stream").await;
    soon("two nodes read", || async { house.readers().await == 2 }).await;
    let id = house.nodes[0].auction(json!({})).await;
    let mut sockets = house.watch(&id).await;
    house.bid(&id, 1, 3).await;

    // One that reads stops; its lease is given back.
    let mut reads = Vec::new();
    for node in &house.nodes {
        reads.push(node.metric("gavel_relay_shards").await > 0.0);
    }
    let reader = reads.iter().position(|reads| *reads).unwrap();
    sockets.remove(reader);
    house.nodes.remove(reader).stop().await.unwrap();
    soon("the third node reads, too", || async { house.readers().await == 2 }).await;
    house.bid(&id, 4, 8).await;
    for socket in &mut sockets {
        for n in 1..=8 {
            assert_eq!(next(socket).await["sequence"], n);
        }
    }
    drop(sockets);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats-server: tests/nats/run"]
async fn three_nodes_stay_within_two_readers_of_a_shard() {
    let streams = StreamOptions { shards: 2, readers_max: 2, ..StreamOptions::default() };
    let behaviour = Behaviour { streams, ..Behaviour::default() };
    let house = House::over(Options { behaviour, ..Options::default() }, 3, "stream").await;
    soon("two nodes read", || async { house.readers().await == 2 }).await;
    let id = house.nodes[0].auction(json!({})).await;
    let mut sockets = house.watch(&id).await;
    house.bid(&id, 1, 60).await;
    for socket in &mut sockets {
        for n in 1..=60 {
            assert_eq!(next(socket).await["sequence"], n);
        }
    }
    for node in &house.nodes {
        let page = format!("http://{}/metrics", node.ready.admin_address);
        let scrape = Scrape::fetch(&page).await.unwrap();
        assert_eq!(scrape.counter("gavel_relay_errors_total", "kind", "failed"), 0);
    }
    drop(sockets);
    house.stop().await;
}
