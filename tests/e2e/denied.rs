//! A store that does not serve this process: what it refused was not written, and is reported so.

use std::time::{Duration, Instant};

use dynamodb_emulator::{Emulator, Options};
use e2e::between::{Between, Refusal};
use e2e::{Gavel, code, soon};
use serde_json::{Value, json};

/// Far less than an attempt that is tried again until it is given up.
const AT_ONCE: Duration = Duration::from_secs(2);

async fn server() -> (Emulator, Between, Gavel) {
    let emulator = Emulator::start(Options::default()).await.unwrap();
    let between = Between::start(&emulator.endpoint()).await;
    let gavel = Gavel::with(&["--dynamodb", &between.url]).await;
    (emulator, between, gavel)
}

fn refuse(between: &Between, code: &'static str) {
    between.refuse(Some(Refusal { operation: None, code, count: usize::MAX }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_dynamodb_refuses_this_process_is_unavailable_at_once_and_not_written() {
    let (emulator, between, gavel) = server().await;
    let id = gavel.auction(json!({})).await;
    assert_eq!(gavel.bid("ann", &id, 1000).await["bid"]["sequence"], 1);
    // One whose lane knows it, so that the bid is written at once; and one whose lane reads first.
    let other = gavel.auction(json!({})).await;
    for name in [
        "ExpiredTokenException",
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "IncompleteSignatureException",
        "AccessDeniedException",
        "KMSDisabledException",
        "ResourceNotFoundException",
    ] {
        refuse(&between, name);
        let began = Instant::now();
        for id in [&id, &other] {
            let answer = gavel.bid("ann", id, 2000).await;
            assert_eq!(code(&answer), "STORE_UNAVAILABLE", "{name}: {answer}");
        }
        let read = gavel.graphql(
            None,
            "query($id: ID!) { auction(id: $id) { title } }",
            json!({ "id": id }),
        );
        assert_eq!(code(&read.await["errors"][0]), "STORE_UNAVAILABLE", "{name}");
        assert!(began.elapsed() < AT_ONCE, "{name}: {:?}", began.elapsed());
    }
    soon("it is unready", || async { gavel.get("/readyz").await.0 == 503 }).await;
    let (_, body) = gavel.get("/readyz").await;
    assert!(body.contains("not permitted") && !body.contains("a test says so"), "{body}");
    between.refuse(None);
    assert_eq!(gavel.bid("ann", &id, 2000).await["bid"]["sequence"], 2, "none was written");
    assert_eq!(gavel.bid("ann", &other, 2000).await["bid"]["sequence"], 1, "none was written");
    soon("it is ready", || async { gavel.get("/readyz").await.0 == 200 }).await;
    gavel.stop().await.unwrap();
    emulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_waits_out_a_table_that_throttles() {
    let emulator = Emulator::start(Options::default()).await.unwrap();
    let between = Between::start(&emulator.endpoint()).await;
    for operation in ["DescribeTable", "CreateTable"] {
        let code = if operation == "CreateTable" {
            "LimitExceededException"
        } else {
            "ThrottlingException"
        };
        between.refuse(Some(Refusal { operation: Some(operation), code, count: 4 }));
        let before = between.refused();
        let flags = ["--dynamodb", &between.url, "--table", operation];
        let gavel = Gavel::with(&flags).await;
        assert_eq!(between.refused() - before, 4);
        gavel.auction(json!({})).await;
        gavel.stop().await.unwrap();
    }
    emulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_description_of_the_table_leaves_a_server_as_it_is() {
    let (emulator, between, gavel) = server().await;
    let refusal =
        Refusal { operation: Some("DescribeTable"), code: "ThrottlingException", count: 1_000 };
    between.refuse(Some(refusal));
    let until = Instant::now() + Duration::from_secs(6);
    while Instant::now() < until {
        let (status, body) = gavel.get("/readyz").await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &body["state"]), (200, &json!("serving")), "{body}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    gavel.stop().await.unwrap();
    emulator.shutdown().await;
}
