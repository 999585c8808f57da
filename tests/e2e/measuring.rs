//! A service with the limits of clients that it has by default is measured from one address, as
//! somebody does who has just deployed it.

use std::time::Duration;

use client_sim::lab::cases::Place;
use client_sim::lab::experiment::Depth;
use client_sim::lab::{self, Options};
use client_sim::load::fit::{Chosen, fit};
use client_sim::load::plan::{Plan, Target, View};
use client_sim::load::scenario::{Name, Scenario};
use client_sim::measure::idle_store;
use client_sim::output::report::Report;
use client_sim::run::run;
use client_sim::service::api::Api;
use client_sim::service::last_mile::LastMile;
use client_sim::service::tokens::Tokens;
use client_sim::{output::text, service::base_url};
use dynamodb_emulator::{Behaviour, Emulator, StreamOptions};
use e2e::Gavel;
use serde_json::json;

/// The limits that docs/LIMITS.md lists: none is raised.
const DEFAULTS: [&str; 2] = ["--client-limits", "on"];

async fn measure(gavel: &Gavel, scenario: Scenario, tokens: Tokens) -> anyhow::Result<Report> {
    let scenario = fit(scenario, &tokens, Chosen::default());
    // As the service prints it.
    let url = base_url::parse(&format!("{}/graphql", gavel.base)).unwrap();
    let plan = Plan {
        scenario,
        seed: 5,
        slos: Vec::new(),
        target: Target::Url { urls: vec![url], tokens, relay: None },
        last_mile: LastMile::None,
        view: View::Nothing,
        script: Vec::new(),
        command: "cargo test -p e2e measuring".to_owned(),
    };
    let report = run(&plan).await?;
    println!("{}", text::report(&report));
    Ok(report)
}

fn secret(gavel: &Gavel) -> Tokens {
    Tokens::Secret(gavel.secret().to_owned())
}

fn short(name: Name) -> Scenario {
    Scenario { duration: Duration::from_secs(3), ..Scenario::of(name) }
}

fn assert_complete(report: &Report) {
    assert_ne!(report.verdict.as_str(), "guarantee_broken", "{:?}", report.reasons);
    assert!(report.bids.accepted > 0, "{:?}", report.bids);
    assert_eq!(report.bids.failed + report.bids.unknown, 0, "{:?}", report.bids);
    assert!(report.limits_met.is_empty(), "{:?}", report.limits_met);
    assert!(report.deliveries.live > 0 && report.deliveries.missing == 0);
    // What a bidder waits, of every answered bid.
    let answered = report.bids.accepted + report.bids.rejected.values().sum::<u64>();
    assert_eq!(report.latency_us.answer.n, answered);
    assert!(report.latency_us.answer.max.unwrap() >= report.latency_us.commit.max.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn run_keeps_the_limits_of_a_default_service() {
    let gavel = Gavel::with(&DEFAULTS).await;
    let report = measure(&gavel, short(Name::Steady), secret(&gavel)).await.unwrap();
    assert_complete(&report);
    // Bids faster than one user may send them.
    let fast = Scenario { watchers: 40, rate: 60.0, ..short(Name::Fanout) };
    assert_complete(&measure(&gavel, fast, secret(&gavel)).await.unwrap());
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn fanout_opens_a_crowd_of_watchers_at_a_default_service() {
    let gavel = Gavel::with(&DEFAULTS).await;
    // More than a user's 20 sockets, and more than the 100 handshakes of a second.
    let crowd = Scenario { watchers: 400, ..short(Name::Fanout) };
    assert_complete(&measure(&gavel, crowd, secret(&gavel)).await.unwrap());
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lab_sends_its_traffic_to_a_default_service() {
    let gavel = Gavel::with(&DEFAULTS).await;
    let out = tempfile::tempdir().unwrap();
    let ask = Options {
        depth: Depth::Quick,
        only: vec!["war".to_owned(), "snipe".to_owned()],
        seed: 3,
        place: Place::Url { url: gavel.base.clone(), tokens: secret(&gavel) },
        out: Some(out.path().to_owned()),
        command: "cargo test -p e2e measuring".to_owned(),
        behaviour: None,
    };
    // A slow machine may miss a goal; it may not lose a bid.
    assert!([0, 97, 99].contains(&lab::run(ask).await.unwrap()));
    let json = std::fs::read_to_string(out.path().join("report.json")).unwrap();
    let findings: serde_json::Value = serde_json::from_str(&json).unwrap();
    let cases = findings["experiments"][0]["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 2, "{cases:?}");
    for case in cases {
        let report = &case["report"];
        assert_eq!(report["limits_met"], json!({}), "{}", case["name"]);
        assert_eq!(report["bids"]["failed"], 0, "{}", report["bids"]);
        assert!(report["deliveries"]["live"].as_u64().unwrap() > 0, "{}", report["deliveries"]);
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_an_identity_provider_are_enough() {
    let gavel = Gavel::with(&DEFAULTS).await;
    let of = |gavel: &Gavel, roles: [(&str, &str); 3]| {
        Tokens::Given(roles.map(|(user, role)| gavel.token(user, &[role])).to_vec())
    };
    let users = [("sue", "seller"), ("ann", "bidder"), ("bob", "bidder")];
    // One that lacks its role is found before the run, and not among bids that failed.
    let lacks = of(&gavel, [("sue", "seller"), ("ann", "bidder"), ("eve", "observer")]);
    let error = measure(&gavel, short(Name::Steady), lacks).await.unwrap_err().to_string();
    assert!(error.contains("eve") && error.contains("BIDDER"), "{error}");
    let given = of(&gavel, users);
    let report = measure(&gavel, short(Name::Steady), given).await.unwrap();
    assert_complete(&report);
    assert_eq!(report.bids.offered, 60, "as many as two bidders may send");
    gavel.stop().await.unwrap();

    // Nobody is anonymous: the tokens' users watch, too, as many as they may.
    let closed = Gavel::with(&["--client-limits", "on", "--anonymous", "off"]).await;
    let given = || of(&closed, users);
    let few = Scenario { watchers: 10, auctions: 2, ..short(Name::Steady) };
    assert_complete(&measure(&closed, few, given()).await.unwrap());
    let error = measure(&closed, short(Name::Steady), given()).await.unwrap_err().to_string();
    assert!(error.contains("--token-command") && error.contains("--watchers 48"), "{error}");
    assert!(Api::new(&closed.base).unwrap().admits_anonymous().await.is_ok_and(|admits| !admits));
    closed.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_is_met_is_named_with_the_flag_that_raises_it() {
    let gavel = Gavel::with(&["--client-limits", "on", "--sockets-per-user", "3"]).await;
    let error = measure(&gavel, short(Name::Steady), secret(&gavel)).await.unwrap_err();
    let error = format!("{error:#}");
    assert!(error.contains("1013") && error.contains("--sockets-per-user"), "{error}");
    gavel.stop().await.unwrap();

    let gavel = Gavel::with(&["--client-limits", "on", "--sockets-per-address", "30"]).await;
    let error =
        format!("{:#}", measure(&gavel, short(Name::Steady), secret(&gavel)).await.unwrap_err());
    assert!(error.contains("429") && error.contains("--sockets-per-address"), "{error}");
    gavel.stop().await.unwrap();

    // A rate is waited for, as the service says; what it costs stands in the report.
    let flags = ["--client-limits", "on", "--bids-per-user-per-second", "1"];
    let gavel = Gavel::with(&flags).await;
    let scenario = Scenario { bidders: 20, watchers: 20, ..short(Name::Steady) };
    let report = measure(&gavel, scenario, secret(&gavel)).await.unwrap();
    assert!(report.limits_met["bids_per_user"] > 0, "{:?}", report.limits_met);
    assert!(text::report(&report).contains("--bids-per-user-per-second"));
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_idle_store_is_measured_over_several_shards() {
    let streams = StreamOptions { shards: 4, ..StreamOptions::default() };
    let behaviour = Behaviour { streams, ..Behaviour::default() };
    let store = dynamodb_emulator::Options { behaviour, ..dynamodb_emulator::Options::default() };
    let emulator = Emulator::start(store).await.unwrap();
    let probe = idle_store::measure(&emulator.endpoint()).await.unwrap();
    assert!(probe.transact_us > 0 && probe.get_records_us > 0, "{probe:?}");
    emulator.shutdown().await;
}
