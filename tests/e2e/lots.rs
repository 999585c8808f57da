//! Many lots: lists in which they share an end, and ends that come all at once.

use std::time::Duration;

use e2e::gavel::from_now;
use e2e::{Gavel, soon};
use futures_util::StreamExt as _;
use futures_util::stream;
use gavel_server::limits;
use serde_json::{Value, json};

/// Lots with the same end.
async fn lots(gavel: &Gavel, count: usize, ends_at: &str) -> Vec<String> {
    let make = |_| gavel.auction(json!({ "endsAt": ends_at }));
    stream::iter(0..count).map(make).buffer_unordered(16).collect().await
}

/// The ids of a list, page by page.
async fn pages(gavel: &Gavel, status: &str, first: usize, newest_first: bool) -> Vec<String> {
    let query = "query($s: AuctionStatus, $n: Int!, $a: String, $d: Boolean!) { auctions(status: $s, \
                 first: $n, after: $a, newestFirst: $d) { nodes { id } \
                 pageInfo { hasNextPage endCursor } } }";
    let mut ids = Vec::new();
    let mut after = Value::Null;
    loop {
        let variables = json!({ "s": status, "n": first, "a": after, "d": newest_first });
        let answer = gavel.graphql(None, query, variables).await;
        let page = &answer["data"]["auctions"];
        let nodes = page["nodes"].as_array().unwrap_or_else(|| panic!("no page: {answer}"));
        ids.extend(nodes.iter().map(|node| node["id"].as_str().unwrap().to_owned()));
        if page["pageInfo"]["hasNextPage"] != true {
            return ids;
        }
        assert_eq!(nodes.len(), first, "a page that is not the last is full");
        after = page["pageInfo"]["endCursor"].clone();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lots_that_share_an_end_are_listed_once_in_pages_and_in_both_directions() {
    let gavel = Gavel::start().await;
    let at = |minutes: u64| from_now(Duration::from_secs(60 * minutes));
    let first = gavel.auction(json!({ "endsAt": at(5) })).await;
    let mut shared = lots(&gavel, 60, &at(10)).await;
    let last = gavel.auction(json!({ "endsAt": at(15) })).await;
    shared.sort();
    let lists = |status, page, newest_first| pages(&gavel, status, page, newest_first);
    soon("all are listed", || async { lists("OPEN", 100, false).await.len() == 62 }).await;
    for page in [1, 7, 61, 62, 100] {
        let up = lists("OPEN", page, false).await;
        let mut down = lists("OPEN", page, true).await;
        assert_eq!((&up[0], &up[61]), (&first, &last), "by their ends");
        assert_eq!((&down[0], &down[61]), (&last, &first), "the other way round");
        let mut between = up[1..61].to_vec();
        between.sort();
        assert_eq!(between, shared, "each once, in pages of {page}");
        down.reverse();
        assert_eq!(down, up);
    }
    gavel.stop().await.unwrap();
}

/// Every lot is closed, a few at a time, without a word in the log, and bids elsewhere are answered.
#[tokio::test(flavor = "multi_thread")]
async fn lots_that_end_at_one_instant_are_closed_a_few_at_a_time() {
    const LOTS: usize = 400;
    let gavel = Gavel::with(&["--client-limits", "off"]).await;
    let elsewhere = gavel.auction(json!({})).await;
    lots(&gavel, LOTS, &from_now(Duration::from_secs(6))).await;
    assert_eq!(pages(&gavel, "OPEN", 100, false).await.len(), LOTS + 1);
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
    // A lane that has answered is counted until its task has ended. That no more are in flight is tested
    // where they are started (`bidding/schedule.rs`).
    let lanes = 1 + 2 * limits::SCHEDULE_IN_FLIGHT_MAX;
    assert!(lanes_max <= lanes as f64, "{lanes_max} lanes, allowed are {lanes}");
    soon("their lanes end", || async { gavel.metric("gavel_lanes").await <= 1.0 }).await;
    assert_eq!(pages(&gavel, "CLOSED", 100, false).await.len(), LOTS);
    gavel.stop().await.unwrap();
}

/// How many of the first auctions that are open there are.
async fn open(gavel: &Gavel, first: usize) -> usize {
    let query = "query($n: Int!) { auctions(status: OPEN, first: $n) { nodes { id } } }";
    let answer = gavel.graphql(None, query, json!({ "n": first })).await;
    answer["data"]["auctions"]["nodes"].as_array().map_or(0, Vec::len)
}
