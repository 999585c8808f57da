//! AppSync's real-time protocol on a real socket.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use e2e::{Event, Gavel, Socket};
use serde_json::{Value, json};

const WATCH: &str = "subscription W($id: ID!) { bidCreated(auctionId: $id) { sequence amount } }";
/// As Amplify makes them.
const ID: &str = "5f4dcc3b-5aa7-65d6-1d83-27deb882cf99";

/// A socket as Amplify opens it: the token is in the sub-protocol.
async fn opened(gavel: &Gavel, authorization: Option<&str>) -> Socket {
    let mut header = json!({ "host": "localhost:8080" });
    if let Some(authorization) = authorization {
        header["Authorization"] = authorization.into();
    }
    let encoded = URL_SAFE_NO_PAD.encode(header.to_string());
    let protocols = format!("graphql-ws, header-{encoded}");
    let (mut socket, agreed) = Socket::open_at(&gavel.base, "/graphql/realtime", &protocols).await;
    assert_eq!(agreed.as_deref(), Some("graphql-ws"), "a browser accepts what it has offered");
    socket.send(json!({ "type": "connection_init" })).await;
    socket
}

async fn acknowledged(socket: &mut Socket) {
    let ack = socket.message().await;
    assert_eq!(ack["type"], "connection_ack", "{ack}");
    assert_eq!(ack["payload"]["connectionTimeoutMs"], 300_000);
    assert_eq!(socket.message().await, json!({ "type": "ka" }));
}

async fn start(socket: &mut Socket, id: &str, query: &str, variables: Value) {
    let data = json!({ "query": query, "variables": variables }).to_string();
    let payload = json!({ "data": data, "extensions": { "authorization": { "host": "x" } } });
    socket.send(json!({ "id": id, "type": "start", "payload": payload })).await;
}

async fn started(socket: &mut Socket, id: &str, query: &str, variables: Value) {
    start(socket, id, query, variables).await;
    let expected = json!({ "id": id, "type": "start_ack", "payload": {} });
    assert_eq!(socket.message().await, expected);
}

/// The next message but for `ka`, which also comes when a token is about to expire.
async fn not_alive(socket: &mut Socket) -> Value {
    loop {
        let message = socket.message().await;
        if message["type"] != "ka" {
            return message;
        }
    }
}

/// The sequence of the next message, which is a bid.
async fn bid(socket: &mut Socket, id: &str) -> u64 {
    let message = socket.message().await;
    assert_eq!((&message["type"], &message["id"]), (&json!("data"), &json!(id)), "{message}");
    let sequence = &message["payload"]["data"]["bidCreated"]["sequence"];
    sequence.as_u64().unwrap_or_else(|| panic!("{message}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_is_told_that_it_has_joined_and_then_of_each_bid_once() {
    let gavel = Gavel::start().await;
    let auction = gavel.auction(json!({})).await;
    gavel.bid("ann", &auction, 1000).await;
    let mut socket = opened(&gavel, None).await;
    acknowledged(&mut socket).await;
    started(&mut socket, ID, WATCH, json!({ "id": auction })).await;
    for n in 2..=4 {
        gavel.bid("ann", &auction, 900 + 100 * n).await;
        assert_eq!(bid(&mut socket, ID).await, n);
    }
    // With a cursor, the ack comes before the history.
    let after = "subscription A($id: ID!) { bidCreated(auctionId: $id, after: 1) { sequence } }";
    started(&mut socket, "history", after, json!({ "id": auction })).await;
    for n in 2..=4 {
        assert_eq!(bid(&mut socket, "history").await, n);
    }
    let updates = "subscription U($id: ID!) { auctionUpdated(auctionId: $id) { status } }";
    started(&mut socket, "state", updates, json!({ "id": auction })).await;
    let state = socket.message().await;
    assert_eq!(state["payload"]["data"]["auctionUpdated"]["status"], "OPEN", "{state}");
    for id in [ID, "history", "state", "never"] {
        socket.send(json!({ "id": id, "type": "stop" })).await;
        assert_eq!(socket.message().await, json!({ "id": id, "type": "complete" }));
    }
    gavel.bid("ann", &auction, 1400).await;
    socket.send(json!({ "type": "ping" })).await;
    let next = socket.message().await;
    assert_eq!(next["payload"]["errors"][0]["errorType"], "UnsupportedOperation", "{next}");
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bid_in_a_gap_comes_once_the_client_starts_its_subscription_again() {
    let gavel = Gavel::start().await;
    let auction = gavel.auction(json!({})).await;
    let variables = json!({ "id": auction });
    let mut socket = opened(&gavel, None).await;
    acknowledged(&mut socket).await;
    started(&mut socket, ID, WATCH, variables.clone()).await;
    started(&mut socket, "short", WATCH, variables.clone()).await;
    gavel.bid("ann", &auction, 1000).await;
    let mut both = [socket.message().await["id"].clone(), socket.message().await["id"].clone()];
    both.sort_by_key(ToString::to_string);
    assert_eq!(both, [json!(ID), json!("short")]);
    drop(socket);
    let mut witness = gavel.socket(None).await;
    let after = "subscription($id: ID!) { bidCreated(auctionId: $id, after: 1) { sequence } }";
    witness.subscribe("w", after, json!({ "id": auction })).await;
    gavel.bid("ann", &auction, 1100).await;
    // From now on it is history, for whoever joins.
    assert_eq!(witness.next("w").await["data"]["bidCreated"]["sequence"], 2);

    let mut socket = opened(&gavel, None).await;
    acknowledged(&mut socket).await;
    started(&mut socket, "short", WATCH, variables.clone()).await;
    start(&mut socket, ID, WATCH, variables.clone()).await;
    let ack = socket.message().await;
    assert_eq!((&ack["type"], &ack["id"]), (&json!("start_ack"), &json!(ID)), "only this one");
    // Whether the first bid has arrived is not known here: it comes again, marked.
    let first = socket.message().await;
    assert_eq!(first["payload"]["extensions"]["replay"], true, "{first}");
    assert_eq!(first["payload"]["data"]["bidCreated"]["sequence"], 1);
    assert_eq!(bid(&mut socket, ID).await, 2);
    // Another request with the same id begins now, as does one that was stopped.
    let other = "subscription V($id: ID!) { bidCreated(auctionId: $id) { sequence } }";
    socket.send(json!({ "id": ID, "type": "stop" })).await;
    assert_eq!(socket.message().await["type"], "complete");
    for query in [other, WATCH] {
        started(&mut socket, ID, query, variables.clone()).await;
        socket.send(json!({ "id": ID, "type": "stop" })).await;
        assert_eq!(socket.message().await["type"], "complete", "nothing came in between");
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_ends_its_subscription_and_nothing_else() {
    let gavel = Gavel::start().await;
    let auction = gavel.auction(json!({})).await;
    let mut socket = opened(&gavel, None).await;
    acknowledged(&mut socket).await;
    started(&mut socket, ID, WATCH, json!({ "id": auction })).await;
    let query = "query { serverTime }";
    for (query, variables, kind, code) in [
        (WATCH, json!({ "id": "a0000000000000000000z" }), "NotFound", "NOT_FOUND"),
        (WATCH, json!({}), "BadRequestException", "BAD_REQUEST"),
        (query, json!({}), "BadRequestException", "BAD_REQUEST"),
        ("subscription { nothing }", json!({}), "BadRequestException", "BAD_REQUEST"),
    ] {
        start(&mut socket, "bad", query, variables).await;
        let error = socket.message().await;
        assert_eq!((&error["type"], &error["id"]), (&json!("error"), &json!("bad")), "{error}");
        let first = &error["payload"]["errors"][0];
        assert_eq!(first["errorType"], kind, "{error}");
        assert_eq!(first["extensions"]["code"], code, "{error}");
    }
    let data = json!({ "query": WATCH, "variables": { "id": auction } }).to_string();
    let forged = json!({ "authorization": { "Authorization": "a.b.c" } });
    let payload = json!({ "data": data, "extensions": forged });
    socket.send(json!({ "id": "forged", "type": "start", "payload": payload })).await;
    let error = socket.message().await;
    assert_eq!(error["payload"]["errors"][0]["errorType"], "UnauthorizedException", "{error}");
    gavel.bid("ann", &auction, 1000).await;
    assert_eq!(bid(&mut socket, ID).await, 1);
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_are_answered_on_the_socket() {
    let gavel = Gavel::with(&["--anonymous", "off"]).await;
    let signature = "AWS4-HMAC-SHA256 Credential=AKIA/20261127/eu-west-1/appsync/aws4_request";
    for (authorization, says) in
        [(None, "token"), (Some("a.b.c"), "token"), (Some(signature), "SigV4")]
    {
        let mut socket = opened(&gavel, authorization).await;
        let error = socket.message().await;
        assert_eq!(error["type"], "connection_error", "{error}");
        let first = &error["payload"]["errors"][0];
        assert_eq!(
            (&first["errorType"], &first["errorCode"]),
            (&json!("UnauthorizedException"), &json!(401))
        );
        assert!(first["message"].as_str().unwrap().contains(says), "{error}");
        assert_eq!(socket.event().await, Event::Closed(4403, "Not authorized".to_owned()));
    }
    // All three ways in, and at both paths.
    let token = gavel.token("ann", &["bidder"]);
    let json = json!({ "host": "x", "Authorization": token }).to_string();
    let query = format!("/realtime?header={}&payload=e30=", STANDARD.encode(&json));
    let (mut socket, _) = Socket::open_at(&gavel.base, &query, "graphql-ws").await;
    socket.send(json!({ "type": "connection_init" })).await;
    acknowledged(&mut socket).await;
    let mut socket = opened(&gavel, Some(&token)).await;
    acknowledged(&mut socket).await;
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_token_of_a_start_renews_that_of_the_socket() {
    let gavel = Gavel::with(&["--jwt-leeway-seconds", "1"]).await;
    let auction = gavel.auction(json!({})).await;
    let sign = |seconds: i64| {
        let exp = client_sim::clock::now_us() / 1_000_000 + seconds;
        gavel.sign(&json!({ "sub": "ann", "roles": ["bidder"], "exp": exp }))
    };
    let mut sockets = Vec::new();
    for _ in 0..2 {
        let mut socket = opened(&gavel, Some(&sign(2))).await;
        acknowledged(&mut socket).await;
        sockets.push(socket);
    }
    let [mut renewed, mut expires] = <[Socket; 2]>::try_from(sockets).ok().unwrap();
    for (socket, token) in [(&mut renewed, sign(3600)), (&mut expires, sign(1))] {
        let data = json!({ "query": WATCH, "variables": { "id": auction } }).to_string();
        let extensions = json!({ "authorization": { "Authorization": token } });
        let payload = json!({ "data": data, "extensions": extensions });
        socket.send(json!({ "id": ID, "type": "start", "payload": payload })).await;
        assert_eq!(not_alive(socket).await["type"], "start_ack");
    }
    assert_eq!(expires.closed().await.0, 4403);
    gavel.bid("ann", &auction, 1000).await;
    assert_eq!(not_alive(&mut renewed).await["type"], "data");
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_of_events_is_an_auction_or_its_bids() {
    let gavel = Gavel::start().await;
    let auction = gavel.auction(json!({})).await;
    let header = URL_SAFE_NO_PAD.encode(json!({ "host": "localhost" }).to_string());
    let protocols = format!("aws-appsync-event-ws, header-{header}");
    let (mut socket, agreed) = Socket::open_at(&gavel.base, "/event/realtime", &protocols).await;
    assert_eq!(agreed.as_deref(), Some("aws-appsync-event-ws"));
    socket.send(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.message().await["connectionTimeoutMs"], 300_000);
    assert_eq!(socket.message().await, json!({ "type": "ka" }));
    let bids = format!("/auctions/{auction}/bids");
    let subscribe = |id: &str, channel: &str| {
        let authorization = json!({ "host": "localhost" });
        json!({ "type": "subscribe", "id": id, "channel": channel, "authorization": authorization })
    };
    socket.send(subscribe(ID, &bids)).await;
    assert_eq!(socket.message().await, json!({ "id": ID, "type": "subscribe_success" }));
    gavel.bid("ann", &auction, 1000).await;
    let data = socket.message().await;
    assert_eq!((&data["type"], &data["id"]), (&json!("data"), &json!(ID)), "{data}");
    let bid: Value = serde_json::from_str(data["event"].as_str().unwrap()).unwrap();
    assert_eq!((&bid["sequence"], &bid["amount"]), (&json!(1), &json!("1000")), "{bid}");
    socket.send(json!({ "type": "unsubscribe", "id": ID })).await;
    assert_eq!(socket.message().await, json!({ "id": ID, "type": "unsubscribe_success" }));
    socket.send(subscribe("state", &format!("/auctions/{auction}"))).await;
    assert_eq!(socket.message().await["type"], "subscribe_success");
    let data = socket.message().await;
    let state: Value = serde_json::from_str(data["event"].as_str().unwrap()).unwrap();
    assert_eq!(state["currentPrice"], "1000", "{state}");
    socket.send(subscribe("open", "/auctions/*")).await;
    assert_eq!(socket.message().await["type"], "subscribe_success");
    let data = socket.message().await;
    let open: Value = serde_json::from_str(data["event"].as_str().unwrap()).unwrap();
    assert_eq!(open[0]["currentPrice"], "1000", "{open}");
    for (channel, kind) in
        [("/lots/7", "BadRequestException"), ("/auctions/a0000000000000000000z", "NotFound")]
    {
        socket.send(subscribe("bad", channel)).await;
        let error = socket.message().await;
        assert_eq!((&error["type"], &error["id"]), (&json!("subscribe_error"), &json!("bad")));
        assert_eq!(error["errors"][0]["errorType"], kind, "{error}");
    }
    let events = json!({ "type": "publish", "id": "p", "channel": bids, "events": ["{}"] });
    socket.send(events).await;
    let refused = socket.message().await;
    assert_eq!((&refused["type"], &refused["id"]), (&json!("publish_error"), &json!("p")));
    let (status, _) = gavel.get("/event").await;
    assert_eq!(status, 405);
    gavel.stop().await.unwrap();
}
