//! Mutations of users who have tokens, and the cursors and keys that they make up.

use std::sync::Arc;
use std::time::Duration;

use client_sim::stamp::format_us;
use serde_json::json;

use super::attacker::Attacker;
use super::http::{self, Request};

const CREATE: &str = "mutation($i: CreateAuctionInput!) { createAuction(input: $i) { id } }";
const BID: &str = "mutation($i: PlaceBidInput!) { placeBid(input: $i) { __typename } }";
/// All auctions of the flood end together, while it is still measured.
const ENDS_AFTER: Duration = Duration::from_secs(3);

/// One seller, thousands of auctions, one end.
pub(super) fn auctions(attacker: &Arc<Attacker>) {
    let token = attacker.token("mallory", &["seller"]);
    let length = Duration::from_secs_f64(attacker.plan.seconds).saturating_sub(ENDS_AFTER);
    let ends_us = client_sim::clock::now_us() + length.max(ENDS_AFTER).as_micros() as i64;
    let input = json!({
        "title": "One of many",
        "currency": "EUR",
        "openingPrice": "1",
        "minimumIncrement": "1",
        "opensAt": format_us(0),
        "endsAt": format_us(ends_us),
    });
    http::flood(attacker, 64, move |_, _, _| {
        Request::query(CREATE, &json!({ "i": input })).by(&token)
    });
}

/// A thousand users whose bids are too low, on a foreign auction and on those of honest clients.
pub(super) fn rejected(attacker: &Arc<Attacker>) {
    let tokens: Vec<String> =
        (0..1_000).map(|n| attacker.token(&format!("mallory-{n}"), &["bidder"])).collect();
    http::flood(attacker, 64, move |attacker, worker, number| {
        let turn = worker * 7 + number as usize;
        let auctions = &attacker.plan.honest;
        let id = auctions.get(turn % (2 * auctions.len())).unwrap_or(&attacker.plan.long);
        let input = json!({ "auctionId": id, "amount": "1", "idempotencyKey": format!("{worker}-{number}") });
        Request::query(BID, &json!({ "i": input })).by(&tokens[turn % tokens.len()])
    });
}

/// Keys, amounts and stamps that cannot be.
pub(super) fn bad_keys(attacker: &Arc<Attacker>) {
    let token = attacker.token("mallory", &["bidder"]);
    http::flood(attacker, 64, move |attacker, worker, number| {
        let id = &attacker.plan.honest[worker % attacker.plan.honest.len()];
        let input = match number % 5 {
            0 => json!({ "auctionId": id, "amount": "1", "idempotencyKey": "k".repeat(4_000) }),
            1 => json!({ "auctionId": id, "amount": "9".repeat(4_000) }),
            2 => json!({ "auctionId": "x".repeat(4_000), "amount": "1" }),
            3 => json!({ "auctionId": id, "amount": "1", "sentAt": "2026-13-99T99:99:99Z" }),
            _ => json!({ "auctionId": id, "amount": "1", "idempotencyKey": "" }),
        };
        Request::query(BID, &json!({ "i": input })).by(&token)
    });
}

/// Cursors that are no cursors, and some that nearly are.
pub(super) fn cursors(attacker: &Arc<Attacker>) {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    http::flood(attacker, 64, |attacker, _, number| {
        let cursor = match number % 4 {
            0 => URL_SAFE_NO_PAD.encode(format!("bid:{}", u64::MAX)),
            1 => URL_SAFE_NO_PAD.encode("bid:99999999999999999999999"),
            2 => URL_SAFE_NO_PAD.encode(format!("auction:0:{}:{}", i64::MIN, attacker.plan.long)),
            _ => "A".repeat(4_000),
        };
        let query = "query($id: ID!, $c: String) { auction(id: $id) { \
            bids(first: 100, after: $c, newestFirst: true) { nodes { id } } } \
            auctions(first: 100, after: $c) { nodes { id } } }";
        Request::query(query, &json!({ "id": attacker.plan.long, "c": cursor }))
    });
}
