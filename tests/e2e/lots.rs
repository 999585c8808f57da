//! Many lots: lists in which they share an end, and ends that come all at once.

use std::time::Duration;

use e2e::gavel::from_now;
use e2e::{Gavel, soon};
use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::{Value, json};

/// Lots with the same end.
async fn lots(gavel: &Gavel, count: usize, ends_at: &str) -> Vec<String> {
    let make = |_| gavel.auction(json!({ "endsAt": ends_at }));
    stream::iter(0..count).map(make).buffer_unordered(16).collect().await
}

async fn count(gavel: &Gavel, status: &str) -> usize {
    let mut seen = 0;
    let mut after = Value::Null;
    loop {
        let query = "query($s: AuctionStatus, $a: String) { auctions(status: $s, first: 100, \
                     after: $a) { nodes { id } pageInfo { hasNextPage endCursor } } }";
        let answer = gavel.graphql(None, query, json!({ "s": status, "a": after })).await;
        let page = &answer["data"]["auctions"];
        seen += page["nodes"].as_array().expect("nodes").len();
        if page["pageInfo"]["hasNextPage"] != true {
            return seen;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

/// Every lot is closed, a few at a time, without a word in the log, and bids elsewhere are answered.
#[tokio::test(flavor = "multi_thread")]
async fn lots_that_end_at_one_instant_are_closed_a_few_at_a_time() {
    const LOTS: usize = 400;
    let gavel = Gavel::with(&["--client-limits", "off"]).await;
    let elsewhere = gavel.auction(json!({})).await;
    lots(&gavel, LOTS, &from_now(Duration::from_secs(6))).await;
    assert_eq!(count(&gavel, "OPEN").await, LOTS + 1);
    let mut amount = 1000;
    let mut lanes_max = 0.0_f64;
    let closing = soon("all are closed", || async { open(&gavel, 2).await == 1 });
    let bidding = async {
        loop {
            let bid = gavel.bid("ann", &elsewhere, amount).await;
            assert_eq!(bid["__typename"], "BidAccepted", "{bid}");
            amount += 100;
            lanes_max = lanes_max.max(gavel.metric("gavel_lanes").await);
        }
    };
    tokio::select! {
        () = closing => {}
        () = bidding => {}
    }
    assert!(lanes_max <= 17.0, "{lanes_max} lanes: of 16 lots and of the auction elsewhere");
    soon("their lanes end", || async { gavel.metric("gavel_lanes").await <= 1.0 }).await;
    assert_eq!(count(&gavel, "CLOSED").await, LOTS);
    gavel.stop().await.unwrap();
}

/// How many of the first auctions that are open there are.
async fn open(gavel: &Gavel, first: usize) -> usize {
    let query = "query($n: Int!) { auctions(status: OPEN, first: $n) { nodes { id } } }";
    let answer = gavel.graphql(None, query, json!({ "n": first })).await;
    answer["data"]["auctions"]["nodes"].as_array().map_or(0, Vec::len)
}
