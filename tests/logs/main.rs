//! What the log says of requests: the trace of each that is kept, and one line a failure. A test
//! binary of its own: the log belongs to the process.

use dynamodb_emulator::{Command, Emulator, FaultKind, FaultRule, Options, Target};
use e2e::collector::Collector;
use e2e::log::Log;
use e2e::{Gavel, code, soon};
use gavel_server::config::LogFormat;
use gavel_server::telemetry;
use serde_json::{Value, json};
use tracing_subscriber::prelude::*;

const KEPT_BID: &str = "000000000000000000000000000000a1";
const LEFT_BID: &str = "000000000000000000000000000000a2";
const KEPT_READ: &str = "000000000000000000000000000000a3";
const UNTOLD_BID: &str = "000000000000000000000000000000a4";

/// A request in a trace: its first error, if it has one.
async fn ask(gavel: &Gavel, trace_id: &str, sampled: &str, body: &Value) -> Value {
    let bearer = format!("Bearer {}", gavel.token("ann", &["bidder"]));
    let traceparent = format!("00-{trace_id}-00000000000000aa-{sampled}");
    let headers = [
        ("content-type", "application/json"),
        ("authorization", bearer.as_str()),
        ("traceparent", traceparent.as_str()),
    ];
    let (_, response) = gavel.post(body.to_string(), &headers).await;
    response["errors"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_one_line_with_the_trace_that_it_is_about() {
    let (json_log, pretty_log) = (Log::default(), Log::default());
    tracing_subscriber::registry()
        .with(telemetry::filter(None))
        .with(telemetry::layer(LogFormat::Json, false, json_log.clone()))
        .with(telemetry::layer(LogFormat::Pretty, false, pretty_log.clone()))
        .init();
    let emulator = Emulator::start(Options::default()).await.unwrap();
    let collector = Collector::start().await;
    let endpoint = emulator.endpoint();
    let gavel = Gavel::with(&["--dynamodb", &endpoint, "--otlp-endpoint", &collector.url]).await;
    let id = gavel.auction(json!({})).await;
    gavel.bid("bob", &id, 1000).await;
    let down = FaultRule::new(FaultKind::Throttled).on(Target::All);
    emulator.control().apply(Command::Fault(down)).unwrap();

    let query = "mutation($i: PlaceBidInput!) { placeBid(input: $i) { __typename } }";
    let input = json!({ "auctionId": id, "amount": "2000" });
    let bid = json!({ "query": query, "variables": { "i": input } });
    assert_eq!(code(&ask(&gavel, KEPT_BID, "01", &bid).await), "STORE_UNAVAILABLE");
    assert_eq!(code(&ask(&gavel, LEFT_BID, "00", &bid).await), "STORE_UNAVAILABLE");
    let read = json!({ "query": format!("{{ auction(id: \"{id}\") {{ id }} }}") });
    assert_eq!(code(&ask(&gavel, KEPT_READ, "01", &read).await), "STORE_UNAVAILABLE");
    let unseen = "cannot list the due auctions";
    soon(unseen, || async { !json_log.lines(unseen).is_empty() }).await;
    emulator.control().apply(Command::ClearFaults).unwrap();
    for again in ["due auctions are listed again", "the shard can be read again"] {
        soon(again, || async { !json_log.lines(again).is_empty() }).await;
    }

    // Credentials that have expired: a line a part of the service, none a bid.
    let denied = gavel.auction(json!({})).await;
    let expired = FaultRule::error("ExpiredTokenException").on(Target::All);
    emulator.control().apply(Command::Fault(expired)).unwrap();
    for amount in (1000..).step_by(100).take(20) {
        let answer = gavel.bid("bob", &denied, amount).await;
        assert_eq!(code(&answer), "STORE_UNAVAILABLE", "{answer}");
    }
    emulator.control().apply(Command::ClearFaults).unwrap();
    soon("bids are written", || async {
        gavel.bid("bob", &denied, 1000).await["__typename"] == "BidAccepted"
    })
    .await;
    gavel.stop().await.unwrap();

    // A collector that is not there.
    let nobody = "http://127.0.0.1:1/v1/traces";
    let gavel = Gavel::with(&["--dynamodb", &endpoint, "--otlp-endpoint", nobody]).await;
    assert_eq!(ask(&gavel, UNTOLD_BID, "01", &bid).await, Value::Null);
    let export_failed = "BatchSpanProcessor.ExportError";
    soon(export_failed, || async { !json_log.lines(export_failed).is_empty() }).await;
    gavel.stop().await.unwrap();
    emulator.shutdown().await;

    for kept in [KEPT_BID, KEPT_READ] {
        let lines = json_log.lines(kept);
        assert_eq!(lines.len(), 1, "{lines:#?}");
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert!(["WARN", "ERROR"].contains(&line["level"].as_str().unwrap()), "{line}");
        assert!(line["message"].is_string(), "{line}");
        let lines = pretty_log.lines(kept);
        assert_eq!(lines.len(), 1, "{lines:#?}");
    }
    assert_eq!(json_log.lines(LEFT_BID), Vec::<String>::new());
    assert_eq!(json_log.lines(&denied), Vec::<String>::new());
    let lines = json_log.lines("DynamoDB denies access; nothing is read or written");
    assert_eq!(lines.len(), 1, "{lines:#?}");
    let lines = json_log.lines("ExpiredToken");
    assert!(lines.len() <= 4, "{lines:#?}");
    // The two bids that failed, a line each however often they were sent again.
    let lines = json_log.lines(&id);
    assert_eq!(lines.len(), 2, "{lines:#?}");
    // The outage itself, a line a part of the service however often it tried.
    for outage in [unseen, "cannot read shard; retrying"] {
        let lines = json_log.lines(outage);
        assert_eq!(lines.len(), 1, "{lines:#?}");
    }
}
