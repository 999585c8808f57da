//! One bid, one trace: from the bidder's click to each watcher.

use std::time::Duration;

use client_sim::load::plan::{Plan, Target, View};
use client_sim::load::scenario::{Name, Scenario};
use client_sim::measure::scrape::Scrape;
use client_sim::output::report::Report;
use client_sim::run::run;
use client_sim::service::last_mile::LastMile;
use client_sim::service::tokens::Tokens;
use e2e::collector::Collector;
use e2e::gavel::DEADLINE;
use e2e::{Gavel, Socket};
use futures_util::future::join_all;
use gavel_trace::{Sampler, Tracer};
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::json;
use tokio::process::Command;

/// The span of a name; the first if there are several.
fn span<'a>(trace: &'a [Span], name: &str) -> &'a Span {
    trace.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name}"))
}

fn took_us(span: &Span) -> u64 {
    (span.end_time_unix_nano - span.start_time_unix_nano) / 1_000
}

/// The way of a bid: each span is below the one before.
const WAY: [&str; 8] = [
    "client.place_bid",
    "mutation.place_bid",
    "lane.commit",
    "dynamodb.transact",
    "relay.read",
    "broker.publish",
    "fanout.deliver",
    "client.receive",
];

/// The spans of the traces that have a span of this name, a trace each.
fn traces_with(all: &[Span], name: &str) -> Vec<Vec<Span>> {
    let of = |id: &[u8]| all.iter().filter(|span| span.trace_id == id).cloned().collect();
    all.iter().filter(|span| span.name == name).map(|span| of(&span.trace_id)).collect()
}

/// Runs one bid with two watchers.
async fn one_bid_to_two_watchers(gavel: &Gavel) -> Report {
    let scenario = Scenario {
        auctions: 1,
        bidders: 1,
        watchers: 2,
        rate: 1.0,
        duration: Duration::from_secs(1),
        ..Scenario::of(Name::Trickle)
    };
    let plan = Plan {
        scenario,
        seed: 11,
        slos: Vec::new(),
        target: Target::Url {
            urls: vec![gavel.base.clone()],
            tokens: Tokens::Secret(gavel.secret().to_owned()),
            relay: Some("stream".to_owned()),
        },
        last_mile: LastMile::None,
        view: View::Nothing,
        script: Vec::new(),
        command: "cargo test -p e2e tracing".to_owned(),
    };
    let report = run(&plan).await.unwrap();
    assert_ne!(report.verdict.as_str(), "guarantee_broken", "{:?}", report.reasons);
    assert_eq!((report.bids.accepted, report.deliveries.live), (1, 2), "{:?}", report.bids);
    report
}

/// Nothing but the spans of one bid to two watchers, each below the one before and not before it.
fn check_way(trace: &[Span]) {
    let mut names: Vec<&str> = trace.iter().map(|span| span.name.as_str()).collect();
    names.sort_unstable();
    let mut expected = [&WAY[..], &["client.receive"]].concat();
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert!(span(trace, WAY[0]).parent_span_id.is_empty());
    for pair in WAY.windows(2) {
        let parent = span(trace, pair[0]);
        for child in trace.iter().filter(|span| span.name == pair[1]) {
            assert_eq!(child.parent_span_id, parent.span_id, "{} below {}", pair[1], pair[0]);
            assert!(child.start_time_unix_nano >= parent.start_time_unix_nano, "{}", pair[1]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bid_to_two_watchers_is_one_trace_whose_hops_add_up() {
    let collector = Collector::start().await;
    client_sim::service::trace::start(
        Tracer::to(&collector.url, Sampler::ALL, "client-sim").unwrap(),
    );
    let gavel = Gavel::with(&["--otlp-endpoint", &collector.url]).await;
    let report = one_bid_to_two_watchers(&gavel).await;
    gavel.stop().await.unwrap();
    tokio::task::spawn_blocking(client_sim::service::trace::flush).await.unwrap();

    // Other tests of this process may have exported from their clients.
    let traces = traces_with(&collector.spans(), "mutation.place_bid");
    assert_eq!(traces.len(), 1);
    let trace = &traces[0];
    check_way(trace);

    // One hop begins where the one before it ends.
    let begins = |name: &str| span(trace, name).start_time_unix_nano / 1_000;
    let ends = |name: &str| span(trace, name).end_time_unix_nano / 1_000;
    assert_eq!(begins("lane.commit"), begins("mutation.place_bid"));
    assert_eq!(begins("relay.read"), begins("dynamodb.transact"));
    assert_eq!(begins("broker.publish"), ends("relay.read"));
    assert_eq!(begins("fanout.deliver"), ends("broker.publish"));
    assert_eq!(begins("client.receive"), ends("broker.publish"));
    let request = begins("mutation.place_bid") - begins("client.place_bid");
    let lane = begins("dynamodb.transact") - begins("lane.commit");
    let read = took_us(span(trace, "relay.read"));
    let publish = took_us(span(trace, "broker.publish"));
    let receives = trace.iter().filter(|span| span.name == "client.receive");
    let last_receive = receives.map(took_us).max().unwrap();
    let sum = request + lane + read + publish + last_receive;
    // The clients' own clocks, read apart from the spans.
    let told = report.latency_us.client_to_last_client.max.unwrap();
    assert!(sum.abs_diff(told) * 20 <= told, "the hops add up to {sum} us, not {told} us");
}

/// The test below in a process of its own, whose environment can be set.
async fn in_a_process_with(variables: &[(&str, &str)]) {
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.args(["--exact", "tracing::as_the_variables_say", "--ignored", "--nocapture"]);
    process.envs(variables.iter().copied()).kill_on_drop(true);
    let ended = tokio::time::timeout(2 * DEADLINE, process.output()).await.unwrap().unwrap();
    let said = [ended.stdout, ended.stderr].concat();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the tests below run it, with variables"]
async fn as_the_variables_say() {
    client_sim::service::trace::start(Tracer::from_env("client-sim").unwrap());
    let gavel = Gavel::start().await;
    one_bid_to_two_watchers(&gavel).await;
    gavel.stop().await.unwrap();
    tokio::task::spawn_blocking(client_sim::service::trace::flush).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_standard_variables_export_by_grpc() {
    let collector = Collector::start_grpc().await;
    in_a_process_with(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ])
    .await;
    let traces = traces_with(&collector.spans(), "client.place_bid");
    assert_eq!(traces.len(), 1);
    check_way(&traces[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_standard_variables_export_by_http() {
    let collector = Collector::start().await;
    let base = collector.url.strip_suffix("/v1/traces").unwrap();
    in_a_process_with(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", base),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "1"),
    ])
    .await;
    let traces = traces_with(&collector.spans(), "client.place_bid");
    assert_eq!(traces.len(), 1);
    check_way(&traces[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_ratio_leaves_out_has_no_span_in_any_process() {
    let collector = Collector::start().await;
    let variables = [
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", collector.url.as_str()),
        ("OTEL_TRACES_SAMPLER", "traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0"),
    ];
    in_a_process_with(&variables).await;
    let names: Vec<String> = collector.spans().into_iter().map(|span| span.name).collect();
    assert!(names.is_empty(), "{names:?}");
}

/// The trace of [`traced_bid`]'s bid of an amount.
fn trace_id(amount: u64) -> u128 {
    u128::from(amount) + 1
}

/// A user's bid in a trace of its own: whether it was accepted.
async fn traced_bid(gavel: &Gavel, id: &str, user: &str, amount: u64) -> bool {
    let traceparent = format!("00-{:032x}-00000000000000aa-01", trace_id(amount));
    let bearer = format!("Bearer {}", gavel.token(user, &["bidder"]));
    let query = "mutation($i: PlaceBidInput!) { placeBid(input: $i) { __typename } }";
    let input = json!({ "auctionId": id, "amount": amount.to_string() });
    let body = json!({ "query": query, "variables": { "i": input } }).to_string();
    let headers = [
        ("content-type", "application/json"),
        ("authorization", bearer.as_str()),
        ("traceparent", traceparent.as_str()),
    ];
    let (_, response) = gavel.post(body, &headers).await;
    response["data"]["placeBid"]["__typename"] == "BidAccepted"
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_links_the_spans_of_all_its_bids() {
    let collector = Collector::start().await;
    let gavel = Gavel::with(&["--otlp-endpoint", &collector.url]).await;
    let id = gavel.auction(json!({ "minimumIncrement": "1" })).await;
    let (server, lot) = (&gavel, &id);
    let page = format!("http://{}/metrics", gavel.ready.admin_address);
    let mut accepted = 0;
    // In whatever order they come, at some time two of them are accepted together.
    for round in 1..=20_u64 {
        let bids = (0..100_u64).map(|n| async move {
            traced_bid(server, lot, &format!("bidder-{n}"), 1_000 * round + n).await
        });
        accepted += join_all(bids).await.into_iter().filter(|accepted| *accepted).count();
        let scrape = Scrape::fetch(&page).await.unwrap();
        let of_groups = |end: &str| scrape.value(&format!("gavel_group_commit_bids_{end}"));
        if of_groups("sum") > of_groups("count") {
            break;
        }
    }
    gavel.stop().await.unwrap();

    let all = collector.spans();
    let transactions: Vec<&Span> = all.iter().filter(|s| s.name == "dynamodb.transact").collect();
    assert_eq!(transactions.len(), accepted);
    let lane_of = |span: &Span| all.iter().find(|s| s.span_id == span.parent_span_id).unwrap();
    let mut most = 0;
    for one in &transactions {
        let group: Vec<&&Span> = transactions
            .iter()
            .filter(|other| other.start_time_unix_nano == one.start_time_unix_nano)
            .collect();
        let mut linked: Vec<_> = one.links.iter().map(|l| (&l.trace_id, &l.span_id)).collect();
        let mut others: Vec<_> = group
            .iter()
            .filter(|other| other.span_id != one.span_id)
            .map(|other| (&other.trace_id, &other.span_id))
            .collect();
        linked.sort_unstable();
        others.sort_unstable();
        assert_eq!(linked, others);
        let size = lane_of(one).attributes.iter().find(|a| a.key == "group.bids").unwrap();
        let size = format!("{:?}", size.value);
        assert!(size.contains(&format!("\"{}\"", group.len())), "{size} of {}", group.len());
        most = most.max(group.len());
    }
    assert!(most > 1, "no two bids shared a transaction; nothing was shown");
}

/// Bids until every watcher is told one live, rather than from history; returns the last amount.
async fn all_told_live(gavel: &Gavel, id: &str, watchers: &mut [Socket]) -> u64 {
    for amount in (1_000..).step_by(100) {
        assert_eq!(gavel.bid("ann", id, amount).await["__typename"], "BidAccepted");
        let mut live = true;
        for socket in &mut *watchers {
            live &= socket.next("1").await["extensions"].is_null();
        }
        if live {
            return amount;
        }
    }
    unreachable!("amounts do not end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_has_a_span_of_its_own_only_on_demand() {
    for (flags, spans) in [(&[][..], 0), (&["--trace-watchers"][..], 3)] {
        let collector = Collector::start().await;
        let gavel =
            Gavel::with(&[&["--otlp-endpoint", collector.url.as_str()], flags].concat()).await;
        let id = gavel.auction(json!({})).await;
        let mut watchers: Vec<Socket> = Vec::new();
        for _ in 0..3 {
            let mut socket = gavel.socket(None).await;
            let watch = "subscription($id: ID!) { bidCreated(auctionId: $id, after: 0) { id } }";
            socket.subscribe("1", watch, json!({ "id": id })).await;
            watchers.push(socket);
        }
        let amount = all_told_live(&gavel, &id, &mut watchers).await + 100;
        assert!(traced_bid(&gavel, &id, "bob", amount).await);
        for socket in &mut watchers {
            socket.next("1").await;
        }
        gavel.stop().await.unwrap();

        let of_the_bid = |span: &Span| span.trace_id == trace_id(amount).to_be_bytes();
        let all: Vec<Span> = collector.spans().into_iter().filter(of_the_bid).collect();
        let deliver = span(&all, "fanout.deliver");
        let told: Vec<&Span> = all.iter().filter(|span| span.name == "watcher.tell").collect();
        let is_below = |span: &&&Span| span.parent_span_id == deliver.span_id;
        let below = told.iter().filter(is_below).count();
        assert_eq!((told.len(), below), (spans, spans), "{flags:?}");
    }
}
