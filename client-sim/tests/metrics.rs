//! What a service tells at /metrics is what client-sim saw of the same run.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use client_sim::load::plan::{Plan, Target, View};
use client_sim::load::scenario::{Name, Scenario};
use client_sim::measure::latency::Summary;
use client_sim::measure::path::HOPS;
use client_sim::measure::scrape::Scrape;
use client_sim::output::report::Report;
use client_sim::run::run;
use client_sim::service::last_mile::LastMile;
use client_sim::service::server::ReadyLine;
use client_sim::service::tokens::Tokens;

const SECRET: &str = "a secret of client-sim's own tests, long enough";

/// A service in a process of its own; it ends with its standard input.
struct Service {
    child: Child,
    ready: ReadyLine,
}

impl Service {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_client-sim"))
            .args(["serve", "--listen", "127.0.0.1:0", "--client-limits", "off"])
            .env("GAVEL_JWT_SECRET", SECRET)
            .env("RUST_LOG", "error")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a service starts");
        let stdout = child.stdout.take().expect("its standard output");
        let line = BufReader::new(stdout).lines().next().expect("a line").expect("of text");
        Self { child, ready: serde_json::from_str(&line).expect("it is JSON") }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Only this child.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Where the median of a histogram lies: the number of its bucket.
fn median(buckets: &[(f64, u64)]) -> usize {
    let (_, all) = buckets.last().expect("a histogram has buckets");
    buckets.iter().position(|(_, upto)| 2 * upto >= *all).expect("the last has them all")
}

fn bucket_of(buckets: &[(f64, u64)], us: u64) -> usize {
    let seconds = us as f64 / 1e6;
    buckets.iter().position(|(edge, _)| seconds <= *edge).expect("the last has no edge")
}

/// The samples of each hop exactly, and its median within a bucket, which is a quarter wide. The
/// client has a frame later than its socket on the service: `deliver` within 2.5 times.
fn hold(scrape: &Scrape, report: &Report) {
    let hops = report.latency_us.hops;
    let told: [(&str, Summary); 6] = [
        ("request", hops.request),
        ("lane", hops.lane),
        ("commit", report.latency_us.commit),
        ("store_and_stream", hops.store_and_stream),
        ("relay", hops.relay),
        ("deliver", hops.deliver),
    ];
    for (hop, summary) in told {
        let buckets = scrape.buckets("gavel_hop_seconds", "hop", hop);
        let n = buckets.last().map_or(0, |(_, all)| *all);
        assert_eq!(n, summary.n, "samples of {hop}");
        assert_eq!(scrape.counter("gavel_hop_seconds_count", "hop", hop), n);
        let p50 = summary.p50.unwrap_or_else(|| panic!("too few samples of {hop}: {summary:?}"));
        let (served, seen) = (median(&buckets), bucket_of(&buckets, p50));
        println!("{hop}: n {n}, p50 {p50} us in bucket {seen}, the service's in {served}");
        let most = if hop == "deliver" { 4 } else { 1 };
        assert!(served.abs_diff(seen) <= most, "{hop}: p50 {p50} us; {buckets:?}");
    }
    // Nothing was lost, so hardly a gap was read: a state that comes before its bid is none.
    let all = scrape.buckets("gavel_hop_seconds", "hop", "relay").last().map_or(0, |(_, n)| *n);
    let repairs = scrape.value("gavel_repairs_total").expect("it is there") as u64;
    assert!(2 * repairs < all, "{repairs} repairs of {all} bids");
    // The client's own hop is the only one that the service cannot see.
    let served: Vec<&str> = scrape.values("gavel_hop_seconds_count", "hop").collect();
    let unseen: Vec<&str> = HOPS.into_iter().filter(|hop| !served.contains(hop)).collect();
    assert_eq!(unseen, ["schedule"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_steady_run_the_hops_at_metrics_are_those_of_the_report() {
    let service = Service::start();
    let scenario = Scenario { duration: Duration::from_secs(6), ..Scenario::of(Name::Steady) };
    let plan = Plan {
        scenario,
        seed: 7,
        slos: Vec::new(),
        target: Target::Url {
            urls: vec![service.ready.url.clone()],
            tokens: Tokens::Secret(SECRET.to_owned()),
            relay: Some("stream".to_owned()),
        },
        last_mile: LastMile::None,
        view: View::Nothing,
        script: Vec::new(),
        command: "cargo test -p client-sim --test metrics".to_owned(),
    };
    let report = run(&plan).await.unwrap();
    let scrape = Scrape::fetch(&format!("{}/metrics", service.ready.url)).await.unwrap();
    assert_ne!(report.verdict.as_str(), "guarantee_broken", "{:?}", report.reasons);
    assert!(report.bids.accepted > 100, "{:?}", report.bids);
    assert_eq!(report.bids.unknown + report.bids.failed, 0, "{:?}", report.bids);
    hold(&scrape, &report);

    let outcome = |outcome| scrape.counter("gavel_bids_total", "outcome", outcome);
    assert_eq!(outcome("ACCEPTED"), report.bids.accepted);
    for (code, count) in &report.bids.rejected {
        assert_eq!(outcome(code), *count, "{code}");
    }
    let deliveries = |kind| scrape.counter("gavel_deliveries_total", "kind", kind);
    assert_eq!(deliveries("live"), report.deliveries.live);
    assert_eq!(deliveries("replay"), report.deliveries.replayed);
    let sources = ["stream", "lane", "table"];
    let published = sources.map(|of| scrape.counter("gavel_published_bids_total", "source", of));
    assert_eq!(published.iter().sum::<u64>(), report.bids.accepted);
    let groups = scrape.buckets("gavel_group_commit_bids", "le", "+Inf");
    let commits = scrape.counter("gavel_commits_total", "outcome", "committed");
    assert!(groups.last().is_some_and(|(_, with_bids)| *with_bids <= commits));
    assert!(scrape.counter("gavel_relay_polls_total", "result", "records") > 0);
    assert_eq!(scrape.counter("gavel_limit_refusals_total", "limit", "subscription_queue"), 0);
}
