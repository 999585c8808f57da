//! /readyz: what makes a server unready, and what only degrades it.

use dynamodb_emulator::{Behaviour, Command, Emulator, FaultKind, FaultRule, Options, Target};
use e2e::{Gavel, code, soon};
use gavel_core::store::connect::{Endpoint, connect};
use serde_json::{Value, json};

const WATCH: &str = "subscription($id: ID!) { bidCreated(auctionId: $id, after: 0) { sequence } }";

async fn server() -> (Emulator, Gavel) {
    let options = Options { behaviour: Behaviour::default(), ..Options::default() };
    let emulator = Emulator::start(options).await.unwrap();
    let gavel = Gavel::with(&["--dynamodb", &emulator.endpoint(), "--relay", "hybrid"]).await;
    (emulator, gavel)
}

fn fault(emulator: &Emulator, kind: FaultKind, on: Target) {
    emulator.control().apply(Command::Fault(FaultRule::new(kind).on(on))).unwrap();
}

async fn readyz(gavel: &Gavel) -> (u16, Value) {
    let (status, body) = gavel.get("/readyz").await;
    (status, serde_json::from_str(&body).unwrap())
}

async fn is_degraded(gavel: &Gavel, part: &str) -> bool {
    let page = format!("http://{}/metrics", gavel.ready.admin_address);
    let page = client_sim::measure::scrape::Scrape::fetch(&page).await.unwrap();
    page.counter("gavel_degraded", "part", part) == 1
}

async fn is_ready(gavel: &Gavel) -> bool {
    gavel.metric("gavel_ready").await > 0.5
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_cannot_be_read_degrades_a_server_that_serves() {
    let (emulator, gavel) = server().await;
    let id = gavel.auction(json!({})).await;
    let mut socket = gavel.socket(None).await;
    socket.subscribe("w", WATCH, json!({ "id": id })).await;
    for (n, kind) in [(1_u64, FaultKind::InternalError), (2, FaultKind::Throttled)] {
        fault(&emulator, kind, Target::Streams);
        soon("it is degraded", || async { readyz(&gavel).await.1["state"] == "degraded" }).await;
        let (status, body) = readyz(&gavel).await;
        assert_eq!((status, &body["ready"], &body["store"]), (200, &json!(true), &json!("ok")));
        assert!(body["relay"].as_str().unwrap().contains("cannot be read"), "{body}");
        assert!(is_degraded(&gavel, "relay").await);
        assert!(is_ready(&gavel).await);
        // Nor does that stop bids.
        assert_eq!(gavel.bid("ann", &id, 1000 * n).await["bid"]["sequence"], n);
        assert_eq!(socket.next("w").await["data"]["bidCreated"]["sequence"], n);
        emulator.control().apply(Command::ClearFaults).unwrap();
        soon("it serves", || async { readyz(&gavel).await.1["state"] == "serving" }).await;
        assert!(!is_degraded(&gavel, "relay").await);
    }
    gavel.stop().await.unwrap();
    emulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_throttles_its_descriptions_and_reads_leaves_the_server_ready() {
    let (emulator, gavel) = server().await;
    fault(&emulator, FaultKind::Throttled, Target::Reads);
    soon("it is degraded", || async { readyz(&gavel).await.1["store"] == "throttled" }).await;
    assert_eq!(readyz(&gavel).await.0, 200);
    gavel.stop().await.unwrap();
    emulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_answer_makes_the_server_unready() {
    let (emulator, gavel) = server().await;
    fault(&emulator, FaultKind::DropConnection, Target::All);
    soon("it is unready", || async { readyz(&gavel).await.0 == 503 }).await;
    let (_, body) = readyz(&gavel).await;
    assert_eq!((&body["state"], &body["store"]), (&json!("unavailable"), &json!("no answer")));
    assert!(!is_ready(&gavel).await);
    assert_eq!(gavel.get("/healthz").await.0, 200);
    emulator.control().apply(Command::ClearFaults).unwrap();
    soon("it is ready again", || async { readyz(&gavel).await.1["state"] == "serving" }).await;
    gavel.stop().await.unwrap();
    emulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_reads_and_does_not_write_makes_the_server_unready() {
    let (emulator, gavel) = server().await;
    let id = gavel.auction(json!({})).await;
    // As a disk that is full.
    fault(&emulator, FaultKind::InternalError, Target::Writes);
    let bid = gavel.bid("ann", &id, 1000);
    let watching = async {
        soon("it is unready", || async { readyz(&gavel).await.0 == 503 }).await;
        let store = readyz(&gavel).await.1["store"].clone();
        assert_eq!(store, "writes fail: no answer");
        emulator.control().apply(Command::ClearFaults).unwrap();
        soon("it is ready again", || async { readyz(&gavel).await.1["state"] == "serving" }).await;
    };
    let (bid, ()) = tokio::join!(bid, watching);
    assert_eq!(bid["bid"]["sequence"], 1, "it was tried again meanwhile: {bid}");
    gavel.stop().await.unwrap();
    emulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_auction_that_cannot_be_written_does_not_make_the_server_unready() {
    let (emulator, gavel) = server().await;
    let id = gavel.auction(json!({})).await;
    fault(&emulator, FaultKind::InternalError, Target::Transactions);
    let bid = gavel.bid("ann", &id, 1000);
    let watching = async {
        let deadline = std::time::Instant::now() + gavel_server::limits::STORE_DOWN_AFTER * 2;
        while std::time::Instant::now() < deadline {
            assert_eq!(readyz(&gavel).await.0, 200);
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        emulator.control().apply(Command::ClearFaults).unwrap();
    };
    let (bid, ()) = tokio::join!(bid, watching);
    assert_eq!(bid["bid"]["sequence"], 1, "{bid}");
    gavel.stop().await.unwrap();
    emulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_costs_the_store_nothing_however_often_it_is_asked() {
    let (emulator, gavel) = server().await;
    let calls = |emulator: &Emulator| emulator.control().status().calls;
    let before = (calls(&emulator), std::time::Instant::now());
    for _ in 0..1_000 {
        assert_eq!(gavel.get("/readyz").await.0, 200);
    }
    // The schedule, the relay and the server's own looks go on meanwhile.
    let others = 70.0 * (before.1.elapsed().as_secs_f64() + 1.0);
    let made = calls(&emulator) - before.0;
    assert!((made as f64) < 500.0_f64.max(others), "{made} calls");
    gavel.stop().await.unwrap();
    emulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_strangers_read_names_no_table() {
    let emulator = Emulator::start(Options::default()).await.unwrap();
    let flags = ["--dynamodb", &emulator.endpoint(), "--table", "a-secret-name"];
    let gavel = Gavel::with(&flags).await;
    let client = connect(&Endpoint::Url(emulator.endpoint())).await.dynamodb;
    let deleted = client.delete_table().table_name("a-secret-name").send().await;
    deleted.unwrap();
    soon("it is unready", || async { readyz(&gavel).await.0 == 503 }).await;
    let (_, body) = gavel.get("/readyz").await;
    assert!(body.contains("not permitted") && !body.contains("secret"), "{body}");
    let answer =
        gavel.graphql(None, "{ auctions(first: 1) { edges { cursor } } }", json!({})).await;
    assert_eq!(code(&answer["errors"][0]), "STORE_UNAVAILABLE", "{answer}");
    gavel.stop().await.unwrap();
    emulator.shutdown().await;
}
