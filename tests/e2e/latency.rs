//! The promise of the product: client to client, once, in order, every hop timed.

use std::time::Duration;

use client_sim::load::plan::{Plan, Target, View};
use client_sim::load::scenario::{Name, Scenario};
use client_sim::measure::delivery::Source;
use client_sim::output::report::Report;
use client_sim::output::text;
use client_sim::run::run;
use client_sim::service::last_mile::LastMile;
use client_sim::service::tokens::Tokens;
use e2e::Gavel;

async fn measure(scenario: Scenario, relay: &str) -> Report {
    measure_with(scenario, relay, &["--relay", relay]).await
}

async fn measure_with(scenario: Scenario, relay: &str, flags: &[&str]) -> Report {
    let gavel = Gavel::with(flags).await;
    let plan = Plan {
        scenario,
        seed: 11,
        slos: vec!["client_to_last_client.p50<300ms".parse().unwrap()],
        target: Target::Url {
            urls: vec![gavel.base.clone()],
            tokens: Tokens::Secret(gavel.secret().to_owned()),
            relay: Some(relay.to_owned()),
        },
        last_mile: LastMile::None,
        view: View::Live,
        script: Vec::new(),
        command: "cargo test -p e2e latency".to_owned(),
    };
    let report = run(&plan).await.unwrap();
    println!("{}", text::report(&report));
    gavel.stop().await.unwrap();
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bid_reaches_every_client_once_in_order_and_every_hop_is_stamped() {
    let scenario =
        Scenario { rate: 10.0, duration: Duration::from_secs(4), ..Scenario::of(Name::Trickle) };
    let report = measure(scenario, "stream").await;
    // Also broken if the hops of any delivery do not add up to client-to-client.
    assert_ne!(report.verdict.as_str(), "guarantee_broken", "{:?}", report.reasons);
    // A slow store lets a bidder bid on a price that is no longer the last.
    let (accepted, rejected) = (report.bids.accepted, report.bids.rejected.values().sum::<u64>());
    assert_eq!(accepted + rejected, 40);
    assert!(accepted >= 20, "{:?}", report.bids);
    assert_eq!(report.deliveries.expected, 5 * accepted);
    assert_eq!(report.deliveries.live, 5 * accepted);
    let latency = report.latency_us;
    assert!(latency.client_to_last_client.p50.unwrap() < 300_000);
    let hops = latency.hops;
    assert_eq!(hops.schedule.n, 40);
    for hop in [hops.request, hops.lane, hops.store_and_stream, hops.relay] {
        assert_eq!(hop.n, accepted);
    }
    assert_eq!(hops.deliver.n, 5 * accepted);
    assert_eq!(latency.commit.n, accepted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bidding_war_loses_repeats_and_disorders_nothing() {
    let scenario =
        Scenario { rate: 60.0, duration: Duration::from_secs(3), ..Scenario::of(Name::War) };
    let report = measure(scenario, "stream").await;
    assert_ne!(report.verdict.as_str(), "guarantee_broken", "{:?}", report.reasons);
    assert_eq!(report.bids.offered, 180);
    let decided: u64 = report.bids.accepted + report.bids.rejected.values().sum::<u64>();
    assert_eq!(decided, 180, "{:?}", report.bids);
}

#[tokio::test(flavor = "multi_thread")]
async fn hybrid_publishes_at_the_acknowledgement_with_the_same_guarantees() {
    let scenario =
        Scenario { rate: 60.0, duration: Duration::from_secs(3), ..Scenario::of(Name::War) };
    let report = measure(scenario, "hybrid").await;
    assert_ne!(report.verdict.as_str(), "guarantee_broken", "{:?}", report.reasons);
    let from_lane = report.sources.get(&Source::Lane).copied().unwrap_or(0);
    assert!(from_lane * 2 > report.deliveries.live, "{:?}", report.sources);
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_lambda_that_fails_in_mid_batch_watchers_see_each_bid_once() {
    let scenario =
        Scenario { rate: 60.0, duration: Duration::from_secs(3), ..Scenario::of(Name::War) };
    let settings = concat!(env!("CARGO_MANIFEST_DIR"), "/e2e/lambda.json");
    let flags = ["--relay", "lambda", "--lambda-settings", settings];
    let report = measure_with(scenario, "lambda", &flags).await;
    assert_ne!(report.verdict.as_str(), "guarantee_broken", "{:?}", report.reasons);
    let from_stream = report.sources.get(&Source::Stream).copied().unwrap_or(0);
    assert!(from_stream * 2 > report.deliveries.live, "{:?}", report.sources);
}
