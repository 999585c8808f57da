//! Streams as they really are: shards that come and go, and one that stands still.

use std::time::{Duration, Instant};

use dynamodb_emulator::{
    Behaviour, Command, Delay, Emulator, FaultKind, FaultRule, Latency, Options, Order,
    Propagation, StreamOptions,
};
use e2e::{Gavel, Socket, soon};
use serde_json::{Value, json};

const WATCH: &str = "subscription($id: ID!) { bidCreated(auctionId: $id, after: 0) \
                     { sequence timing { source } } }";

async fn store(behaviour: Behaviour) -> Emulator {
    Emulator::start(Options { behaviour, ..Options::default() }).await.unwrap()
}

async fn server(emulator: &Emulator) -> Gavel {
    Gavel::with(&["--dynamodb", &emulator.endpoint()]).await
}

async fn watch(gavel: &Gavel, id: &str) -> Socket {
    let mut socket = gavel.socket(None).await;
    socket.subscribe("w", WATCH, json!({ "id": id })).await;
    socket
}

async fn told(socket: &mut Socket, sequence: u64) -> Value {
    let bid = socket.next("w").await["data"]["bidCreated"].clone();
    assert_eq!(bid["sequence"], sequence);
    bid
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_that_split_roll_and_hide_their_children_lose_nothing() {
    let propagation = Propagation {
        delay: Delay::fixed(Duration::from_millis(2)),
        spread_ms: 20.0,
        order: Order::Item,
    };
    let emulator = store(Behaviour {
        latency: Latency { propagation, ..Latency::none() },
        streams: StreamOptions {
            child_hidden_ms: 300,
            iterator_life_ms: 1_000,
            page_shards: 2,
            ..StreamOptions::aws()
        },
        ..Behaviour::default()
    })
    .await;
    let gavel = server(&emulator).await;
    let mut auctions = Vec::new();
    for _ in 0..6 {
        let id = gavel.auction(json!({})).await;
        let socket = watch(&gavel, &id).await;
        auctions.push((id, socket));
    }
    for n in 1..=24_u64 {
        for (id, _) in &auctions {
            assert_eq!(gavel.bid("ann", id, 900 + 100 * n).await["bid"]["sequence"], n);
        }
        let close = match n % 6 {
            0 => Some(Command::Split { shard: None, table: None }),
            3 => Some(Command::Roll { shard: None, table: None }),
            4 => Some(Command::ExpireIterators),
            5 => Some(Command::ForgetClosedShards),
            _ => None,
        };
        if let Some(command) = close {
            emulator.control().apply(command).unwrap();
        }
    }
    for (_, socket) in &mut auctions {
        for n in 1..=24 {
            told(socket, n).await;
        }
        socket.lives().await;
    }
    let shards = emulator.control().status().streams[0].shards.len();
    assert!(shards >= 4 + 4 * 2, "{shards} shards were made");
    gavel.stop().await.unwrap();
    emulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_stands_still_does_not_stop_delivery() {
    let streams = StreamOptions { shards: 2, ..StreamOptions::default() };
    let emulator = store(Behaviour { streams, ..Behaviour::default() }).await;
    let gavel = server(&emulator).await;
    let id = gavel.auction(json!({})).await;
    let mut socket = watch(&gavel, &id).await;
    gavel.bid("ann", &id, 1000).await;
    told(&mut socket, 1).await;
    let stall = Command::Stall { for_ms: 30_000, shard: None, table: None };
    emulator.control().apply(stall).unwrap();
    let mut costs = Vec::new();
    for n in 2..=5_u64 {
        let sent = Instant::now();
        gavel.bid("ann", &id, 900 + 100 * n).await;
        assert_eq!(told(&mut socket, n).await["timing"]["source"], "TABLE");
        costs.push(sent.elapsed());
    }
    println!("a bid under a stalled stream takes {costs:?}");
    // Demand expires after 500 ms, and then the table is read.
    assert!(costs.iter().all(|cost| *cost < Duration::from_secs(5)), "{costs:?}");
    emulator.control().apply(Command::Resume).unwrap();
    gavel.bid("ann", &id, 5000).await;
    told(&mut socket, 6).await;
    socket.lives().await;
    gavel.stop().await.unwrap();
    emulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trimmed_records_are_read_from_the_table() {
    let streams = StreamOptions { shards: 2, ..StreamOptions::default() };
    let emulator = store(Behaviour { streams, ..Behaviour::default() }).await;
    let gavel = server(&emulator).await;
    let id = gavel.auction(json!({})).await;
    let mut socket = watch(&gavel, &id).await;
    for n in 1..=20_u64 {
        if n % 4 == 0 {
            let trimmed = FaultRule::new(FaultKind::TrimmedData).count(1);
            emulator.control().apply(Command::Fault(trimmed)).unwrap();
            emulator.control().apply(Command::Trim { keep_ms: 0, table: None }).unwrap();
        }
        gavel.bid("ann", &id, 900 + 100 * n).await;
        told(&mut socket, n).await;
    }
    socket.lives().await;
    assert!(emulator.control().status().faults[&FaultKind::TrimmedData] >= 1);
    gavel.stop().await.unwrap();
    emulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_record_is_retried_ever_later_and_the_server_can_be_stopped() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), r#"{"failures": [{"record": 1}], "cold_start_ms": 0}"#).unwrap();
    let settings = file.path().to_str().unwrap();
    let gavel = Gavel::with(&["--relay", "lambda", "--lambda-settings", settings]).await;
    let relay = gavel.ready.relay.clone();
    let invocations = || relay.stats().handlers.lock().invocations;
    let began = Instant::now();
    let id = gavel.auction(json!({})).await;
    let mut socket = watch(&gavel, &id).await;
    gavel.bid("ann", &id, 1_000).await;
    told(&mut socket, 1).await;
    soon("the fifth invocation", || async { invocations() >= 5 }).await;
    assert!(began.elapsed() > Duration::from_millis(1_700), "pauses of 250, 500 and 1,000 ms");
    gavel.stop().await.unwrap();
    assert!(invocations() <= 12, "{}", invocations());
}
