//! What a page needs besides bids: next amounts, lots by their ids, the server's clock.

use std::time::Duration;

use client_sim::clock::now_us;
use client_sim::service::token::Mint;
use client_sim::stamp::parse_us;
use e2e::gavel::code;
use e2e::{Gavel, Socket};
use gavel_server::limits;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn the_next_amounts_are_served_with_the_auction_and_with_each_bid() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({ "currency": "JPY", "reservePrice": "9000" })).await;
    let fields = "currencyDigits hasReserve nextBids two: nextBids(first: 2)";
    let expected = |from: u64, count: u64| -> Vec<String> {
        (0..count).map(|step| (from + step * 100).to_string()).collect()
    };
    let fresh = gavel.look(None, &id, fields).await;
    assert_eq!(fresh["nextBids"], json!(expected(1000, 5)));
    assert_eq!((&fresh["currencyDigits"], &fresh["hasReserve"]), (&json!(0), &json!(true)));
    let query = "mutation($i: PlaceBidInput!) { placeBid(input: $i) { ... on BidAccepted { bid { \
                 minimumBid } } } }";
    let (ann, input) =
        (gavel.token("ann", &["bidder"]), json!({ "auctionId": id, "amount": "1500" }));
    let answer = gavel.graphql(Some(&ann), query, json!({ "i": input })).await;
    assert_eq!(answer["data"]["placeBid"]["bid"]["minimumBid"], "1600", "{answer}");
    let mut socket = gavel.socket(None).await;
    let watch = "subscription($id: ID!) { bidCreated(auctionId: $id, after: 0) { minimumBid } }";
    socket.subscribe("w", watch, json!({ "id": id })).await;
    assert_eq!(socket.next("w").await["data"]["bidCreated"]["minimumBid"], "1600");
    let seen = gavel.look(None, &id, "two: nextBids(first: 2) bids { nodes { minimumBid } }").await;
    assert_eq!(
        (&seen["two"], &seen["bids"]["nodes"][0]["minimumBid"]),
        (&json!(expected(1600, 2)), &json!("1600"))
    );
    for first in [0, 21, -1] {
        let query = format!("{{ auction(id: \"{id}\") {{ nextBids(first: {first}) }} }}");
        let answer = gavel.graphql(None, &query, json!({})).await;
        assert_eq!(code(&answer["errors"][0]), "BAD_REQUEST", "{answer}");
    }
    gavel.stop().await.unwrap();
}

const BY_IDS: &str = "query($i: [ID!], $s: AuctionStatus, $n: Int!, $a: String, $d: Boolean!) { \
                      auctions(ids: $i, status: $s, first: $n, after: $a, newestFirst: $d) { \
                      nodes { id } pageInfo { hasNextPage endCursor } } }";

fn ids(answer: &Value) -> Vec<&str> {
    let nodes = answer["data"]["auctions"]["nodes"].as_array();
    let nodes = nodes.unwrap_or_else(|| panic!("no page: {answer}"));
    nodes.iter().map(|node| node["id"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn auctions_by_their_ids_come_in_that_order_without_unknown_ones() {
    let gavel = Gavel::start().await;
    let (a, b, c) = (
        gavel.auction(json!({})).await,
        gavel.auction(json!({})).await,
        gavel.auction(json!({ "opensAt": null })).await,
    );
    let ask = |given: Value, status: Value, first: usize, after: Value, newest: bool| {
        let variables = json!({ "i": given, "s": status, "n": first, "a": after, "d": newest });
        gavel.graphql(None, BY_IDS, variables)
    };
    let unknown = format!("a{}", a[1..].chars().rev().collect::<String>());
    let given = json!([c, unknown, a, "no id", b, a]);
    let all = ask(given.clone(), Value::Null, 100, Value::Null, false).await;
    assert_eq!(ids(&all), [&c, &a, &b], "read consistently: a moment ago they did not exist");
    let reversed = ask(given.clone(), Value::Null, 100, Value::Null, true).await;
    assert_eq!(ids(&reversed), [&b, &a, &c]);
    let open = ask(given.clone(), json!("OPEN"), 100, Value::Null, false).await;
    assert_eq!(ids(&open), [&a, &b]);
    // Page by page, in both directions.
    for newest in [false, true] {
        let (mut seen, mut after) = (Vec::new(), Value::Null);
        loop {
            let page = ask(given.clone(), Value::Null, 1, after, newest).await;
            seen.extend(ids(&page).into_iter().map(str::to_owned));
            if page["data"]["auctions"]["pageInfo"]["hasNextPage"] != true {
                break;
            }
            after = page["data"]["auctions"]["pageInfo"]["endCursor"].clone();
        }
        let whole = if newest { &reversed } else { &all };
        assert_eq!(seen, ids(whole));
    }
    for bad in ["x", "aWQ6OTk"] {
        let answer = ask(given.clone(), Value::Null, 1, json!(bad), false).await;
        assert_eq!(code(&answer["errors"][0]), "BAD_REQUEST", "{answer}");
    }
    for count in [0, limits::AUCTION_IDS_MAX + 1] {
        let answer = ask(json!(vec![&a; count]), Value::Null, 1, Value::Null, false).await;
        assert_eq!(code(&answer["errors"][0]), "BAD_REQUEST", "{count} ids: {answer}");
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_is_told_the_server_s_time_when_it_opens_and_with_each_ping() {
    let gavel = Gavel::start().await;
    let mut socket = Socket::open(&gavel.base).await;
    let asked = now_us();
    // A token that expires soon is announced at once.
    let life = Duration::from_secs(3);
    let token = Mint::new(gavel.secret()).token("ann", &["bidder"], life).unwrap();
    socket.begin(Some(&token)).await;
    let ack = socket.message().await;
    let ping = socket.ping().await;
    let told =
        |message: &Value| parse_us(message["payload"]["serverTime"].as_str().unwrap()).unwrap();
    assert!((asked..=now_us()).contains(&told(&ack)), "{ack}");
    assert!((told(&ack)..=now_us()).contains(&told(&ping)), "{ping}");
    gavel.stop().await.unwrap();
}
