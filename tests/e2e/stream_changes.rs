//! A stream that changes under a running server: another one takes its place.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::StreamSpecification;
use aws_sdk_dynamodb::types::StreamViewType::NewImage;
use dynamodb_emulator::{Behaviour, Emulator, Options, StreamOptions};
use e2e::{Gavel, Socket, soon};
use gavel_core::store::connect::{Endpoint, connect};
use gavel_core::store::setup::ensure_table;
use serde_json::json;

const WATCH: &str = "subscription($id: ID!) { bidCreated(auctionId: $id, after: 0) \
                     { sequence timing { source } } }";
const TABLE: &str = "changing";

/// A server over a store with one shard of the engine's own, or with several.
struct Bench {
    emulator: Emulator,
    gavel: Gavel,
    client: aws_sdk_dynamodb::Client,
}

impl Bench {
    async fn start(shards: u32) -> Self {
        let streams = StreamOptions { shards, ..StreamOptions::default() };
        let behaviour = Behaviour { streams, ..Behaviour::default() };
        let emulator = Emulator::start(Options { behaviour, ..Options::default() }).await.unwrap();
        let url = emulator.endpoint();
        let gavel = Gavel::with(&["--dynamodb", &url, "--table", TABLE]).await;
        let client = connect(&Endpoint::Url(url)).await.dynamodb;
        Self { emulator, gavel, client }
    }

    async fn switch(&self, on: bool) {
        let stream = StreamSpecification::builder().stream_enabled(on);
        let stream = if on { stream.stream_view_type(NewImage) } else { stream };
        let update = self.client.update_table().table_name(TABLE);
        update.stream_specification(stream.build().unwrap()).send().await.unwrap();
    }

    async fn watch(&self, id: &str) -> Socket {
        let mut socket = self.gavel.socket(None).await;
        socket.subscribe("w", WATCH, json!({ "id": id })).await;
        socket
    }

    /// Bids until one reaches its watcher by the stream; returns how many it took.
    async fn bids_until_the_stream_is_read(&self, id: &str, socket: &mut Socket, from: u64) -> u64 {
        let began = Instant::now();
        for n in from.. {
            self.gavel.bid("ann", id, 900 + 100 * n).await;
            let bid = socket.next("w").await["data"]["bidCreated"].clone();
            assert_eq!(bid["sequence"], n);
            if bid["timing"]["source"] == "STREAM" {
                return n;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "the stream is not read");
        }
        unreachable!()
    }

    async fn stop(self) {
        self.gavel.stop().await.unwrap();
        self.emulator.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_switched_off_and_on_is_read_again_and_nothing_is_missed() {
    for shards in [0, 3] {
        let bench = Bench::start(shards).await;
        let id = bench.gavel.auction(json!({})).await;
        let mut socket = bench.watch(&id).await;
        let mut last = bench.bids_until_the_stream_is_read(&id, &mut socket, 1).await;
        for _ in 0..2 {
            bench.switch(false).await;
            // Nothing shows this bid but the table.
            last += 1;
            bench.gavel.bid("ann", &id, 900 + 100 * last).await;
            assert_eq!(socket.next("w").await["data"]["bidCreated"]["sequence"], last);
            bench.switch(true).await;
            last = bench.bids_until_the_stream_is_read(&id, &mut socket, last + 1).await;
        }
        assert!(bench.gavel.metric("gavel_relay_shards").await >= 1.0);
        bench.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_a_stream_is_reported_and_served_from() {
    let bench = Bench::start(2).await;
    let id = bench.gavel.auction(json!({})).await;
    let mut socket = bench.watch(&id).await;
    bench.switch(false).await;
    soon("it is degraded", || async {
        bench.gavel.get("/readyz").await.1.contains("the table has no stream")
    })
    .await;
    assert_eq!(bench.gavel.get("/readyz").await.0, 200);
    assert!(bench.gavel.metric("gavel_relay_shards").await < 1.0);
    assert!(bench.gavel.metric("gavel_relay_iterator_age_seconds").await >= 5.0);
    assert_eq!(bench.gavel.bid("ann", &id, 1000).await["bid"]["sequence"], 1);
    assert_eq!(socket.next("w").await["data"]["bidCreated"]["timing"]["source"], "TABLE");
    bench.switch(true).await;
    let serves = || async { bench.gavel.get("/readyz").await.1.contains("serving") };
    soon("it serves as before", serves).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_of_a_table_that_was_deleted_and_made_again_is_read() {
    let bench = Bench::start(2).await;
    let id = bench.gavel.auction(json!({})).await;
    let mut socket = bench.watch(&id).await;
    bench.bids_until_the_stream_is_read(&id, &mut socket, 1).await;
    bench.client.delete_table().table_name(TABLE).send().await.unwrap();
    ensure_table(&bench.client, TABLE).await.unwrap();
    let id = bench.gavel.auction(json!({})).await;
    let mut socket = bench.watch(&id).await;
    bench.bids_until_the_stream_is_read(&id, &mut socket, 1).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_while_the_stream_is_switched_off_waits_for_it() {
    let bench = Bench::start(0).await;
    bench.switch(false).await;
    let url = bench.emulator.endpoint();
    let flags = ["--dynamodb", &url, "--table", TABLE];
    let switched_on = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        bench.switch(true).await;
    };
    let (second, ()) = tokio::join!(Gavel::with(&flags), switched_on);
    second.stop().await.unwrap();
    bench.gavel.stop().await.unwrap();
    bench.emulator.shutdown().await;
}
