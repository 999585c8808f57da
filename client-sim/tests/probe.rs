//! The probe against stores whose times are known.

use std::time::Duration;

use client_sim::probe::{self, Plan, Store};
use dynamodb_emulator::{Behaviour, Delay, Emulator, Latency, Options};
use gavel_core::store::connect::Endpoint;

fn plan(store: Store, seconds: u64) -> Plan {
    let polls = vec![Duration::from_millis(5)];
    Plan { store, duration: Duration::from_secs(seconds), rate: 40.0, polls }
}

/// The configured propagation at its median and, by its tail's deviation, at 90 %.
fn configured_us(deviations: f64) -> f64 {
    let delay = Latency::aws().propagation.delay;
    (delay.base_ms + delay.tail_median_ms * (deviations * delay.tail_sigma).exp()) * 1e3
}

async fn brackets_hold(seed: u64) {
    let store = Store::Embedded(Box::new(Behaviour::aws_like()), Some(seed));
    let report = probe::run(&plan(store, 12)).await.expect("it measures");
    println!("{}", report.text());
    assert!(report.is_complete(), "{} records were not seen", report.not_seen);
    assert!(report.shards >= 4 && report.failed_writes.is_empty());
    let row = report.rows.iter().max_by_key(|row| row.visible_at_most.n).expect("rows");
    // A sample of some hundred differs a little from what it is drawn from.
    let sampling = 0.06;
    for (deviations, least, most) in [
        (0.0, row.visible_at_least.p50, row.visible_at_most.p50),
        (1.2816, row.visible_at_least.p90, row.visible_at_most.p90),
    ] {
        let bound = |us: Option<u64>| us.expect("enough records") as f64;
        let (least, most) = (bound(least), bound(most));
        let expected = configured_us(deviations);
        let holds = least <= expected * (1.0 + sampling) && expected * (1.0 - sampling) <= most;
        assert!(holds, "{expected} us is not within {least}..{most}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn brackets_hold_the_configured_propagation() {
    tokio::join!(brackets_hold(1), brackets_hold(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_a_run_and_what_a_killed_one_left_can_be_removed() {
    let emulator = Emulator::start(Options::default()).await.unwrap();
    let endpoint = Endpoint::Url(emulator.endpoint());
    let report = probe::run(&plan(Store::At(endpoint.clone()), 1)).await.unwrap();
    assert!(report.is_complete() && report.rows.len() == 4, "{}", report.text());
    assert_eq!(probe::clean_up(&endpoint).await.unwrap(), Vec::<String>::new());

    let killed = plan(Store::At(endpoint.clone()), 60);
    tokio::time::timeout(Duration::from_secs(1), probe::run(&killed)).await.unwrap_err();
    let removed = probe::clean_up(&endpoint).await.unwrap();
    assert_eq!(removed.len(), 1, "{removed:?}");
    assert_eq!(probe::clean_up(&endpoint).await.unwrap(), Vec::<String>::new());
    emulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_makes_no_sense_is_refused_before_anything_is_made() {
    let store = Store::Embedded(Box::default(), None);
    for wrong in [
        Plan { rate: 0.0, ..plan(store.clone(), 1) },
        Plan { rate: 1e9, ..plan(store.clone(), 1) },
        Plan { polls: Vec::new(), ..plan(store, 1) },
    ] {
        let error = probe::run(&wrong).await.unwrap_err().to_string();
        assert!(error.contains("--"), "{error}");
    }
}

/// AWS as it might be far away: what this machine adds to each call is little beside it, also in a
/// debug build on a busy machine.
fn far_away() -> Behaviour {
    let aws = Behaviour::aws_like();
    let mut latency = aws.latency;
    latency.transact = Delay::lognormal(250.0, 800.0);
    latency.write = Delay::lognormal(150.0, 320.0);
    latency.propagation.delay = Delay { base_ms: 500.0, tail_median_ms: 150.0, tail_sigma: 1.0 };
    Behaviour { latency, ..aws }
}

/// Measures a behaviour; returns the report and what was fitted to it.
async fn fitted(behaviour: Behaviour, seed: u64) -> (probe::report::Report, Behaviour) {
    let store = Store::Embedded(Box::new(behaviour), Some(seed));
    let polls = vec![Duration::from_millis(25)];
    let plan = Plan { store, duration: Duration::from_secs(20), rate: 60.0, polls };
    let report = probe::run(&plan).await.expect("it measures");
    println!("{}", report.text());
    let behaviour = report.behaviour().expect("enough records");
    (report, behaviour)
}

async fn comes_back(seed: u64) {
    let (first, own) = fitted(far_away(), seed).await;
    assert!(own.problem().is_none(), "{own:?}");
    let origin = own.origin.clone().expect("it says whose figures these are");
    assert!(origin.contains("embedded") && origin.contains("records"), "{origin}");
    // As the service and the lab read it.
    let json = serde_json::to_string(&own).expect("JSON");
    let read: Behaviour = serde_json::from_str(&json).expect("the same");
    let (second, _) = fitted(read, seed + 100).await;
    let (first, second) = (first.fits.expect("fits"), second.fits.expect("fits"));
    for (name, one, other) in [
        ("transactions", first.transact, second.transact),
        ("propagation", first.propagation, second.propagation),
    ] {
        let ((p50, p99), (p50_again, p99_again)) = (one.percentiles_ms(), other.percentiles_ms());
        let off = |one: f64, other: f64| (other / one - 1.0).abs();
        assert!(off(p50, p50_again) < 0.10, "{name}, p50: {p50} then {p50_again} ms");
        assert!(off(p99, p99_again) < 0.20, "{name}, p99: {p99} then {p99_again} ms");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_fitted_to_a_store_makes_the_emulator_measure_the_same() {
    comes_back(11).await;
}
