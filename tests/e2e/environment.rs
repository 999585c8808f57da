//! The environment's region and credentials, also for an endpoint that is no AWS; and a table that is
//! not there.

use std::time::{Duration, Instant};

use dynamodb_emulator::{Emulator, Options};
use e2e::between::{Between, expiration};
use e2e::child::Child;
use e2e::gavel::args;
use e2e::{code, soon};
use gavel_core::store::connect::{Endpoint, connect};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const PROGRAM: &str = env!("CARGO_BIN_EXE_gavel-child");

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_asked_with_the_environments_region_and_credentials() {
    let emulator = Emulator::start(Options::default()).await.unwrap();
    let between = Between::start(&emulator.endpoint()).await;
    let flags = ["--dynamodb", &between.url];
    let variables = [
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDOFTHETEST"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    let child = Child::start_in(PROGRAM, &flags, &variables).await;
    let signed = between.last_authorization();
    assert!(
        signed.contains("Credential=AKIDOFTHETEST/") && signed.contains("/eu-central-1/"),
        "{signed}"
    );
    child.stop().await;
    // Without any, it is reached all the same, and at once.
    let nobody = ("AWS_CONFIG_FILE", "/nonexistent");
    let child = Child::start_in(
        PROGRAM,
        &flags,
        &[nobody, ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")],
    )
    .await;
    assert!(
        between.last_authorization().contains("/us-east-1/"),
        "{}",
        between.last_authorization()
    );
    child.stop().await;
    emulator.shutdown().await;
}

/// Gives credentials that expire soon, until it is dropped.
async fn container_credentials(life: Duration) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/credentials", listener.local_addr().unwrap());
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { break };
                head.push(byte);
            }
            let body = json!({
                "AccessKeyId": "AKIDOFTHETEST", "SecretAccessKey": "secret", "Token": "token",
                "Expiration": expiration(life),
            });
            let body = body.to_string();
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\
                 content-type: application/json\r\nconnection: close\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).await.ok();
        }
    });
    (url, serving)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bid_for_which_no_credentials_are_had_is_unavailable_at_once() {
    let emulator = Emulator::start(Options::default()).await.unwrap();
    // Renewed some time before they expire.
    let (url, endpoint) = container_credentials(Duration::from_secs(12)).await;
    let store = emulator.endpoint();
    let flags = ["--dynamodb", store.as_str()];
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
        ("AWS_CONFIG_FILE", "/nonexistent"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent"),
    ];
    let child = Child::start_in(PROGRAM, &flags, &variables).await;
    let id = child.auction(json!({})).await;
    drop(endpoint);
    soon("credentials are missing", || async { child.get("/readyz").await.0 == 503 }).await;
    let began = Instant::now();
    let answer = child.bid("ann", &id, 1000).await;
    assert_eq!(code(&answer), "STORE_UNAVAILABLE", "{answer}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    child.stop().await;
    emulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_absent_is_made_only_where_that_is_asked_for() {
    let emulator = Emulator::start(Options::default()).await.unwrap();
    let url = emulator.endpoint();
    let flags = ["--dynamodb", &url, "--table", "absent", "--create-table", "off"];
    let run = gavel_server::app::run(args(&flags), CancellationToken::new(), |_| {
        panic!("it must not start")
    });
    let error = format!("{:#}", run.await.unwrap_err());
    for part in ["absent does not exist", "region us-east-1", url.as_str(), "--create-table"] {
        assert!(error.contains(part) && !error.contains('\n'), "{error}");
    }
    let client = connect(&Endpoint::Url(url.clone())).await.dynamodb;
    let tables = client.list_tables().send().await.unwrap();
    assert!(tables.table_names().is_empty(), "{tables:?}");
    for (flags, creates) in [
        (vec!["--dynamodb", "aws"], false),
        (vec!["--dynamodb", "aws", "--create-table"], true),
        (vec!["--dynamodb", &url], true),
        (vec!["--dynamodb", "embedded"], true),
        (vec!["--dynamodb", "embedded", "--create-table", "off"], false),
    ] {
        assert_eq!(args(&flags).store.creates_table(), creates, "{flags:?}");
    }
    emulator.shutdown().await;
}
