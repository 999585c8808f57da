//! /metrics against docs/METRICS.md, docs/LIMITS.md, the alerts and the dashboard: what one of them
//! names, the others have.

use std::collections::BTreeSet;

use client_sim::measure::scrape::Scrape;
use dynamodb_emulator::{Command, Emulator, FaultKind, FaultRule, Options, Target};
use e2e::{Gavel, code};
use gavel_core::metrics::Label as _;
use gavel_server::limiter::{Bound, Limit};
use serde_json::{Value, json};

const METRICS: &str = include_str!("../../docs/METRICS.md");
const ALERTS: &str = include_str!("../../deploy/prometheus/alerts.yml");
const DASHBOARD: &str = include_str!("../../deploy/grafana/gavel.json");
const LIMITS: &str = include_str!("../../docs/LIMITS.md");

async fn scrape(gavel: &Gavel) -> Scrape {
    let address = gavel.ready.admin_address;
    Scrape::fetch(&format!("http://{address}/metrics")).await.expect("a scrape")
}

/// The names between backticks at the start of a table's rows.
fn first_cells(page: &str) -> BTreeSet<&str> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split('`').next()).collect()
}

/// Every name of ours in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !is_part(c)).filter(|word| word.starts_with("gavel_")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_name_is_documented_and_every_documented_name_is_exported() {
    let gavel = Gavel::start().await;
    let scrape = scrape(&gavel).await;
    let documented = first_cells(METRICS).into_iter().filter(|name| name.starts_with("gavel_"));
    let documented: BTreeSet<&str> = documented.collect();
    let exported: BTreeSet<&str> = scrape.families().collect();
    assert_eq!(exported, documented, "docs/METRICS.md and the scrape differ");
    let known = |name: &str| {
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        exported.contains(name) || family.is_some_and(|family| exported.contains(family))
    };
    for name in names(METRICS) {
        assert!(known(name), "docs/METRICS.md speaks of {name}");
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn open_sockets_are_counted_whatever_their_limit_is() {
    for most in ["3", "200000"] {
        let gavel = Gavel::with(&["--sockets", most]).await;
        let count = async || scrape(&gavel).await.value("gavel_sockets");
        assert_eq!(count().await, Some(0.0), "--sockets {most}");
        let _open = gavel.socket(None).await;
        assert_eq!(count().await, Some(1.0), "--sockets {most}");
        gavel.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_throttles_is_told_apart_from_an_item_that_is_held() {
    let emulator = Emulator::start(Options::default()).await.unwrap();
    let gavel = Gavel::with(&["--dynamodb", &emulator.endpoint()]).await;
    let id = gavel.auction(json!({})).await;
    for (kind, count) in [(FaultKind::Throttled, 2), (FaultKind::TransactionConflict, 3)] {
        let rule = FaultRule::new(kind).on(Target::Transactions).count(count);
        emulator.control().apply(Command::Fault(rule)).unwrap();
    }
    assert_eq!(gavel.bid("ann", &id, 1000).await["bid"]["sequence"], 1);
    let scrape = scrape(&gavel).await;
    for (kind, count) in [("throttled", 2), ("busy", 3)] {
        assert_eq!(scrape.counter("gavel_store_errors_total", "kind", kind), count, "{kind}");
    }
    gavel.stop().await.unwrap();
    emulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_limit_of_the_page_has_a_count() {
    let gavel = Gavel::start().await;
    let scrape = scrape(&gavel).await;
    let exported: BTreeSet<&str> = scrape.values("gavel_limit_refusals_total", "limit").collect();
    // The last cell but one of a row whose first is a limit.
    // The table of what work costs has no limits.
    let tables = LIMITS.split("\n\n").filter(|part| part.starts_with("| limit |"));
    let rows = tables.flat_map(|table| table.lines().skip(2));
    let documented: Vec<&str> = rows
        .map(|row| {
            let cells: Vec<&str> = row.trim_end_matches(" |").rsplit('|').map(str::trim).collect();
            cells[1].strip_prefix('`').and_then(|cell| cell.strip_suffix('`')).unwrap_or_else(
                || {
                    panic!("no metric: {row}");
                },
            )
        })
        .collect();
    let named: BTreeSet<&str> = documented.iter().copied().collect();
    assert_eq!(named.len(), documented.len(), "a name stands for two limits");
    assert_eq!(exported, named, "docs/LIMITS.md and the scrape differ");
    assert!(exported.len() > Bound::ALL.len() + Limit::ALL.len());
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_on_the_admin_address_and_nowhere_else() {
    let gavel = Gavel::start().await;
    assert_eq!(gavel.ready.admin_address, gavel.ready.address);
    assert_eq!(gavel.get("/metrics").await.0, 200);
    gavel.stop().await.unwrap();
    let gavel = Gavel::with(&["--admin-listen", "127.0.0.1:0"]).await;
    assert_eq!(gavel.get("/metrics").await.0, 404);
    let address = gavel.ready.admin_address;
    let page = reqwest::get(format!("http://{address}/metrics")).await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/plain; version=0.0.4");
    // Nor has its address anything else.
    let other = reqwest::get(format!("http://{address}/graphql")).await.unwrap();
    assert_eq!(other.status(), 404);
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_counted_by_code_and_by_limit() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let before = scrape(&gavel).await;
    let ask = async |query: &str| {
        let response = gavel.graphql(None, query, json!({})).await;
        code(&response["errors"][0]).to_owned()
    };
    let deep = "ofType { ".repeat(15) + "name" + &" }".repeat(15);
    let deep = format!("{{ __schema {{ types {{ {deep} }} }} }}");
    assert_eq!(ask(&deep).await, "QUERY_TOO_COMPLEX");
    assert_eq!(ask("{ auctions(first: 101) { edges { cursor } } }").await, "BAD_REQUEST");
    let many: Vec<String> = (0..51).map(|n| format!("a{n}: serverTime")).collect();
    let many = many.join(" ");
    assert_eq!(ask(&format!("{{ {many} }}")).await, "QUERY_TOO_COMPLEX");
    let long = "k".repeat(129);
    let input = json!({ "auctionId": id, "amount": "1000", "idempotencyKey": long });
    assert_eq!(code(&gavel.bid_with("ann", input).await), "BAD_REQUEST");
    assert_eq!(gavel.bid("ann", &id, 1000).await["__typename"], "BidAccepted");
    assert_eq!(gavel.bid("bob", &id, 1000).await["code"], "TOO_LOW");
    let response = gavel.graphql(Some(&"t".repeat(5000)), "{ serverTime }", json!({})).await;
    assert_eq!(code(&response["errors"][0]), "UNAUTHENTICATED");
    let after = scrape(&gavel).await;
    let grown = |name: &str, label: &str, value: &str| {
        let of = |scrape: &Scrape| scrape.counter(name, label, value);
        of(&after) - of(&before)
    };
    for (label, value, count) in [
        ("limit", "page", 1),
        ("limit", "query_depth", 1),
        ("limit", "query_aliases", 1),
        ("limit", "idempotency_key", 1),
        ("limit", "token", 1),
        ("limit", "sockets", 0),
    ] {
        assert_eq!(grown("gavel_limit_refusals_total", label, value), count, "{value}");
    }
    for (value, count) in
        [("BAD_REQUEST", 2), ("QUERY_TOO_COMPLEX", 2), ("UNAUTHENTICATED", 1), ("INTERNAL", 0)]
    {
        assert_eq!(grown("gavel_errors_total", "code", value), count, "{value}");
    }
    for (value, count) in [("ACCEPTED", 1), ("TOO_LOW", 1), ("OUTCOME_UNKNOWN", 0)] {
        assert_eq!(grown("gavel_bids_total", "outcome", value), count, "{value}");
    }
    assert_eq!(grown("gavel_hop_seconds_count", "hop", "commit"), 1);
    gavel.stop().await.unwrap();
}

/// Every `expr` of a JSON document, wherever it stands.
fn queries<'a>(json: &'a Value, found: &mut Vec<&'a str>) {
    match json {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str().filter(|_| name == "expr") {
                    Some(query) => found.push(query),
                    None => queries(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| queries(value, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_and_the_alerts_ask_for_what_is_exported_and_each_alert_is_documented() {
    let gavel = Gavel::start().await;
    let scrape = scrape(&gavel).await;
    let exported: BTreeSet<&str> = scrape.families().collect();
    let samples: BTreeSet<&str> = scrape.names().collect();
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut asked = Vec::new();
    queries(&dashboard, &mut asked);
    assert!(asked.len() > 30, "{}", asked.len());
    for query in &asked {
        let names = names(query);
        assert!(!names.is_empty(), "a query of nothing: {query}");
        for name in names {
            assert!(samples.contains(name), "the dashboard asks for {name}: {query}");
        }
    }
    for name in names(ALERTS) {
        assert!(samples.contains(name), "an alert asks for {name}");
    }
    // Whatever is exported is on the dashboard, but what only a modelled trigger has.
    let shown: String = asked.concat();
    for name in exported.iter().filter(|name| !name.starts_with("gavel_lambda_")) {
        assert!(shown.contains(name), "{name} is not on the dashboard");
    }
    let alerts = ALERTS.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    let alerts: BTreeSet<&str> = alerts.collect();
    let documented = first_cells(METRICS).into_iter().filter(|name| name.starts_with("Gavel"));
    assert_eq!(alerts, documented.collect());
    gavel.stop().await.unwrap();
}

/// A label's value that does not exist makes a query that never fires.
#[tokio::test(flavor = "multi_thread")]
async fn the_labels_that_alerts_and_dashboard_pick_exist() {
    let gavel = Gavel::start().await;
    let scrape = scrape(&gavel).await;
    let picked = |text: &'static str| {
        let parts = text.split('{').skip(1).filter_map(|part| part.split('}').next());
        parts.flat_map(|part| part.split(',')).filter_map(|pair| {
            let (label, value) = pair.split_once('=')?;
            Some((label.trim(), value.trim_start_matches('~').trim_matches(['"', '\\'])))
        })
    };
    let mut seen = 0;
    for (label, values) in picked(ALERTS).chain(picked(DASHBOARD)) {
        if ["instance", "job"].contains(&label) {
            continue;
        }
        for value in values.split('|') {
            assert!(scrape.has(label, value), "no sample has {label}={value}");
            seen += 1;
        }
    }
    assert!(seen >= 10, "{seen}");
    gavel.stop().await.unwrap();
}
