//! Attacks on the data of others. docs/SECURITY.md names the test of each attack.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use e2e::{Gavel, code, soon};
use gavel_server::limits;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_belongs_to_its_user_and_auction() {
    let gavel = Gavel::start().await;
    let (a, b) = (gavel.auction(json!({})).await, gavel.auction(json!({})).await);
    let place = async |user: &str, auction: &str, key: &str, amount: u64| {
        let input = json!({ "auctionId": auction, "amount": amount.to_string(),
                            "idempotencyKey": key });
        gavel.bid_with(user, input).await
    };
    let first = place("ann", &a, "k", 1000).await;
    assert_eq!(first["repeated"], false);
    // Each would be answered with ann's bid, or refused for her amount, were the key shared. The
    // names join to the same texts with any separator.
    let mut amount = 1000;
    for (user, auction, key) in [
        ("bob", &a, "k".to_owned()),
        ("ann", &b, "k".to_owned()),
        ("ann#k", &a, String::from("x")),
        ("ann", &a, "k#x".to_owned()),
        ("ann:k", &a, "x".to_owned()),
        ("ann", &a, ":k:x".to_owned()),
        ("annk", &a, "x".to_owned()),
        ("ann", &a, "kx".to_owned()),
    ] {
        amount += 100;
        let answer = place(user, auction, &key, amount).await;
        assert_eq!(answer["repeated"], false, "{user} {key}: {answer}");
        assert_eq!(answer["bid"]["bidderId"], user);
    }
    assert_eq!(place("ann", &a, "k", 1000).await["bid"]["id"], first["bid"]["id"]);
    assert_eq!(code(&place("ann", &a, "k", 9999).await), "IDEMPOTENCY_CONFLICT");
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bidder_is_who_its_token_says_and_nobody_else() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    for field in ["bidderId", "userId", "sub", "receivedAt"] {
        let input = json!({ "auctionId": id, "amount": "1000", field: "bob" });
        assert_eq!(code(&gavel.bid_with("ann", input).await), "BAD_REQUEST", "{field}");
    }
    assert_eq!(gavel.bid("ann", &id, 1000).await["bid"]["bidderId"], "ann");
    // A token whose sub looks like another's with something that is not shown.
    for sub in ["ann\u{0}", "ann\n", "", &"x".repeat(129)] {
        let token = gavel.token(sub, &["bidder"]);
        let response = gavel.graphql(Some(&token), "{ me { id } }", json!({})).await;
        assert_eq!(code(&response["errors"][0]), "UNAUTHENTICATED", "{sub:?}");
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reserve_is_shown_to_its_seller_and_auctioneers_alone() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({ "reservePrice": "5000" })).await;
    let roles = [
        ("seller", "seller", json!("5000")),
        ("chief", "auctioneer", json!("5000")),
        ("another", "seller", Value::Null),
        ("seller", "bidder", Value::Null),
        ("ann", "bidder", Value::Null),
        ("ann", "observer", Value::Null),
    ];
    let watch = "subscription($id: ID!) { auctionUpdated(auctionId: $id) { reservePrice } }";
    for (user, role, expected) in roles {
        let token = gavel.token(user, &[role]);
        let seen = gavel.look(Some(&token), &id, "reservePrice").await;
        assert_eq!(seen["reservePrice"], expected, "{user} as {role}");
        let list = "{ auctions(status: OPEN) { nodes { reservePrice } } }";
        let listed = gavel.graphql(Some(&token), list, json!({})).await;
        let shown = listed.to_string().contains("5000");
        assert!(!shown || expected == "5000", "{user} as {role}: {listed}");
        let mut socket = gavel.socket(Some(&token)).await;
        socket.subscribe("1", watch, json!({ "id": id })).await;
        let told = socket.next("1").await;
        assert_eq!(told["data"]["auctionUpdated"]["reservePrice"], expected, "{user} as {role}");
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_and_cursors_name_nothing_but_what_they_say() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    gavel.bid("ann", &id, 1000).await;
    let ann = gavel.token("ann", &["bidder"]);
    for text in [
        format!("{id}#STATE"),
        format!("AUCTION#{id}"),
        format!("{id}\u{0}"),
        format!(" {id}"),
        id.to_uppercase(),
        "a' OR '1'='1".to_owned(),
        "../../etc/passwd".to_owned(),
        "KEY#0".to_owned(),
        String::new(),
        "a".repeat(10_000),
    ] {
        let by_id = "query($id: ID!) { auction(id: $id) { id } }";
        let response = gavel.graphql(Some(&ann), by_id, json!({ "id": text })).await;
        assert_eq!(code(&response["errors"][0]), "NOT_FOUND", "{text}");
        let answer = gavel.bid_with("ann", json!({ "auctionId": text, "amount": "9000" })).await;
        assert_eq!(code(&answer), "NOT_FOUND", "{text}");
    }
    for cursor in
        ["bid:-1", "bid:18446744073709551616", "bid:1#x", "bid:", "auction:0:0:x", "STATE"]
    {
        let bids =
            "query($id: ID!, $c: String) { auction(id: $id) { bids(after: $c) { nodes { id } } } }";
        let cursor_text = URL_SAFE_NO_PAD.encode(cursor);
        let variables = json!({ "id": id, "c": cursor_text });
        let response = gavel.graphql(None, bids, variables).await;
        assert_eq!(code(&response["errors"][0]), "BAD_REQUEST", "{cursor}: {response}");
    }
    for cursor in ["auction:99:0:x", "auction:0:0:AUCTION#x", "auction:-1:0:a", "bid:1"] {
        let list = "query($c: String) { auctions(after: $c) { nodes { id } } }";
        let variables = json!({ "c": URL_SAFE_NO_PAD.encode(cursor) });
        let response = gavel.graphql(None, list, variables).await;
        assert_eq!(code(&response["errors"][0]), "BAD_REQUEST", "{cursor}: {response}");
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nesting_without_end_is_refused_and_the_server_lives() {
    // Documents of any size reach the parser.
    let gavel = Gavel::with(&["--query-bytes", "100000"]).await;
    let deep = |open: &str, close: &str, n: usize| open.repeat(n) + &close.repeat(n);
    for n in [100, 1_000, 4_000, 8_000, 30_000] {
        for query in [
            "{".repeat(n),
            "[".repeat(n),
            "{a".repeat(n),
            "{...".repeat(n),
            format!("{{ auction(id: {}) {{ id }} }}", deep("[", "]", n)),
            format!("{{ auction(id: {}) {{ id }} }}", deep("{a:", "}", n)),
            format!("query($a: {}) {{ serverTime }}", deep("[", "]", n)),
            format!("query($a: {}) {{ serverTime }}", deep("[", "Int]", n)),
            format!("query($a: Int = {}) {{ serverTime }}", deep("[", "]", n)),
            format!("{{ serverTime @skip(if: {}) }}", deep("[", "]", n)),
            format!("{{ a {} }}", deep("{a ", "}", n)),
            format!("{{ {} }}", deep("...{", "}", n)),
            "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }".to_owned(),
        ] {
            if query.len() > 100_000 {
                continue;
            }
            let response = gavel.graphql(None, &query, json!({})).await;
            let error = &response["errors"][0];
            let codes = ["BAD_REQUEST", "QUERY_TOO_COMPLEX"];
            assert!(codes.contains(&code(error)), "{n} of {}: {error}", &query[..20]);
            let length = error["message"].as_str().unwrap().len();
            assert!(length <= limits::ERROR_MESSAGE_BYTES_MAX + 10, "an echo of {length} bytes");
        }
    }
    // What nobody declares is not read; what is declared has a bound.
    for (query, is_read) in [("{serverTime}", false), ("query($a:[Int]){serverTime}", true)] {
        let variables = deep("[", "]", 50_000);
        let body = format!("{{\"query\":\"{query}\",\"variables\":{{\"a\":{variables}}}}}");
        let (status, response) = gavel.post(body, &[("content-type", "application/json")]).await;
        assert_eq!(status, 200, "{response}");
        assert_eq!(response["errors"].is_array(), is_read, "{response}");
    }
    let mut socket = gavel.socket(None).await;
    socket
        .send_text(&format!("{{\"type\":\"ping\",\"payload\":{}}}", deep("[", "]", 50_000)))
        .await;
    assert_eq!(socket.closed().await.0, 4400);
    let response = gavel.graphql(None, "{ serverTime }", json!({})).await;
    assert!(response["data"]["serverTime"].is_string());
    gavel.stop().await.unwrap();
}

/// A socket spoken by hand, so that bytes can be read one at a time.
async fn by_hand(gavel: &Gavel) -> TcpStream {
    let address = gavel.base.strip_prefix("http://").unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(2048).unwrap();
    let mut stream = socket.connect(address.parse().unwrap()).await.unwrap();
    let head = format!(
        "GET /graphql/ws HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
         sec-websocket-protocol: graphql-transport-ws\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// A text frame of a client, masked with zeros.
fn frame(message: &Value) -> Vec<u8> {
    let text = message.to_string();
    let length = u16::try_from(text.len()).unwrap();
    let mut frame = vec![0x81, 0x80 | 0x7e];
    frame.extend(length.to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_a_byte_at_a_time_does_not_harm_others() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let watch = "subscription($id: ID!) { bidCreated(auctionId: $id, after: 0) \
                 { id sequence amount bidderId receivedAt } }";
    let mut slow = by_hand(&gavel).await;
    slow.write_all(&frame(&json!({ "type": "connection_init" }))).await.unwrap();
    for n in 0..50 {
        let payload = json!({ "query": watch, "variables": { "id": id } });
        let subscribe = json!({ "type": "subscribe", "id": n.to_string(), "payload": payload });
        slow.write_all(&frame(&subscribe)).await.unwrap();
    }
    let mut reader = gavel.socket(None).await;
    reader.subscribe("w", watch, json!({ "id": id })).await;
    let dripping = async {
        loop {
            slow.read_u8().await.unwrap();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let bidding = async {
        for n in 1..=100_u64 {
            let sent = std::time::Instant::now();
            gavel.bid("ann", &id, 900 + 100 * n).await;
            assert_eq!(reader.next("w").await["data"]["bidCreated"]["sequence"], n);
            assert!(sent.elapsed() < Duration::from_secs(5), "others wait for nobody");
        }
    };
    // Each bid has its own bound; a hundred of them take a busy store a while.
    tokio::select! {
        () = dripping => panic!("it is read without end"),
        () = bidding => {}
    }
    reader.lives().await;
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_is_ended_while_it_begins_leaves_no_topic() {
    let gavel = Gavel::start().await;
    let watch = "subscription($id: ID!) { bidCreated(auctionId: $id) { sequence } }";
    let mut socket = gavel.socket(None).await;
    for n in 0..300 {
        // As an id is, and of no auction.
        let id = format!("a{n:020}");
        socket.subscribe("1", watch, json!({ "id": id })).await;
        socket.send(json!({ "type": "complete", "id": "1" })).await;
    }
    // One that nobody watches is kept for half a minute; these never were topics.
    soon("no topic is left", || async { gavel.metric("gavel_topics").await < 0.5 }).await;
    gavel.stop().await.unwrap();
}
