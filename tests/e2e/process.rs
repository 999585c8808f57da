//! Start, health, shutdown.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use client_sim::service::api::Api;
use dynamodb_emulator::{Emulator, Options};
use e2e::gavel::{args, store_url};
use e2e::{Gavel, code};
use futures_util::future::join_all;
use gavel_core::store::connect::{Endpoint, connect};
use serde_json::json;
use tokio_util::sync::CancellationToken;

#[test]
fn schema_graphql_is_what_the_code_exports() {
    let committed = include_str!("../../schema.graphql");
    let exported = gavel_server::graphql::execute::sdl();
    assert!(
        committed == exported,
        "schema.graphql has drifted; run: cargo run -- schema > schema.graphql"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_the_playground_are_served() {
    let gavel = Gavel::start().await;
    assert_eq!(gavel.get("/healthz").await, (200, "ok\n".to_owned()));
    let (status, body) = gavel.get("/readyz").await;
    assert_eq!(status, 200);
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        body,
        json!({ "ready": true, "state": "serving", "store": "ok", "relay": "ok", "bus": "ok",
                "clock": "ok" })
    );
    let page = reqwest::Client::new()
        .get(format!("{}/graphql", gavel.base))
        .header("accept", "text/html")
        .send()
        .await
        .unwrap();
    let page = page.text().await.unwrap();
    for part in ["graphiql", "bidCreated", "placeBid", "auctions("] {
        assert!(page.contains(part), "the playground lacks {part}");
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn at_shutdown_sockets_get_1012_and_no_accepted_bid_is_lost() {
    let emulator = Emulator::start(Options::default()).await.unwrap();
    let url = store_url().unwrap_or_else(|| emulator.endpoint());
    let table = format!("e2e-{:016x}", rand::random::<u64>());
    let flags = ["--dynamodb", url.as_str(), "--table", table.as_str()];
    let gavel = Gavel::with(&flags).await;
    let id = gavel.auction(json!({})).await;
    let mut socket = gavel.socket(None).await;
    let (server, lot) = (&gavel, &id);
    let bidding = (0..8_u64).map(|bidder| async move {
        let user = format!("bidder-{bidder}");
        let mut accepted = Vec::new();
        for n in 0..500 {
            let answer = server.bid(&user, lot, 1000 + 100 * (8 * n + bidder)).await;
            match answer["__typename"].as_str() {
                Some("BidAccepted") => accepted.push(answer["bid"]["id"].clone()),
                Some(_) => {}
                // Nobody answers any more, or: not written.
                None if answer.is_null() => break,
                None => assert_eq!(code(&answer), "STORE_UNAVAILABLE", "{answer}"),
            }
            if n == 10 {
                server.begin_stop();
            }
        }
        accepted
    });
    let accepted = join_all(bidding).await.concat();
    assert!(accepted.len() > 10, "{}", accepted.len());
    assert_eq!(socket.closed().await.0, 1012);
    gavel.stop().await.expect("a clean end");

    let gavel = Gavel::with(&flags).await;
    let observer = gavel.token("o", &["observer"]);
    let table = Api::new(&gavel.base).unwrap().bids(&observer, &id).await.unwrap();
    for id in &accepted {
        assert!(table.iter().any(|bid| bid.id == *id), "{id} was accepted and is lost");
    }
    gavel.stop().await.unwrap();
    emulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_not_ours_is_refused_in_one_line_and_left_alone() {
    let emulator = Emulator::start(Options::default()).await.unwrap();
    let url = store_url().unwrap_or_else(|| emulator.endpoint());
    let table = format!("e2e-{:016x}", rand::random::<u64>());
    let clients = connect(&Endpoint::Url(url.clone())).await;
    let key = KeySchemaElement::builder().attribute_name("name").key_type(KeyType::Hash);
    let name = AttributeDefinition::builder()
        .attribute_name("name")
        .attribute_type(ScalarAttributeType::S);
    let made = clients
        .dynamodb
        .create_table()
        .table_name(&table)
        .key_schema(key.build().unwrap())
        .attribute_definitions(name.build().unwrap())
        .billing_mode(BillingMode::PayPerRequest);
    made.send().await.unwrap();

    let args = args(&["--dynamodb", &url, "--table", &table]);
    let error =
        gavel_server::app::run(args, CancellationToken::new(), |_| panic!("it must not start"));
    let error = format!("{:#}", error.await.unwrap_err());
    assert!(error.contains(&table) && !error.contains('\n'), "{error}");
    let described = clients.dynamodb.describe_table().table_name(&table).send().await.unwrap();
    let keys = described.table.unwrap().key_schema.unwrap();
    assert_eq!(keys.len(), 1, "nothing was touched");
    emulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_not_there_and_settings_that_cannot_be_are_told_in_one_line() {
    for (flags, part) in [
        (vec!["--dynamodb", "http://127.0.0.1:1"], "cannot reach DynamoDB"),
        (vec!["--group-commit-max", "41"], "--group-commit-max"),
        (vec!["--poll-busy-ms", "70"], "--poll-busy-ms"),
        (vec!["--dynamodb", "http://127.0.0.1:1", "--data-dir", "/tmp/x"], "--data-dir"),
    ] {
        let run = gavel_server::app::run(args(&flags), CancellationToken::new(), |_| {
            panic!("it must not start")
        });
        let error = format!("{:#}", run.await.unwrap_err());
        assert!(error.contains(part) && !error.contains('\n'), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_without_a_secret_does_not_start() {
    let mut args = args(&["--dynamodb", "aws"]);
    args.tokens.jwt_secret = None;
    let run = gavel_server::app::run(args, CancellationToken::new(), |_| panic!("it started"));
    let error = format!("{:#}", run.await.unwrap_err());
    assert!(error.contains("--jwt-secret"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_data_directory_bids_outlive_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let flags = ["--dynamodb", "embedded", "--data-dir", path];
    let gavel = Gavel::with(&flags).await;
    let id = gavel.auction(json!({})).await;
    gavel.bid("ann", &id, 1000).await;
    gavel.stop().await.unwrap();
    let gavel = Gavel::with(&flags).await;
    assert_eq!(gavel.look(None, &id, "sequence leaderId").await["leaderId"], "ann");
    assert_eq!(gavel.bid("bob", &id, 1100).await["bid"]["sequence"], 2);
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_seeds_auctions_and_its_tokens_work() {
    let gavel = Gavel::with(&["--demo"]).await;
    let demo = gavel.ready.demo.clone().expect("a demo");
    let id = demo.auction_ids[0].to_string();
    let token = demo.token(gavel_server::auth::Role::Bidder).to_owned();
    let query = format!(
        "mutation {{ placeBid(input: {{auctionId: \"{id}\", amount: \"2000\"}}) {{ \
         ... on BidAccepted {{ bid {{ sequence }} }} }} }}"
    );
    let response = gavel.graphql(Some(&token), &query, json!({})).await;
    assert_eq!(response["data"]["placeBid"]["bid"]["sequence"], 1, "{response}");
    assert!(demo.examples("http://x/graphql").matches("curl").count() >= 4);
    tokio::time::timeout(Duration::from_secs(30), gavel.stop()).await.unwrap().unwrap();
}
