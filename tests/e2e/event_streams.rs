//! GraphQL over server-sent events.

use std::time::Duration;

use client_sim::service::token::Mint;
use e2e::event_stream::{EventStream, StreamEvent};
use e2e::gavel::code;
use e2e::{Gavel, soon};
use futures_util::future::join_all;
use serde_json::{Value, json};

const WATCH: &str = "subscription W($id: ID!, $n: Int) { bidCreated(auctionId: $id, after: $n) { \
                     sequence amount } }";

/// Reads bids up to a sequence; asserts that each comes once, in order, under its own id.
async fn read(stream: &mut EventStream, mut after: u64, to: u64) -> Vec<bool> {
    let mut replayed = Vec::new();
    while after < to {
        let (id, result) = stream.next().await;
        after += 1;
        assert_eq!(result["data"]["bidCreated"]["sequence"], after, "{result}");
        assert_eq!(id, Some(after.to_string()));
        replayed.push(result["extensions"]["replay"] == true);
    }
    replayed
}

async fn bid(gavel: &Gavel, id: &str, number: u64) {
    let bid = gavel.bid(&format!("ann-{}", number % 2), id, 1000 + number * 100).await;
    assert_eq!(bid["__typename"], "BidAccepted", "{bid}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_shows_each_bid_once_and_resumes_by_the_id_of_its_last_event() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let variables = json!({ "id": id, "n": 0 });
    let mut stream = EventStream::post(&gavel.base, WATCH, variables.clone(), &[]).await.unwrap();
    for number in 0..5 {
        bid(&gavel, &id, number).await;
    }
    read(&mut stream, 0, 5).await;
    drop(stream);
    for number in 5..8 {
        bid(&gavel, &id, number).await;
    }
    // As a browser does: the same address, and what it had last.
    let headers = [("last-event-id", "5")];
    let mut stream = EventStream::get(&gavel.base, WATCH, variables, &headers).await.unwrap();
    // The last one may have been published only when it had joined.
    assert!(read(&mut stream, 5, 8).await.starts_with(&[true, true]));
    bid(&gavel, &id, 8).await;
    assert_eq!(read(&mut stream, 8, 9).await, [false]);
    gavel.transition("root", "auctioneer", "cancelAuction", &id).await;
    assert_eq!(stream.event().await, StreamEvent::Complete);
    assert_eq!(stream.event().await, StreamEvent::End);
    for last in ["x", "-1"] {
        let headers = [("last-event-id", last)];
        let refused = EventStream::get(&gavel.base, WATCH, json!({ "id": id }), &headers).await;
        assert_eq!(refused.err().unwrap().0, 400, "{last}");
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_and_sockets_share_groups_and_each_reads_everything() {
    const STREAMS: usize = 12;
    const BIDS: u64 = 150;
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let variables = json!({ "id": id, "n": 0 });
    let mut socket = gavel.socket(None).await;
    socket.subscribe("1", WATCH, variables.clone()).await;
    let open = |_| EventStream::post(&gavel.base, WATCH, variables.clone(), &[]);
    let opened = join_all((0..STREAMS).map(open)).await;
    let streams: Vec<_> = opened.into_iter().map(|stream| stream.unwrap()).collect();
    soon("all are members", || async {
        gavel.metric("gavel_subscriptions").await > STREAMS as f64
    })
    .await;
    let executions = gavel.metric("gavel_executions_total").await;
    let reading = join_all(streams.into_iter().map(|mut stream| async move {
        read(&mut stream, 0, BIDS).await;
        stream
    }));
    let bidding = async {
        for number in 0..BIDS {
            bid(&gavel, &id, number).await;
        }
    };
    let (streams, ()) = tokio::join!(reading, bidding);
    for sequence in 1..=BIDS {
        assert_eq!(socket.next("1").await["data"]["bidCreated"]["sequence"], sequence);
    }
    let executed = gavel.metric("gavel_executions_total").await - executions;
    assert!((executed - BIDS as f64).abs() < 0.5, "once for all, whatever they are connected by");
    drop((socket, streams));
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_mutations_and_errors_are_one_result_and_the_end() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let ann = format!("Bearer {}", gavel.token("ann", &["bidder"]));
    let ann = [("authorization", ann.as_str())];
    let post = |query: &'static str, variables: Value, headers: &'static [(&str, &str)]| {
        let base = gavel.base.clone();
        async move { EventStream::post(&base, query, variables, headers).await.unwrap().only().await }
    };
    let time = post("{ serverTime }", json!({}), &[]).await;
    assert!(time["data"]["serverTime"].is_string(), "{time}");
    let mutation = "mutation($i: PlaceBidInput!) { placeBid(input: $i) { __typename } }";
    let input = json!({ "i": { "auctionId": id, "amount": "1000" } });
    let stream = EventStream::post(&gavel.base, mutation, input.clone(), &ann).await.unwrap();
    assert_eq!(stream.only().await["data"]["placeBid"]["__typename"], "BidAccepted");
    let stream = EventStream::get(&gavel.base, mutation, input, &ann).await.unwrap();
    assert_eq!(code(&stream.only().await["errors"][0]), "BAD_REQUEST");
    for (query, expected) in [
        ("{ serverTim }", "BAD_REQUEST"),
        ("subscription { bidCreated(auctionId: \"x\") { id } }", "NOT_FOUND"),
        ("subscription { auctionsUpdated { id } }", "BAD_REQUEST"),
        ("mutation { renewToken(token: \"x\") { userId } }", "BAD_REQUEST"),
    ] {
        let result = post(query, json!({}), &[]).await;
        assert_eq!(code(&result["errors"][0]), expected, "{query}: {result}");
    }
    // What is wrong with the request itself is an answer of HTTP.
    let refused = |headers: &'static [(&str, &str)]| {
        let base = gavel.base.clone();
        async move { EventStream::post(&base, "{ serverTime }", json!({}), headers).await.err() }
    };
    for (headers, status) in [
        (&[("authorization", "Bearer x")][..], 401),
        (&[("content-type", "text/plain")][..], 415),
        (&[("last-event-id", "first")][..], 400),
    ] {
        assert_eq!(refused(headers).await.unwrap().0, status, "{headers:?}");
    }
    let (status, _) = gavel.get("/graphql/stream").await;
    assert_eq!(status, 400);
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_server_and_with_its_token() {
    let gavel = Gavel::with(&["--jwt-leeway-seconds", "1"]).await;
    let id = gavel.auction(json!({})).await;
    let token =
        Mint::new(gavel.secret()).token("ann", &["bidder"], Duration::from_secs(2)).unwrap();
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let open = |headers| EventStream::post(&gavel.base, WATCH, json!({ "id": id }), headers);
    let lapsing = open(&headers).await.unwrap();
    assert_eq!(code(&lapsing.only().await["errors"][0]), "UNAUTHENTICATED");
    let mut stream = open(&[]).await.unwrap();
    soon("it watches", || async { gavel.metric("gavel_subscriptions").await > 0.0 }).await;
    gavel.begin_stop();
    assert_eq!(stream.event().await, StreamEvent::End, "not complete: it comes back");
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_counts_as_a_socket_of_its_user() {
    let flags = ["--client-limits", "on", "--sockets-per-user", "1"];
    let gavel = Gavel::with(&flags).await;
    let id = gavel.auction(json!({})).await;
    let bearer = format!("Bearer {}", gavel.token("ann", &["bidder"]));
    let headers = [("authorization", bearer.as_str())];
    let open = || EventStream::post(&gavel.base, WATCH, json!({ "id": id }), &headers);
    let stream = open().await.unwrap();
    let (status, answer) = open().await.err().unwrap();
    assert_eq!((status, code(&answer["errors"][0])), (429, "RATE_LIMITED"));
    drop(stream);
    soon("its place is free", || async { open().await.is_ok() }).await;
    gavel.stop().await.unwrap();
}

/// A client that reads nothing for a while is told where to resume, after all that it was sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_does_not_keep_up_ends_with_the_point_to_resume_from() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let name = "a".repeat(120);
    let fields = (0..45).fold(String::new(), |all, n| format!("{all} {name}{n}: traceparent"));
    let watch = format!(
        "subscription($id: ID!) {{ bidCreated(auctionId: $id, after: 0) {{ sequence {fields} }} }}"
    );
    let mut stream = EventStream::slow(&gavel.base, &watch, json!({ "id": id })).await;
    soon("it watches", || async { gavel.metric("gavel_subscriptions").await > 0.0 }).await;
    let mut number = 0;
    while gavel.metric("gavel_subscriptions").await > 0.0 {
        assert!(number < 5_000, "it never overflows");
        let some = (number..number + 20).map(|number| {
            let amount = 1000 + number * 100;
            let gavel = &gavel;
            let id = &id;
            async move { gavel.bid(&format!("ann-{}", number % 7), id, amount).await }
        });
        join_all(some).await;
        number += 20;
    }
    let mut last = 0;
    let error = loop {
        let (_, result) = stream.next().await;
        if result["errors"].is_array() {
            break result["errors"][0].clone();
        }
        last += 1;
        assert_eq!(result["data"]["bidCreated"]["sequence"], last);
    };
    assert_eq!(
        (code(&error), &error["extensions"]["resumeAfter"]),
        ("SLOW_CONSUMER", &json!(last))
    );
    assert_eq!(stream.event().await, StreamEvent::Complete);
    assert!(gavel.metric("gavel_slow_consumers_total").await > 0.0);
    gavel.stop().await.unwrap();
}
