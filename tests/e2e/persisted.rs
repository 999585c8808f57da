//! Documents that clients name by an id.

use aws_lc_rs::digest::{SHA256, digest};
use client_sim::measure::scrape::Scrape;
use e2e::event_stream::EventStream;
use e2e::gavel::{args, code};
use e2e::{Gavel, Socket};
use serde_json::{Value, json};

fn hash(text: &str) -> String {
    let digest = digest(&SHA256, text.as_bytes());
    digest.as_ref().iter().fold(String::new(), |all, byte| format!("{all}{byte:02x}"))
}

/// A request with a document's hash, and maybe the document.
fn request(query: Option<&str>, hash: &str, variables: &Value) -> Value {
    let extensions = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
    let mut request = json!({ "variables": variables, "extensions": extensions });
    if let Some(query) = query {
        request["query"] = query.into();
    }
    request
}

async fn post(gavel: &Gavel, body: &Value, accept: &str) -> (u16, Value) {
    let headers = [("content-type", "application/json"), ("accept", accept)];
    gavel.post(body.to_string(), &headers).await
}

async fn lookups(gavel: &Gavel, outcome: &str) -> u64 {
    let page = format!("http://{}/metrics", gavel.ready.admin_address);
    let scrape = Scrape::fetch(&page).await.unwrap();
    scrape.counter("gavel_persisted_queries_total", "outcome", outcome)
}

const WATCH: &str = "subscription($id: ID!) { bidCreated(auctionId: $id, after: 0) { sequence } }";

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_sent_once_and_then_known_by_its_hash_to_every_transport() {
    let gavel = Gavel::with(&["--persisted-queries", "on"]).await;
    let json_media = "application/json";
    let none = json!({});
    let (query, id) = ("{ serverTime }", hash("{ serverTime }"));
    for (accept, status) in [(json_media, 200), ("application/graphql-response+json", 400)] {
        let (answered, answer) = post(&gavel, &request(None, &id, &none), accept).await;
        assert_eq!((answered, code(&answer["errors"][0])), (status, "PERSISTED_QUERY_NOT_FOUND"));
        assert_eq!(answer["errors"][0]["message"], "PersistedQueryNotFound");
    }
    let wrong = request(Some("{ me { id } }"), &id, &none);
    let (_, answer) = post(&gavel, &wrong, json_media).await;
    assert_eq!(code(&answer["errors"][0]), "BAD_REQUEST", "{answer}");
    let unreadable = request(Some("{"), &hash("{"), &none);
    let (_, answer) = post(&gavel, &unreadable, json_media).await;
    assert_eq!(code(&answer["errors"][0]), "BAD_REQUEST", "{answer}");
    let (_, answer) = post(&gavel, &request(None, &hash("{"), &none), json_media).await;
    assert_eq!(
        code(&answer["errors"][0]),
        "PERSISTED_QUERY_NOT_FOUND",
        "what cannot run is not kept"
    );
    for body in [request(Some(query), &id, &none), request(None, &id, &none)] {
        let (_, answer) = post(&gavel, &body, json_media).await;
        assert!(answer["data"]["serverTime"].is_string(), "{answer}");
    }
    // A socket sends a document, an event stream needs only its hash.
    let auction = gavel.auction(json!({})).await;
    gavel.bid("ann", &auction, 1000).await;
    let variables = json!({ "id": auction });
    let mut socket = gavel.socket(None).await;
    for query in [None, Some(WATCH)] {
        let payload = request(query, &hash(WATCH), &variables);
        socket.send(json!({ "id": "w", "type": "subscribe", "payload": payload })).await;
        match query {
            None => {
                let error = socket.error("w").await;
                assert_eq!(code(&error), "PERSISTED_QUERY_NOT_FOUND");
            }
            Some(_) => assert_eq!(socket.next("w").await["data"]["bidCreated"]["sequence"], 1),
        }
    }
    let by_hash = request(None, &hash(WATCH), &variables);
    let mut stream = EventStream::send(&gavel.base, &by_hash, &[]).await.unwrap();
    assert_eq!(stream.next().await.1["data"]["bidCreated"]["sequence"], 1);
    for (outcome, least) in [("found", 2), ("not_found", 4), ("registered", 2), ("refused", 1)] {
        assert!(lookups(&gavel, outcome).await >= least, "{outcome}");
    }
    drop((socket, stream));
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_list_nothing_else_runs() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("operations.json");
    let list = json!({ "time": "{ serverTime }", "watch": WATCH }).to_string();
    std::fs::write(&file, list).unwrap();
    let file = file.to_str().unwrap();
    let gavel = Gavel::with(&["--operations", file]).await;
    for body in [
        json!({ "documentId": "time" }),
        json!({ "query": "{ serverTime }" }),
        request(None, "time", &json!({})),
    ] {
        let (_, answer) = post(&gavel, &body, "application/json").await;
        assert!(answer["data"]["serverTime"].is_string(), "{body}: {answer}");
    }
    for body in [
        json!({ "query": "{ me { id } }" }),
        json!({ "query": "{ __schema { queryType { name } } }" }),
        json!({ "documentId": "other" }),
        request(Some("{ me { id } }"), "time", &json!({})),
    ] {
        let (_, answer) = post(&gavel, &body, "application/json").await;
        assert_eq!(code(&answer["errors"][0]), "FORBIDDEN", "{body}: {answer}");
    }
    let mut socket = Socket::open(&gavel.base).await;
    socket.init(None).await;
    socket.subscribe("x", "subscription { auctionsUpdated(status: OPEN) { id } }", json!({})).await;
    assert_eq!(code(&socket.error("x").await), "FORBIDDEN");
    let missing = "a0000000000000000000z";
    let payload = json!({ "documentId": "watch", "variables": { "id": missing } });
    socket.send(json!({ "id": "y", "type": "subscribe", "payload": payload })).await;
    assert_eq!(code(&socket.error("y").await), "NOT_FOUND", "it runs");
    drop(socket);
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_cannot_run_is_named_before_anything_starts() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("operations.json");
    std::fs::write(&file, r#"{ "bad": "{" }"#).unwrap();
    let (file, missing) = (file.to_str().unwrap(), directory.path().join("none"));
    for flags in [
        vec!["--operations", file],
        vec!["--operations", missing.to_str().unwrap()],
        vec!["--operations", file, "--persisted-queries", "on"],
    ] {
        let stop = tokio_util::sync::CancellationToken::new();
        let run = gavel_server::app::run(args(&flags), stop, |_| panic!("it must not start"));
        let error = format!("{:#}", run.await.unwrap_err());
        assert!(error.starts_with("--operations") && !error.contains('\n'), "{error}");
    }
}
