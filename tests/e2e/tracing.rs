//! One bid, one trace: from the bidder's click to each watcher.

use std::time::Duration;

use client_sim::last_mile::LastMile;
use client_sim::plan::{Plan, Target, View};
use client_sim::run::run;
use client_sim::scenario::{Name, Scenario};
use e2e::Gavel;
use e2e::collector::Collector;
use gavel_trace::{Sampler, Tracer};
use opentelemetry_proto::tonic::trace::v1::Span;

/// The span of a name; the first if there are several.
fn span<'a>(trace: &'a [Span], name: &str) -> &'a Span {
    trace.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name}"))
}

fn took_us(span: &Span) -> u64 {
    (span.end_time_unix_nano - span.start_time_unix_nano) / 1_000
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bid_to_two_watchers_is_one_trace_whose_hops_add_up() {
    let collector = Collector::start().await;
    client_sim::trace::start(Tracer::to(&collector.url, Sampler::ALL, "client-sim").unwrap());
    let gavel = Gavel::with(&["--otlp-endpoint", &collector.url]).await;
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
            url: gavel.base.clone(),
            secret: gavel.secret().to_owned(),
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
    gavel.stop().await.unwrap();
    tokio::task::spawn_blocking(client_sim::trace::flush).await.unwrap();

    // Other tests of this process may have exported from their clients.
    let all = collector.spans();
    let mutations: Vec<_> = all.iter().filter(|s| s.name == "mutation.place_bid").collect();
    assert_eq!(mutations.len(), 1);
    let trace_id = &mutations[0].trace_id;
    let trace: Vec<Span> = all.iter().filter(|s| s.trace_id == *trace_id).cloned().collect();
    let mut names: Vec<&str> = trace.iter().map(|span| span.name.as_str()).collect();
    names.sort_unstable();
    let expected = [
        "broker.publish",
        "client.place_bid",
        "client.receive",
        "client.receive",
        "dynamodb.transact",
        "fanout.deliver",
        "lane.commit",
        "mutation.place_bid",
        "relay.read",
    ];
    assert_eq!(names, expected);

    let way = [
        "client.place_bid",
        "mutation.place_bid",
        "lane.commit",
        "dynamodb.transact",
        "relay.read",
        "broker.publish",
        "fanout.deliver",
        "client.receive",
    ];
    assert!(span(&trace, way[0]).parent_span_id.is_empty());
    for pair in way.windows(2) {
        let parent = span(&trace, pair[0]);
        for child in trace.iter().filter(|span| span.name == pair[1]) {
            assert_eq!(child.parent_span_id, parent.span_id, "{} below {}", pair[1], pair[0]);
            assert!(child.start_time_unix_nano >= parent.start_time_unix_nano, "{}", pair[1]);
        }
    }

    let begins = |name: &str| span(&trace, name).start_time_unix_nano / 1_000;
    let request = begins("mutation.place_bid") - begins("client.place_bid");
    let lane = begins("dynamodb.transact") - begins("lane.commit");
    let read = took_us(span(&trace, "relay.read"));
    let publish = took_us(span(&trace, "broker.publish"));
    let receives = trace.iter().filter(|span| span.name == "client.receive");
    let last_receive = receives.map(took_us).max().unwrap();
    let sum = request + lane + read + publish + last_receive;
    // The clients' own clocks, read apart from the spans.
    let told = report.latency_us.client_to_last_client.max.unwrap();
    assert!(sum.abs_diff(told) * 20 <= told, "the hops add up to {sum} us, not {told} us");
}
