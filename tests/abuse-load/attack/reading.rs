//! Reads: pages, histories, and what reads inside of subscriptions.

use std::sync::Arc;

use serde_json::json;

use super::attacker::Attacker;
use super::documents::{list, message};
use super::http::{self, Request};
use super::socket::{self, Style, complete};

/// Auctions with bids, as many as complexity allows.
const PAGES: &str =
    "{auctions(first:60){edges{node{id bids(first:25){edges{node{id amount bidderId}}}}}}}";
/// Descriptions have 10 KB each.
const LARGE: &str = "{a:auctions(first:100){nodes{a:description b:description \
    c:description d:description e:description f:description g:description h:description \
    i:description j:description k:description l:description m:description n:description \
    o:description p:description q:description r:description s:description t:description \
    u:description v:description w:description x:description y:description z:description}}}";
/// The same within the limits of an answer: about a megabyte.
pub(super) const ALLOWED: &str = "{auctions(first:100){nodes{description}}}";
/// Every bid from the first, with all that it has.
pub(super) const REPLAY: &str = "subscription($id: ID!) { bidCreated(auctionId: $id, after: 0) \
    { id auctionId sequence amount bidderId receivedAt endsAt reserveMet traceparent \
    timing { sentAt receivedAt writtenAt readAt publishedAt source } } }";

/// What asks for much: too much, or as much as is allowed.
pub(super) fn large_query(worker: usize) -> &'static str {
    if worker.is_multiple_of(2) { LARGE } else { ALLOWED }
}

/// Pages of pages.
pub(super) fn pages(attacker: &Arc<Attacker>) {
    http::flood(attacker, 64, |_, _, _| Request::query(PAGES, &json!({})));
}

/// The same by a thousand users, who have a budget each, on one address.
pub(super) fn pages_of_users(attacker: &Arc<Attacker>) {
    let users = 0..1_000;
    let tokens: Vec<String> =
        users.map(|n| attacker.token(&format!("mallory-{n}"), &["bidder"])).collect();
    http::flood(attacker, 64, move |_, worker, number| {
        let turn = worker * 31 + number as usize;
        Request::query(PAGES, &json!({})).by(&tokens[turn % tokens.len()])
    });
}

/// The same, compressed.
pub(super) fn pages_gzip(attacker: &Arc<Attacker>) {
    http::flood(attacker, 64, |_, worker, _| {
        let query = if worker.is_multiple_of(2) { PAGES } else { ALLOWED };
        Request { gzip: true, ..Request::query(query, &json!({})) }
    });
}

/// Subscriptions on the auctions of the honest clients, each with 49 pages of bids.
pub(super) fn in_subscriptions(attacker: &Arc<Attacker>) {
    let pages = list(49, |n| format!("a{n}:bids(first:100){{nodes{{id}}}}"));
    let style = Style { each: 4, messages_max: 25, ..Style::FLOOD };
    socket::flood(attacker, style, move |attacker, worker, number| {
        let id = &attacker.plan.honest[number as usize % attacker.plan.honest.len()];
        // A document of its own each, so that none shares the reads of another.
        let query = format!(
            "subscription($id: ID!) {{ auctionUpdated(auctionId: $id) {{ x{worker}y{number}:id {pages} }} }}"
        );
        vec![message(number, &query, &json!({ "id": id }))]
    });
}

/// Subscriptions with as many fields as are allowed, each a group of its own.
pub(super) fn heavy(attacker: &Arc<Attacker>) {
    let fields = "sequence amount id bidderId ".repeat(490);
    let style = Style { each: 10, messages_max: 100, ..Style::FLOOD };
    socket::flood(attacker, style, move |attacker, worker, number| {
        let id = &attacker.plan.honest[number as usize % attacker.plan.honest.len()];
        let query = format!(
            "subscription($id: ID!) {{ bidCreated(auctionId: $id) {{ x{worker}y{number}:id {fields} }} }}"
        );
        vec![message(number, &query, &json!({ "id": id }))]
    });
}

/// The long auction from its beginning.
pub(super) fn replays(attacker: &Arc<Attacker>) {
    let style = Style { each: 32, ..Style::FLOOD };
    socket::flood(attacker, style, |attacker, _, number| {
        let id = &attacker.plan.long;
        let mut messages = vec![message(number, REPLAY, &json!({ "id": id }))];
        if number >= 20 {
            messages.push(complete(&(number - 20).to_string()));
        }
        messages
    });
}

/// A few bytes for many.
pub(super) fn large(attacker: &Arc<Attacker>) {
    http::flood(attacker, 32, |_, worker, _| Request::query(large_query(worker), &json!({})));
    let style = Style { each: 4, ..Style::ASK };
    socket::flood(attacker, style, |_, worker, number| {
        vec![message(number, large_query(worker), &json!({}))]
    });
}
