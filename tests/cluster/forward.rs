use client_sim::measure::scrape::Scrape;
use serde_json::{Value, json};

use super::{House, next};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats-server: tests/nats/run"]
async fn a_bid_is_written_by_its_auctions_owner_and_says_when_it_came_there() {
    let house = House::start(3, "hybrid").await;
    let id = house.nodes[0].auction(json!({})).await;
    let mut watcher = house.nodes[0].socket(None).await;
    watcher.subscribe("w", super::WATCH, json!({ "id": id })).await;
    let mut forwarded = 0;
    for (n, node) in house.nodes.iter().enumerate() {
        let answer = node.bid("ann", &id, 1_000 + 100 * n as u64).await;
        let timing = &answer["bid"]["timing"];
        let at = |name: &str| timing[name].as_str().map(str::to_owned);
        if let Some(there) = at("forwardedAt") {
            forwarded += 1;
            assert!(at("receivedAt").unwrap() <= there, "{timing}");
            assert!(there <= at("writtenAt").unwrap(), "{timing}");
        }
        let told = next(&mut watcher).await;
        assert_eq!(told["timing"]["forwardedAt"], timing["forwardedAt"], "to watchers as well");
    }
    assert_eq!(forwarded, 2, "two of three nodes do not own the auction");

    // The owner counts the hop, and the others that they were answered.
    let mut hops = Vec::new();
    let mut answered = 0;
    for node in &house.nodes {
        let scrape = Scrape::fetch(&format!("{}/metrics", node.base)).await.unwrap();
        hops.push(scrape.counter("gavel_hop_seconds_count", "hop", "forward"));
        answered += scrape.counter("gavel_bids_forwarded_total", "result", "answered");
    }
    hops.sort_unstable();
    assert_eq!((hops, answered), (vec![0, 0, 2], 2));

    // A rejection is the owner's as well, with the same code and the same minimum.
    for node in &house.nodes {
        let rejected = node.bid("bob", &id, 900).await;
        assert_eq!(
            (&rejected["code"], &rejected["minimumBid"]),
            (&json!("TOO_LOW"), &json!("1300"))
        );
        let unknown = node.bid("bob", "no-such-auction", 900).await;
        assert_eq!(unknown["extensions"]["code"], "NOT_FOUND", "{unknown}");
    }
    assert_eq!(house.nodes[0].bid("bob", &id, 1_300).await["bid"]["sequence"], Value::from(4));
    drop(watcher);
    house.stop().await;
}
