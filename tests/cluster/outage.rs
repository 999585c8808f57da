use std::time::Instant;

use e2e::soon;
use serde_json::{Value, json};

use super::{House, WITHOUT_BUS, is_silent, next};

/// Bids while the bus is away: each watcher of each node has them soon, and none twice later.
async fn survives(relay: &str, takes_away: impl Fn(&mut House), gives_back: impl Fn(&mut House)) {
    let mut house = House::start(3, relay).await;
    let id = house.nodes[0].auction(json!({})).await;
    let mut sockets = house.watch(&id).await;
    house.bid(&id, 1, 3).await;
    for socket in &mut sockets {
        for n in 1..=3 {
            assert_eq!(next(socket).await["sequence"], n);
        }
    }
    takes_away(&mut house);
    for n in 4..=12 {
        house.bid(&id, n, n).await;
        let acknowledged = Instant::now();
        for socket in &mut sockets {
            assert_eq!(next(socket).await["sequence"], n);
        }
        let took = acknowledged.elapsed();
        assert!(took <= WITHOUT_BUS * 2, "{relay}: bid {n} took {took:?}");
    }
    let readyz = || async { house.nodes[2].get("/readyz").await };
    soon("the node says that it is degraded", || async {
        let (status, body) = readyz().await;
        let body: Value = serde_json::from_str(&body).expect("JSON");
        status == 200 && body["state"] == "degraded" && body["bus"] != "ok"
    })
    .await;
    gives_back(&mut house);
    let readyz = || async { house.nodes[2].get("/readyz").await };
    soon("the bus is there again", || async { readyz().await.1.contains("\"serving\"") }).await;
    house.bid(&id, 13, 15).await;
    for socket in &mut sockets {
        for n in 13..=15 {
            assert_eq!(next(socket).await["sequence"], n);
        }
        assert!(is_silent(socket).await);
    }
    drop(sockets);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats-server: tests/nats/run"]
async fn a_bus_that_is_killed_costs_time_and_nothing_else() {
    survives("hybrid", |house| house.nats.kill(), |house| house.nats.start_again()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats-server: tests/nats/run"]
async fn a_bus_that_is_paused_costs_time_and_nothing_else() {
    survives("stream", |house| house.nats.pause(), |house| house.nats.go_on()).await;
}
