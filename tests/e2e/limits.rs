//! Each limit of docs/LIMITS.md: below it works, above it the documented code, and others do not
//! notice.

use e2e::gavel::DEADLINE;
use e2e::{Event, Gavel, Socket, code};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{connect_async, tungstenite};

const JSON: (&str, &str) = ("content-type", "application/json");
const WATCH: &str = "subscription($id: ID!) { bidCreated(auctionId: $id, after: 0) { sequence } }";

/// A server with limits on, and these.
async fn limited(flags: &[&str]) -> Gavel {
    Gavel::with(&[&["--client-limits", "on"], flags].concat()).await
}

/// A socket's upgrade from an address, as a proxy tells it: the answer's status and code, or none.
async fn upgrade(gavel: &Gavel, address: &str) -> Result<Upgraded, (u16, Value)> {
    let url = format!("{}/graphql/ws", gavel.base.replacen("http", "ws", 1));
    let mut request = url.into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
    headers.insert("x-forwarded-for", address.parse().unwrap());
    match connect_async(request).await {
        Ok((stream, _)) => Ok(stream),
        Err(tungstenite::Error::Http(response)) => {
            let status = response.status().as_u16();
            let body = response.body().clone().unwrap_or_default();
            Err((status, serde_json::from_slice(&body).unwrap()))
        }
        Err(other) => panic!("{other}"),
    }
}

type Upgraded =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn first_code(gavel: &Gavel, query: &str) -> Option<String> {
    let response = gavel.graphql(None, query, json!({})).await;
    (response["errors"] != Value::Null).then(|| code(&response["errors"][0]).to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_body_of_a_request() {
    let gavel = Gavel::with(&["--http-body-bytes", "2048"]).await;
    let body = |bytes: usize| {
        let plain = json!({ "query": "{ serverTime }" }).to_string();
        format!("{plain}{}", " ".repeat(bytes - plain.len()))
    };
    assert_eq!(gavel.post(body(2048), &[JSON]).await.0, 200);
    let (status, response) = gavel.post(body(2049), &[JSON]).await;
    assert_eq!((status, code(&response["errors"][0])), (413, "BAD_REQUEST"));
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_on_a_socket() {
    let gavel = Gavel::with(&["--socket-message-bytes", "2048"]).await;
    let mut other = gavel.socket(None).await;
    let mut socket = gavel.socket(None).await;
    let ping = |bytes: usize| format!("{{\"type\":\"ping\"{}}}", " ".repeat(bytes - 15));
    socket.send_text(&ping(2048)).await;
    assert_eq!(socket.message().await["type"], "pong");
    socket.send_text(&ping(2049)).await;
    let event = socket.event().await;
    assert!(matches!(event, Event::Closed(1009, _)), "{event:?}");
    other.lives().await;
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_depth_of_a_query() {
    let gavel = Gavel::with(&["--query-depth", "3"]).await;
    let of = |inner: &str| format!("{{ auctions {{ nodes {{ {inner} }} }} }}");
    assert_eq!(first_code(&gavel, &of("id")).await, None);
    let deeper = of("bids { totalCount: pageInfo { hasNextPage } }");
    assert_eq!(first_code(&gavel, &deeper).await.as_deref(), Some("QUERY_TOO_COMPLEX"));
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_complexity_of_a_query() {
    let gavel = Gavel::with(&["--query-complexity", "50"]).await;
    let of = |first: usize| format!("{{ auctions(first: {first}) {{ nodes {{ id }} }} }}");
    assert_eq!(first_code(&gavel, &of(5)).await, None);
    assert_eq!(first_code(&gavel, &of(50)).await.as_deref(), Some("QUERY_TOO_COMPLEX"));
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aliases_and_selections_of_a_document() {
    let gavel = Gavel::start().await;
    let aliases = |n: usize| {
        let each = (0..n).map(|n| format!("a{n}: serverTime ")).collect::<Vec<_>>().concat();
        format!("{{ {each} }}")
    };
    assert_eq!(first_code(&gavel, &aliases(50)).await, None);
    assert_eq!(first_code(&gavel, &aliases(51)).await.as_deref(), Some("QUERY_TOO_COMPLEX"));
    // Thirty fragments that spread the next one twice: a thousand million fields in 2 KB.
    let doubling = |n: usize| format!("fragment f{n} on Query {{ ...f{0} ...f{0} }} ", n + 1);
    let bomb = (0..30).map(doubling).collect::<Vec<_>>().concat();
    let bomb = format!("{{ ...f0 }} {bomb} fragment f30 on Query {{ serverTime }}");
    let asked = tokio::time::timeout(DEADLINE, first_code(&gavel, &bomb)).await;
    assert_eq!(asked.expect("at once").as_deref(), Some("QUERY_TOO_COMPLEX"));
    let mut socket = gavel.socket(None).await;
    socket.subscribe("1", &bomb, json!({})).await;
    assert_eq!(code(&socket.error("1").await), "QUERY_TOO_COMPLEX");
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operations_of_a_socket() {
    let gavel = Gavel::with(&["--operations-per-socket", "2"]).await;
    let id = gavel.auction(json!({})).await;
    let mut socket = gavel.socket(None).await;
    for operation in ["1", "2", "3"] {
        socket.subscribe(operation, WATCH, json!({ "id": id })).await;
    }
    assert_eq!(code(&socket.error("3").await), "OVERLOADED");
    let mut other = gavel.socket(None).await;
    other.subscribe("1", WATCH, json!({ "id": id })).await;
    gavel.bid("ann", &id, 1000).await;
    assert_eq!(other.next("1").await["data"]["bidCreated"]["sequence"], 1);
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sockets_of_an_address() {
    let gavel =
        limited(&["--sockets-per-address", "2", "--trusted-proxy-header", "x-forwarded-for"]).await;
    let first = upgrade(&gavel, "192.0.2.1").await.unwrap();
    let _second = upgrade(&gavel, "192.0.2.1").await.unwrap();
    let (status, response) = upgrade(&gavel, "10.0.0.1, 192.0.2.1").await.unwrap_err();
    assert_eq!((status, code(&response["errors"][0])), (429, "RATE_LIMITED"));
    assert!(response["errors"][0]["extensions"]["retryAfterMs"].as_u64() > Some(0));
    let _other = upgrade(&gavel, "192.0.2.2").await.expect("another address");
    drop(first);
    e2e::soon("its place is free again", || async { upgrade(&gavel, "192.0.2.1").await.is_ok() })
        .await;
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_new_sockets_of_an_address_in_a_second() {
    let gavel =
        limited(&["--handshakes-per-second", "3", "--trusted-proxy-header", "x-forwarded-for"])
            .await;
    let mut refused = Vec::new();
    for _ in 0..12 {
        refused.extend(upgrade(&gavel, "192.0.2.1").await.err());
    }
    assert!(refused.len() >= 3 && refused.len() <= 9, "{}", refused.len());
    let (status, response) = &refused[0];
    assert_eq!((*status, code(&response["errors"][0])), (429, "RATE_LIMITED"));
    upgrade(&gavel, "192.0.2.2").await.expect("another address");
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sockets_of_a_user() {
    let gavel = limited(&["--sockets-per-user", "2"]).await;
    let ann = gavel.token("ann", &["bidder"]);
    let mut first = gavel.socket(Some(&ann)).await;
    let second = gavel.socket(Some(&ann)).await;
    let mut third = Socket::open(&gavel.base).await;
    let payload = json!({ "authorization": format!("Bearer {ann}") });
    let init = json!({ "type": "connection_init", "payload": payload });
    third.send(init).await;
    assert_eq!(third.closed().await, (1013, "Too many sockets of this user".to_owned()));
    gavel.socket(Some(&gavel.token("bob", &["bidder"]))).await.lives().await;
    for _ in 0..5 {
        gavel.socket(None).await.lives().await;
    }
    first.lives().await;
    drop(second);
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connections_of_an_address() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let gavel = limited(&["--connections-per-address", "5"]).await;
    let address = gavel.base.strip_prefix("http://").unwrap();
    let mut held = Vec::new();
    let mut refused = None;
    for _ in 0..8 {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut answer = vec![0; 4096];
        let n = stream.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..n]).into_owned();
        if answer.starts_with("HTTP/1.1 429") {
            refused = Some(answer);
        }
        held.push(stream);
    }
    let refused = refused.expect("one too many is refused");
    assert!(refused.contains("RATE_LIMITED") && refused.contains("retry-after: 1"), "{refused}");
    drop(held);
    e2e::soon("there is a place again", || async { gavel.get("/healthz").await.0 == 200 }).await;
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bids_of_a_user_and_on_an_auction_in_a_second() {
    let flags = ["--bids-per-user-per-second", "3", "--bids-per-auction-per-second", "5"];
    let gavel = limited(&flags).await;
    let id = gavel.auction(json!({})).await;
    let mut socket = gavel.socket(None).await;
    socket.subscribe("1", WATCH, json!({ "id": id })).await;
    let mut accepted = 0;
    let mut limited = Vec::new();
    for n in 0..20 {
        let answer = gavel.bid("ann", &id, 1000 + 100 * n).await;
        match answer["__typename"].as_str() {
            Some(_) => accepted += 1,
            None => limited.push(answer),
        }
    }
    assert!(accepted >= 3, "{accepted}");
    let error = limited.first().expect("twenty in a moment are too many");
    assert_eq!(code(error), "RATE_LIMITED");
    assert_eq!(error["extensions"]["retryable"], true);
    let after_ms = error["extensions"]["retryAfterMs"].as_u64().unwrap();
    assert!((1..=1000).contains(&after_ms), "{error}");
    assert!(error["message"].as_str().unwrap().contains("you bid too often"), "{error}");
    // Another user on another auction does not notice.
    let other = gavel.auction(json!({})).await;
    assert_eq!(gavel.bid("bob", &other, 1000).await["__typename"], "BidAccepted");
    // Many users on one auction: its own limit.
    let mut crowd = Vec::new();
    for n in 0..20_u64 {
        crowd.push(gavel.bid(&format!("user-{n}"), &other, 2000 + 100 * n).await);
    }
    let error = crowd.iter().find(|answer| answer["__typename"].is_null()).expect("a refusal");
    assert_eq!(code(error), "RATE_LIMITED");
    assert!(error["message"].as_str().unwrap().contains("this auction"), "{error}");
    // After what it was told, the first user may bid again.
    tokio::time::sleep(std::time::Duration::from_millis(after_ms.max(400))).await;
    let amount = 1000 + 100 * 50;
    assert_eq!(gavel.bid("ann", &id, amount).await["__typename"], "BidAccepted");
    for sequence in 1..=accepted {
        assert_eq!(socket.next("1").await["data"]["bidCreated"]["sequence"], sequence);
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_asks_nothing_ends_after_the_idle_time_out_and_a_watcher_does_not() {
    let gavel = Gavel::with(&["--socket-idle-seconds", "1", "--init-timeout-ms", "300"]).await;
    let id = gavel.auction(json!({})).await;
    let mut watcher = gavel.socket(None).await;
    watcher.subscribe("1", WATCH, json!({ "id": id })).await;
    let mut idle = gavel.socket(None).await;
    let mut silent = Socket::open(&gavel.base).await;
    assert_eq!(silent.closed().await.0, 4408);
    assert_eq!(idle.closed().await, (1000, "Idle".to_owned()));
    watcher.lives().await;
    watcher.send(json!({ "type": "complete", "id": "1" })).await;
    assert_eq!(watcher.closed().await.0, 1000, "it is idle now");
    gavel.stop().await.unwrap();
}
