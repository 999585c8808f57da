use std::time::Duration;

use client_sim::load::plan::{Plan, Target, View};
use client_sim::load::scenario::{Name, Scenario};
use client_sim::measure::scrape::Scrape;
use client_sim::service::last_mile::LastMile;
use client_sim::service::tokens::Tokens;
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

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats-server: tests/nats/run"]
async fn a_run_against_several_urls_spreads_its_clients_over_them() {
    let house = House::start(3, "hybrid").await;
    let node = &house.nodes[0];
    let duration = Duration::from_secs(3);
    let plan = Plan {
        scenario: Scenario { duration, auctions: 3, ..Scenario::of(Name::Steady) },
        seed: 5,
        slos: Vec::new(),
        target: Target::Url {
            urls: house.nodes.iter().map(|node| node.base.clone()).collect(),
            tokens: Tokens::Secret(node.secret().to_owned()),
            relay: None,
        },
        last_mile: LastMile::None,
        view: View::Nothing,
        script: Vec::new(),
        command: "tests/nats/run".to_owned(),
    };
    let report = client_sim::run::run(&plan).await.unwrap();
    assert_ne!(report.verdict.as_str(), "guarantee_broken", "{:?}", report.reasons);
    assert!(report.bids.accepted > 0 && report.deliveries.missing == 0, "{:?}", report.bids);
    assert!(report.latency_us.hops.forward.n > 0, "some came to a node that is not their owner");
    for node in &house.nodes {
        let scrape = Scrape::fetch(&format!("{}/metrics", node.base)).await.unwrap();
        assert!(scrape.counter("gavel_deliveries_total", "kind", "live") > 0, "{}", node.base);
    }
    house.stop().await;
}
