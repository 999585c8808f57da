//! What a watcher is told.

use std::time::Instant;

use e2e::{Gavel, code};
use futures_util::future::join_all;
use gavel_server::limits;
use serde_json::{Value, json};

const WATCH: &str = "subscription($id: ID!, $after: Int) { bidCreated(auctionId: $id, after: $after) \
                     { sequence amount timing { receivedAt writtenAt readAt publishedAt source } } }";
const UPDATES: &str = "subscription($id: ID!) { auctionUpdated(auctionId: $id) \
                       { status sequence version reservePrice } }";

fn sequence(payload: &Value) -> u64 {
    payload["data"]["bidCreated"]["sequence"].as_u64().unwrap_or_else(|| panic!("{payload}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bid_is_told_to_every_watcher_with_all_its_stamps() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let mut sockets = join_all((0..5).map(|_| gavel.socket(None))).await;
    for socket in &mut sockets {
        socket.subscribe("w", WATCH, json!({ "id": id, "after": 0 })).await;
    }
    for n in 1..=3_u64 {
        assert_eq!(gavel.bid("ann", &id, 900 + 100 * n).await["bid"]["sequence"], n);
        for socket in &mut sockets {
            let payload = socket.next("w").await;
            assert_eq!(sequence(&payload), n);
            let timing = &payload["data"]["bidCreated"]["timing"];
            let stamps = ["receivedAt", "writtenAt", "readAt", "publishedAt"]
                .map(|name| timing[name].as_str().unwrap_or_else(|| panic!("{timing}")));
            assert!(stamps.is_sorted(), "{stamps:?}");
        }
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_that_comes_back_is_told_what_it_missed_and_then_goes_on_live() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    for n in 1..=6 {
        gavel.bid("ann", &id, 900 + 100 * n).await;
    }
    let mut socket = gavel.socket(None).await;
    socket.subscribe("w", WATCH, json!({ "id": id, "after": 2 })).await;
    for n in 3..=6 {
        let payload = socket.next("w").await;
        assert_eq!(sequence(&payload), n);
        assert_eq!(payload["extensions"]["replay"], true, "{payload}");
    }
    gavel.bid("ann", &id, 1600).await;
    let payload = socket.next("w").await;
    assert_eq!(sequence(&payload), 7);
    assert_eq!(payload["extensions"], Value::Null);
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_operation_name_is_none() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    gavel.bid("ann", &id, 1000).await;
    let mut socket = gavel.socket(None).await;
    let query =
        format!("subscription {{ bidCreated(auctionId: \"{id}\", after: 0) {{ sequence }} }}");
    let payload = json!({ "operationName": "", "query": query });
    socket.send(json!({ "type": "subscribe", "id": "w", "payload": payload })).await;
    for n in 1..=3 {
        assert_eq!(sequence(&socket.next("w").await), n);
        gavel.bid("ann", &id, 1000 + 100 * n).await;
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_that_end_before_they_joined_leave_nothing_that_runs_on() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({ "minimumIncrement": "1" })).await;
    // So many that a watcher from the first must be brought nearer before it is told live.
    for n in 0..=limits::GROUP_RING_MAX as u64 {
        gavel.bid("ann", &id, 1000 + n).await;
    }
    let mut socket = gavel.socket(None).await;
    for n in 0..20 {
        let name = format!("w{n}");
        let watch = WATCH.replace("amount", &format!("a{n}: amount"));
        socket.subscribe(&name, &watch, json!({ "id": id, "after": 0 })).await;
        // Its history is on its way.
        while socket.message().await["id"] != name {}
        socket.send(json!({ "type": "complete", "id": name })).await;
    }
    // Bids go on, and none of them wakes a group.
    let started = Instant::now();
    let mut amount = 2_000;
    while gavel.metric("gavel_groups").await > 0.0 {
        assert!(started.elapsed() < limits::GROUP_IDLE / 2, "groups run on");
        gavel.bid("ann", &id, amount).await;
        amount += 1;
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_watchers_that_come_back_costs_one_execution_an_event() {
    const BEFORE: u64 = 20;
    const WATCHERS: u64 = 200;
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let mut first = gavel.socket(None).await;
    first.subscribe("w", WATCH, json!({ "id": id, "after": 0 })).await;
    let executions = async || gavel.metric("gavel_executions_total").await as u64;
    let mut at_first = 0;
    for n in 1..=BEFORE {
        gavel.bid("ann", &id, 900 + 100 * n).await;
        assert_eq!(sequence(&first.next("w").await), n);
        if n == 1 {
            // The first may have come live or from history: from the second on they are live.
            at_first = executions().await;
        }
    }
    let mut sockets = join_all((0..WATCHERS).map(|_| gavel.socket(None))).await;
    let subscribing = sockets.iter_mut().enumerate().map(|(number, socket)| {
        let after = 1 + number as u64 % (BEFORE - 1);
        socket.subscribe("w", WATCH, json!({ "id": id, "after": after }))
    });
    join_all(subscribing).await;
    gavel.bid("ann", &id, 900 + 100 * (BEFORE + 1)).await;
    for (number, socket) in sockets.iter_mut().enumerate() {
        for expected in 2 + number as u64 % (BEFORE - 1)..=BEFORE + 1 {
            assert_eq!(sequence(&socket.next("w").await), expected, "watcher {number}");
        }
    }
    assert_eq!(executions().await - at_first, BEFORE);
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_history_is_replayed_in_order_while_bids_go_on() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let bids = |from: u64, to: u64| {
        let (gavel, id) = (&gavel, &id);
        async move {
            for n in from..=to {
                let answer = gavel.bid("ann", id, 900 + 100 * n).await;
                assert_eq!(answer["bid"]["sequence"], n, "{answer}");
            }
        }
    };
    // More than a topic and a group keep at hand.
    bids(1, 600).await;
    let mut socket = gavel.socket(None).await;
    socket.subscribe("w", WATCH, json!({ "id": id, "after": 0 })).await;
    let told = async {
        for n in 1..=640 {
            assert_eq!(sequence(&socket.next("w").await), n);
        }
    };
    tokio::join!(told, bids(601, 640));
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_cursor_only_what_comes_is_told() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    gavel.bid("ann", &id, 1000).await;
    let mut socket = gavel.socket(None).await;
    socket.subscribe("a", UPDATES, json!({ "id": id })).await;
    // The state has come, so the socket's topic is live; the next subscription starts after it.
    assert_eq!(socket.next("a").await["data"]["auctionUpdated"]["sequence"], 1);
    socket.send(json!({ "type": "complete", "id": "a" })).await;
    socket
        .subscribe(
            "w",
            "subscription($id: ID!) { bidCreated(auctionId: $id) { sequence } }",
            json!({ "id": id }),
        )
        .await;
    // Asked twice under one group: the second is answered when the first has joined.
    socket.subscribe("x", UPDATES, json!({ "id": id })).await;
    socket.next("x").await;
    socket.lives().await;
    let mut amount = 1100;
    let told = loop {
        gavel.bid("ann", &id, amount).await;
        amount += 100;
        let message = socket.message().await;
        if message["id"] == "w" {
            break sequence(&message["payload"]);
        }
    };
    assert!(told >= 2);
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_beyond_the_last_bid_and_an_unknown_auction_are_refused() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    gavel.bid("ann", &id, 1000).await;
    let mut socket = gavel.socket(None).await;
    socket.subscribe("1", WATCH, json!({ "id": id, "after": 2 })).await;
    assert_eq!(code(&socket.error("1").await), "CURSOR_AHEAD");
    let unknown = "a0000000000000000000z";
    socket.subscribe("1", WATCH, json!({ "id": unknown })).await;
    assert_eq!(code(&socket.error("1").await), "NOT_FOUND");
    socket.subscribe("1", WATCH, json!({ "id": id, "after": -1 })).await;
    assert_eq!(code(&socket.error("1").await), "BAD_REQUEST");
    // The ids are free again, and the socket lives.
    socket.subscribe("1", WATCH, json!({ "id": id, "after": 0 })).await;
    assert_eq!(sequence(&socket.next("1").await), 1);
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn both_subscriptions_complete_after_the_auction_and_its_last_bid() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let mut socket = gavel.socket(None).await;
    socket.subscribe("w", WATCH, json!({ "id": id, "after": 0 })).await;
    let mut other = gavel.socket(None).await;
    other.subscribe("u", UPDATES, json!({ "id": id })).await;
    assert_eq!(other.next("u").await["data"]["auctionUpdated"]["status"], "OPEN");
    gavel.bid("ann", &id, 1000).await;
    gavel.transition("seller", "seller", "cancelAuction", &id).await;
    assert_eq!(sequence(&socket.next("w").await), 1);
    assert_eq!(socket.message().await, json!({ "id": "w", "type": "complete" }));
    loop {
        let state = other.next("u").await["data"]["auctionUpdated"].clone();
        if state["status"] == "CANCELLED" {
            assert_eq!(state["sequence"], 1);
            break;
        }
    }
    assert_eq!(other.message().await, json!({ "id": "u", "type": "complete" }));
    // Who comes later is told the same.
    socket.subscribe("late", WATCH, json!({ "id": id, "after": 0 })).await;
    assert_eq!(sequence(&socket.next("late").await), 1);
    assert_eq!(socket.message().await, json!({ "id": "late", "type": "complete" }));
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_never_shows_the_public_what_the_owner_sees() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({ "reservePrice": "5000" })).await;
    let mut public = gavel.socket(None).await;
    let mut owner = gavel.socket(Some(&gavel.token("seller", &["seller"]))).await;
    for socket in [&mut public, &mut owner] {
        socket.subscribe("u", UPDATES, json!({ "id": id })).await;
    }
    for _ in 0..2 {
        let seen = public.next("u").await["data"]["auctionUpdated"]["reservePrice"].clone();
        assert_eq!(seen, Value::Null);
        let seen = owner.next("u").await["data"]["auctionUpdated"]["reservePrice"].clone();
        assert_eq!(seen, "5000");
        gavel.bid("ann", &id, 1000).await;
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completed_subscription_is_told_nothing_more() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let mut socket = gavel.socket(None).await;
    socket.subscribe("w", WATCH, json!({ "id": id, "after": 0 })).await;
    socket.subscribe("x", WATCH, json!({ "id": id, "after": 0 })).await;
    gavel.bid("ann", &id, 1000).await;
    let mut told = [socket.message().await["id"].clone(), socket.message().await["id"].clone()];
    told.sort_by_key(ToString::to_string);
    assert_eq!(told, ["w", "x"]);
    socket.send(json!({ "type": "complete", "id": "w" })).await;
    socket.lives().await;
    gavel.bid("ann", &id, 1100).await;
    assert_eq!(sequence(&socket.next("x").await), 2);
    socket.lives().await;
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mutation_and_a_query_run_over_the_socket() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let mut socket = gavel.socket(Some(&gavel.token("ann", &["bidder"]))).await;
    let place = "mutation($id: ID!) { placeBid(input: {auctionId: $id, amount: \"1000\"}) \
                 { ... on BidAccepted { bid { sequence bidderId } } } }";
    socket.subscribe("m", place, json!({ "id": id })).await;
    let payload = socket.next("m").await;
    assert_eq!(payload["data"]["placeBid"]["bid"], json!({ "sequence": 1, "bidderId": "ann" }));
    assert_eq!(socket.message().await, json!({ "id": "m", "type": "complete" }));
    socket.subscribe("m", "{ me { id roles } }", json!({})).await;
    let me = socket.next("m").await["data"]["me"].clone();
    assert_eq!(me, json!({ "id": "ann", "roles": ["BIDDER"] }));
    assert_eq!(socket.message().await["type"], "complete");

    let renew = "mutation($t: String!) { renewToken(token: $t) { userId roles } }";
    let token = gavel.token("ann", &["bidder", "seller"]);
    socket.subscribe("r", renew, json!({ "t": token })).await;
    let session = socket.next("r").await["data"]["renewToken"].clone();
    assert_eq!(session, json!({ "userId": "ann", "roles": ["BIDDER", "SELLER"] }));
    assert_eq!(socket.message().await["type"], "complete");
    socket.subscribe("r", renew, json!({ "t": gavel.token("bob", &["bidder"]) })).await;
    assert_eq!(code(&socket.next("r").await["errors"][0]), "FORBIDDEN");
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_may_have_its_root_in_fragments() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    gavel.bid("ann", &id, 1000).await;
    let mut socket = gavel.socket(None).await;
    let typed = "fragment B on Bid { sequence } fragment R on Subscription {";
    for (operation, query) in [
        format!("subscription S($id: ID!) {{ ...R }} {typed} bidCreated(auctionId: $id, after: 0) {{ ...B }} }}"),
        "subscription($id: ID!) { ... on Subscription { bidCreated(auctionId: $id, after: 0) { sequence } } }".to_owned(),
        "subscription($id: ID!, $yes: Boolean = true) { ... @include(if: $yes) { \
         bidCreated(auctionId: $id, after: 0) { sequence } } }".to_owned(),
        format!("subscription($id: ID!) {{ ...R bidCreated(auctionId: $id, after: 0) {{ id }} }} {typed} \
                 bidCreated(auctionId: $id, after: 0) {{ ...B }} }}"),
    ]
    .iter()
    .enumerate()
    {
        let operation = operation.to_string();
        socket.subscribe(&operation, query, json!({ "id": id })).await;
        assert_eq!(socket.next(&operation).await["data"]["bidCreated"]["sequence"], 1, "{query}");
    }
    gavel.bid("ann", &id, 1100).await;
    for _ in 0..4 {
        assert_eq!(socket.message().await["payload"]["data"]["bidCreated"]["sequence"], 2);
    }
    for (query, expected) in [
        (
            "subscription($id: ID!) { ... @skip(if: true) { bidCreated(auctionId: $id) { id } } }",
            "one root field",
        ),
        ("subscription($id: ID!) { ...R } fragment R on Query { serverTime }", ""),
        ("subscription($id: ID!) { ...R }", "R"),
        (
            "subscription($id: ID!) { ... { a: bidCreated(auctionId: $id) { id } b: bidCreated(auctionId: $id) { id } } }",
            "root field",
        ),
    ] {
        socket.subscribe("bad", query, json!({ "id": id })).await;
        let error = socket.error("bad").await;
        assert!(error["message"].as_str().unwrap().contains(expected), "{error}");
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_several_tasks_write_to_is_told_once_and_in_order() {
    const WATCHERS: usize = 2 * limits::GROUP_SHARE + 10;
    const BIDS: u64 = 8;
    let gavel = Gavel::with(&["--client-limits", "off"]).await;
    let id = gavel.auction(json!({})).await;
    let mut sockets = join_all((0..WATCHERS).map(|_| gavel.socket(None))).await;
    for socket in &mut sockets {
        socket.subscribe("w", WATCH, json!({ "id": id, "after": 0 })).await;
    }
    for n in 1..=BIDS {
        gavel.bid("ann", &id, 900 + 100 * n).await;
        if n == BIDS / 2 {
            // Every third goes; those that stay keep their order.
            for socket in sockets.iter_mut().step_by(3) {
                socket.send(json!({ "id": "w", "type": "complete" })).await;
            }
        }
    }
    for (number, socket) in sockets.iter_mut().enumerate() {
        let stays = number % 3 > 0;
        for expected in 1..=if stays { BIDS } else { 0 } {
            assert_eq!(sequence(&socket.next("w").await), expected, "watcher {number}");
        }
    }
    assert!((gavel.metric("gavel_groups").await - 1.0).abs() < f64::EPSILON, "one group for all");
    gavel.stop().await.unwrap();
}
