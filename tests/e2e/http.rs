//! GraphQL over HTTP as browsers and proxies use it: CORS, compression, slow and odd requests.

use std::time::{Duration, Instant};

use e2e::{Gavel, Socket};
use gavel_server::limits;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const SHOP: &str = "https://shop.example";

async fn preflight(gavel: &Gavel, origin: &str) -> reqwest::Response {
    let client = reqwest::Client::new();
    client
        .request(reqwest::Method::OPTIONS, format!("{}/graphql", gavel.base))
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type")
        .send()
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_pages_that_are_named_may_read_answers() {
    let gavel = Gavel::with(&["--allow-origin", SHOP]).await;
    let allowed = preflight(&gavel, SHOP).await;
    let headers = allowed.headers();
    assert_eq!(headers["access-control-allow-origin"], SHOP);
    assert!(headers["access-control-allow-headers"].to_str().unwrap().contains("authorization"));
    assert!(!headers.contains_key("access-control-allow-credentials"));
    let other = preflight(&gavel, "https://evil.example").await;
    assert!(!other.headers().contains_key("access-control-allow-origin"));
    gavel.stop().await.unwrap();
    let gavel = Gavel::start().await;
    let unnamed = preflight(&gavel, SHOP).await;
    assert!(!unnamed.headers().contains_key("access-control-allow-origin"));
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_needs_no_preflight_changes_nothing() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let token = gavel.token("seller", &["seller"]);
    let bearer = format!("Bearer {token}");
    let cancel = format!("mutation {{ cancelAuction(id: \"{id}\") {{ id }} }}");
    let body = json!({ "query": cancel }).to_string();
    for media in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "",
    ] {
        let headers = [("content-type", media), ("authorization", bearer.as_str())];
        assert_eq!(gavel.post(body.clone(), &headers).await.0, 415, "{media:?}");
    }
    let url = reqwest::Url::parse_with_params(
        &format!("{}/graphql", gavel.base),
        [("query", cancel.as_str())],
    )
    .unwrap();
    let by_get = reqwest::Client::new().get(url).header("authorization", &bearer).send().await;
    assert_eq!(by_get.unwrap().status(), 405);
    assert_eq!(gavel.look(None, &id, "status").await["status"], "OPEN");
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn large_answers_are_compressed_for_those_who_take_it() {
    let gavel = Gavel::start().await;
    let body = json!({ "query": "{ __schema { types { name description } } }" }).to_string();
    for (accepted, expected) in [("gzip", Some("gzip")), ("identity", None)] {
        let response = reqwest::Client::new()
            .post(format!("{}/graphql", gavel.base))
            .header("content-type", "application/json")
            .header("accept-encoding", accepted)
            .body(body.clone())
            .send()
            .await
            .unwrap();
        let encoding = response.headers().get("content-encoding");
        assert_eq!(encoding.map(|value| value.to_str().unwrap()), expected);
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn several_requests_in_one_body_are_refused() {
    let gavel = Gavel::start().await;
    let one = json!({ "query": "{ serverTime }" });
    let body = json!([one, one]).to_string();
    let (status, response) = gavel.post(body, &[("content-type", "application/json")]).await;
    assert_eq!((status, e2e::code(&response["errors"][0])), (400, "BAD_REQUEST"));
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_switched_off_is_off() {
    let gavel = Gavel::with(&["--introspection", "off", "--playground", "off"]).await;
    for query in ["{ __schema { types { name } } }", "{ __type(name: \"Bid\") { name } }"] {
        let response = gavel.graphql(None, query, json!({})).await;
        assert_eq!(e2e::code(&response["errors"][0]), "FORBIDDEN", "{response}");
    }
    let named = gavel.graphql(None, "{ serverTime __typename }", json!({})).await;
    assert_eq!(named["data"]["__typename"], "Query");
    let page = reqwest::Client::new()
        .get(format!("{}/graphql", gavel.base))
        .header("accept", "text/html")
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), 406);
    gavel.stop().await.unwrap();
}

/// Sends a beginning, then a byte now and then; returns how long the server puts up with it.
async fn drip(gavel: &Gavel, beginning: &str) -> (Duration, String) {
    let address = gavel.base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(beginning.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let began = Instant::now();
    let dripping = async {
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            if writing.write_all(b"x").await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let mut answer = Vec::new();
    let ended = async {
        tokio::select! {
            ended = reading.read_to_end(&mut answer) => { ended.ok(); }
            () = dripping => {}
        }
    };
    timeout(Duration::from_secs(30), ended).await.expect("the server ends it");
    (began.elapsed(), String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_never_end_are_ended_and_others_are_served_meanwhile() {
    let gavel = Gavel::start().await;
    let slack = Duration::from_secs(5);
    let head = "GET /graphql/ws HTTP/1.1\r\nhost: x\r\nx-slow: ";
    let body = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                content-length: 100000\r\nconnection: close\r\n\r\n{";
    let others = async {
        for _ in 0..20 {
            let asked = Instant::now();
            let response = gavel.graphql(None, "{ serverTime }", json!({})).await;
            assert!(response["data"]["serverTime"].is_string());
            assert!(asked.elapsed() < Duration::from_secs(2));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let ((in_head, _), (in_body, answer), ()) =
        tokio::join!(drip(&gavel, head), drip(&gavel, body), others);
    assert!(in_head < limits::HTTP_HEAD_TIMEOUT + slack, "{in_head:?}");
    assert!(in_body < limits::HTTP_BODY_TIMEOUT + slack, "{in_body:?}");
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("BAD_REQUEST"), "{answer}");
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_cannot_open_a_socket() {
    let gavel = Gavel::with(&["--allow-origin", SHOP]).await;
    for (origin, expected) in [
        ("https://evil.example".to_owned(), Some(403)),
        ("null".to_owned(), Some(403)),
        (SHOP.to_owned(), None),
        (gavel.base.clone(), None),
    ] {
        let opened = Socket::try_open(&gavel.base, &[("origin", &origin)]).await;
        assert_eq!(opened.err(), expected, "{origin}");
    }
    gavel.stop().await.unwrap();
}
