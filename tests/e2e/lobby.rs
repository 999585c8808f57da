//! Lobbies: one subscription for many auctions, with coalesced states.

use std::collections::BTreeMap;

use e2e::gavel::code;
use e2e::{Gavel, Socket};
use gavel_server::limits;
use serde_json::{Value, json};

const BY_IDS: &str = "subscription($i: [ID!]) { auctionsUpdated(ids: $i) { id currentPrice \
                      sequence version status } }";
const BY_STATUS: &str = "subscription($s: AuctionStatus) { auctionsUpdated(status: $s) { id \
                         currentPrice sequence version status } }";

/// What a lobby shows: the state of each auction by its id, and how many frames have come.
#[derive(Default)]
struct Shown {
    states: BTreeMap<String, Value>,
    frames: usize,
}

impl Shown {
    /// Takes frames until something holds.
    async fn until(&mut self, socket: &mut Socket, holds: impl Fn(&Self) -> bool) {
        while !holds(self) {
            let payload = socket.next("l").await;
            let states = payload["data"]["auctionsUpdated"].as_array();
            let states = states.unwrap_or_else(|| panic!("no states: {payload}"));
            assert!(states.len() <= limits::LOBBY_FRAME_AUCTIONS, "{payload}");
            for state in states {
                let id = state["id"].as_str().unwrap().to_owned();
                let before = self.states.insert(id, state.clone());
                let version = |of: &Value| of["version"].as_u64().unwrap();
                let has_grown = before.is_none_or(|before| version(&before) < version(state));
                assert!(has_grown, "each change once: {payload}");
            }
            self.frames += 1;
        }
    }

    fn price(&self, id: &str) -> &Value {
        self.states.get(id).map_or(&Value::Null, |state| &state["currentPrice"])
    }

    fn status(&self, id: &str) -> &Value {
        self.states.get(id).map_or(&Value::Null, |state| &state["status"])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lobby_shows_all_its_auctions_and_then_the_latest_state_of_what_changes() {
    const LOTS: usize = 25;
    let gavel = Gavel::start().await;
    let mut ids = Vec::new();
    for _ in 0..LOTS {
        ids.push(gavel.auction(json!({})).await);
    }
    let mut given = ids.clone();
    given.push(format!("a{}", ids[0][1..].chars().rev().collect::<String>()));
    let mut socket = gavel.socket(None).await;
    socket.subscribe("l", BY_IDS, json!({ "i": given })).await;
    let mut shown = Shown::default();
    shown.until(&mut socket, |shown| shown.states.len() == LOTS).await;
    assert_eq!(shown.frames, LOTS.div_ceil(limits::LOBBY_FRAME_AUCTIONS));
    for round in 0..10 {
        for id in &ids[..4] {
            let bid = gavel.bid(&format!("ann-{round}"), id, 1000 + round * 100).await;
            assert_eq!(bid["__typename"], "BidAccepted", "{bid}");
        }
    }
    shown.until(&mut socket, |shown| ids[..4].iter().all(|id| shown.price(id) == "1900")).await;
    // Whoever comes later is shown the same.
    let mut late = gavel.socket(None).await;
    late.subscribe("l", BY_IDS, json!({ "i": given })).await;
    let mut seen = Shown::default();
    seen.until(&mut late, |seen| seen.states.len() == LOTS).await;
    assert_eq!(seen.states, shown.states);
    // It ends when nothing can change any more.
    for id in &ids {
        gavel.transition("root", "auctioneer", "cancelAuction", id).await;
    }
    let over = |shown: &Shown| ids.iter().all(|id| shown.status(id) == "CANCELLED");
    for (socket, shown) in [(&mut socket, &mut shown), (&mut late, &mut seen)] {
        shown.until(socket, over).await;
        assert_eq!(socket.message().await, json!({ "id": "l", "type": "complete" }));
    }
    drop((socket, late));
    gavel.stop().await.unwrap();
}

/// However many watch and bid, each frame is executed once for all of them.
#[tokio::test(flavor = "multi_thread")]
async fn watchers_of_a_lobby_share_its_executions_and_bids_are_coalesced() {
    const WATCHERS: usize = 20;
    const BIDS: u64 = 40;
    let gavel = Gavel::start().await;
    let mut ids = Vec::new();
    for _ in 0..12 {
        ids.push(gavel.auction(json!({})).await);
    }
    let mut sockets = Vec::new();
    for _ in 0..WATCHERS {
        let mut socket = gavel.socket(None).await;
        socket.subscribe("l", BY_IDS, json!({ "i": ids })).await;
        let mut shown = Shown::default();
        shown.until(&mut socket, |shown| shown.states.len() == ids.len()).await;
        sockets.push((socket, shown));
    }
    let executions = gavel.metric("gavel_executions_total").await;
    let began = tokio::time::Instant::now();
    for number in 0..BIDS {
        let bid = gavel.bid(&format!("ann-{}", number % 2), &ids[0], 1000 + number * 100).await;
        assert_eq!(bid["__typename"], "BidAccepted", "{bid}");
    }
    let last = (1000 + (BIDS - 1) * 100).to_string();
    for (socket, shown) in &mut sockets {
        let before = shown.frames;
        shown.until(socket, |shown| shown.price(&ids[0]) == last.as_str()).await;
        // One at once, then one for each interval that has begun.
        let frames = shown.frames - before;
        let intervals = began.elapsed().as_millis() / limits::LOBBY_EVERY.as_millis();
        assert!(frames as u128 <= 2 + intervals, "{frames} frames in {intervals} intervals");
    }
    let executed = gavel.metric("gavel_executions_total").await - executions;
    let frames = sockets.iter().map(|(_, shown)| shown.frames).max().unwrap();
    assert!(executed <= frames as f64, "{executed} executions for {frames} frames of each");
    drop(sockets);
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lobby_of_a_status_gains_new_lots_and_loses_those_that_leave_it() {
    let gavel = Gavel::start().await;
    let mut socket = gavel.socket(None).await;
    socket.subscribe("l", BY_STATUS, json!({ "s": "OPEN" })).await;
    let payload = socket.next("l").await;
    assert_eq!(payload["data"]["auctionsUpdated"], json!([]), "an empty one says so");
    let (a, b) = (gavel.auction(json!({})).await, gavel.auction(json!({})).await);
    let draft = gavel.auction(json!({ "opensAt": null })).await;
    let mut shown = Shown::default();
    shown.until(&mut socket, |shown| shown.states.len() == 2).await;
    assert_eq!(gavel.bid("ann", &b, 1000).await["__typename"], "BidAccepted");
    shown.until(&mut socket, |shown| shown.price(&b) == "1000").await;
    gavel.transition("seller", "seller", "openAuction", &draft).await;
    shown.until(&mut socket, |shown| shown.status(&draft) == "OPEN").await;
    gavel.transition("seller", "seller", "cancelAuction", &a).await;
    shown.until(&mut socket, |shown| shown.status(&a) == "CANCELLED").await;
    // A newcomer sees only what is open.
    let mut late = gavel.socket(None).await;
    late.subscribe("l", BY_STATUS, json!({ "s": "OPEN" })).await;
    let first = late.next("l").await;
    let states = first["data"]["auctionsUpdated"].as_array().unwrap();
    let mut open: Vec<_> = states.iter().map(|state| state["id"].as_str().unwrap()).collect();
    open.sort_unstable();
    let mut expected = [b.as_str(), draft.as_str()];
    expected.sort_unstable();
    assert_eq!(open, expected);
    drop((socket, late));
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lobby_of_nothing_is_refused_and_counts_as_one_operation() {
    let gavel = Gavel::with(&["--operations-per-socket", "1"]).await;
    let id = gavel.auction(json!({})).await;
    let unknown = format!("a{}", id[1..].chars().rev().collect::<String>());
    let mut socket = gavel.socket(None).await;
    for (arguments, expected) in [
        ("", "BAD_REQUEST"),
        ("(ids: [])", "BAD_REQUEST"),
        ("(ids: [\"x\"], status: OPEN)", "BAD_REQUEST"),
        (&format!("(ids: [\"{unknown}\", \"x\"])"), "NOT_FOUND"),
    ] {
        let query = format!("subscription {{ auctionsUpdated{arguments} {{ id }} }}");
        socket.subscribe("x", &query, json!({})).await;
        assert_eq!(code(&socket.error("x").await), expected, "{arguments}");
    }
    let too_large = "subscription { auctionsUpdated(status: OPEN) { id description } }";
    socket.subscribe("x", too_large, json!({})).await;
    assert_eq!(code(&socket.error("x").await), "QUERY_TOO_COMPLEX");
    socket.subscribe("l", BY_IDS, json!({ "i": [id] })).await;
    socket.next("l").await;
    socket.subscribe("m", BY_IDS, json!({ "i": [id] })).await;
    assert_eq!(code(&socket.error("m").await), "OVERLOADED");
    // Its permit is free once it has ended.
    socket.send(json!({ "id": "l", "type": "complete" })).await;
    socket.lives().await;
    socket.subscribe("n", BY_IDS, json!({ "i": [id] })).await;
    socket.next("n").await;
    drop(socket);
    gavel.stop().await.unwrap();
}
