//! `client-sim measure` against Gavel in both protocols, and against a service that speaks nothing but
//! AppSync's, and loses and repeats events.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_graphql::{Object, Schema, Subscription};
use async_graphql_axum::{GraphQL, GraphQLSubscription};
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use client_sim::blackbox::{self, Document, Identity, Plan, Protocol};
use e2e::Gavel;
use futures_util::{Stream, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::JoinSet;

const BID: &str = "mutation($i: PlaceBidInput!) { placeBid(input: $i) {
    ... on BidAccepted { bid { id } } ... on BidRejected { code } } }";
const WATCH: &str = "subscription($id: ID!) { bidCreated(auctionId: $id) { id sequence } }";

fn plan(url: String, protocol: Protocol) -> Plan {
    Plan {
        ws_url: protocol.url(&url),
        url,
        protocol,
        identity: Identity::default(),
        mutation: Document { query: String::new(), variables: json!({}) },
        subscription: Document { query: String::new(), variables: json!({}) },
        answer_key: None,
        event_key: None,
        event_number: None,
        subscribers: 3,
        rate: 20.0,
        duration: Duration::from_secs(2),
        wait: Duration::from_secs(10),
        run: "run-1f".to_owned(),
        command: String::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gavel_is_measured_over_both_protocols_and_every_bid_is_accounted_for() {
    let gavel = Gavel::start().await;
    for protocol in [Protocol::GraphqlTransportWs, Protocol::Appsync] {
        let id = gavel.auction(json!({})).await;
        let input =
            json!({ "auctionId": id, "amount": "{{n}}000", "idempotencyKey": "{{marker}}" });
        let token = gavel.token("ann", &["bidder"]);
        let report = blackbox::run(Plan {
            identity: Identity { token: Some(token), api_key: None },
            mutation: Document { query: BID.to_owned(), variables: json!({ "i": input }) },
            subscription: Document { query: WATCH.to_owned(), variables: json!({ "id": id }) },
            answer_key: Some("placeBid.bid.id".to_owned()),
            event_key: Some("bidCreated.id".to_owned()),
            event_number: Some("bidCreated.sequence".to_owned()),
            ..plan(format!("{}/graphql", gavel.base), protocol)
        })
        .await
        .unwrap();
        println!("{}", report.text());
        assert!(report.is_exact(), "{}", report.text());
        let decided = report.accepted + report.failed.values().sum::<usize>();
        assert_eq!((report.sent, decided, report.others), (40, 40, 0));
        // A bid that is overtaken on its way is rejected, which is no fault.
        assert!(report.accepted >= 20, "{}", report.text());
        assert_eq!(report.delivered, 3 * report.accepted);
        assert!(report.delivered_us.p50 > Some(0));
    }
    // What cannot be subscribed to is said before anything is sent.
    let nothing = Plan {
        subscription: Document { query: "subscription { x }".to_owned(), variables: json!({}) },
        ..plan(format!("{}/graphql", gavel.base), Protocol::Appsync)
    };
    let error = format!("{:#}", blackbox::run(nothing).await.unwrap_err());
    assert!(error.contains("subscriber 1") && error.contains("BadRequest"), "{error}");
    gavel.stop().await.unwrap();
}

struct Root;

#[Object]
impl Root {
    async fn alive(&self) -> bool {
        true
    }
}

/// async-graphql's own server, as its examples have it.
struct Saying(broadcast::Sender<String>);

#[Object]
impl Saying {
    async fn say(&self, text: String) -> String {
        self.0.send(text.clone()).ok();
        text
    }
}

struct Said(broadcast::Sender<String>);

#[Subscription]
impl Said {
    async fn said(&self) -> impl Stream<Item = String> {
        let texts = self.0.subscribe();
        stream::unfold(texts, |mut texts| async { Some((texts.recv().await.ok()?, texts)) })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn async_graphqls_own_server_is_measured_with_its_own_documents() {
    let (texts, _) = broadcast::channel(1024);
    let schema = Schema::build(Root, Saying(texts.clone()), Said(texts)).finish();
    let router = Router::new()
        .route_service("/", GraphQL::new(schema.clone()))
        .route_service("/ws", GraphQLSubscription::new(schema));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, router).await });
    let query = "mutation($text: String!) { say(text: $text) }".to_owned();
    let report = blackbox::run(Plan {
        mutation: Document { query, variables: json!({ "text": "{{marker}}" }) },
        subscription: Document { query: "subscription { said }".to_owned(), variables: json!({}) },
        ..plan(url, Protocol::GraphqlTransportWs)
    })
    .await
    .unwrap();
    assert!(report.is_exact(), "{}", report.text());
    assert_eq!((report.sent, report.delivered), (40, 120));
}

#[derive(Clone)]
struct Faulty {
    said: Arc<AtomicUsize>,
    events: broadcast::Sender<String>,
}

async fn say(State(faulty): State<Faulty>, Json(request): Json<Value>) -> Json<Value> {
    let text = request["variables"]["text"].clone();
    let number = faulty.said.fetch_add(1, Ordering::SeqCst) + 1;
    if number == 4 {
        return Json(json!({ "errors": [{ "message": "said too much" }] }));
    }
    // The third is lost, and the sixth comes twice.
    let times = match number {
        3 => 0,
        6 => 2,
        _ => 1,
    };
    for _ in 0..times {
        let data = json!({ "data": { "said": { "text": text } } });
        let event = json!({ "type": "data", "id": "ID", "payload": data });
        faulty.events.send(event.to_string()).ok();
    }
    Json(json!({ "data": { "say": { "text": text } } }))
}

async fn realtime(State(faulty): State<Faulty>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.protocols(["graphql-ws"]).on_upgrade(|socket| speak(socket, faulty))
}

/// Speaks AppSync's protocol, and no other.
async fn speak(mut socket: WebSocket, faulty: Faulty) {
    let mut events = faulty.events.subscribe();
    let mut id = String::new();
    loop {
        tokio::select! {
            message = socket.recv() => {
                let Some(Ok(Message::Text(text))) = message else { return };
                let message: Value = serde_json::from_str(&text).unwrap_or_default();
                let answer = match message["type"].as_str() {
                    Some("connection_init") => {
                        json!({ "type": "connection_ack", "payload": { "connectionTimeoutMs": 300_000 } })
                    }
                    Some("start") => {
                        id = message["id"].as_str().unwrap_or_default().to_owned();
                        json!({ "type": "start_ack", "id": id, "payload": {} })
                    }
                    _ => json!({ "type": "error", "payload": {} }),
                };
                socket.send(Message::text(answer.to_string())).await.ok();
            }
            Ok(event) = events.recv() => {
                let event = event.replace("\"ID\"", &format!("{id:?}"));
                socket.send(Message::text(event)).await.ok();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_service_loses_repeats_and_refuses_is_found() {
    let faulty = Faulty { said: Arc::default(), events: broadcast::channel(1024).0 };
    let router = Router::new()
        .route("/graphql", post(say))
        .route("/graphql/realtime", get(realtime))
        .with_state(faulty);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/graphql", listener.local_addr().unwrap());
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, router).await });
    let query = "mutation($text: String!) { say(text: $text) { text } }".to_owned();
    let report = blackbox::run(Plan {
        mutation: Document { query, variables: json!({ "text": "hello {{marker}}!" }) },
        subscription: Document {
            query: "subscription { said { text } }".to_owned(),
            variables: json!({}),
        },
        duration: Duration::from_millis(500),
        wait: Duration::from_secs(1),
        ..plan(url, Protocol::Appsync)
    })
    .await
    .unwrap();
    assert_eq!((report.sent, report.accepted), (10, 9), "{}", report.text());
    assert_eq!(report.failed.get("said too much"), Some(&1));
    assert_eq!((report.expected, report.missing, report.duplicate), (27, 3, 3));
    assert!(!report.is_exact());
}
