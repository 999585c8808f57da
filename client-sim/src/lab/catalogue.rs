//! The experiments. Every case uses the published latencies of AWS (SOURCES.md#latency, as in the
//! emulator's `aws` behaviour) unless it says otherwise.

use std::time::Duration;

use dynamodb_emulator::{Behaviour, Command, Order, Step};
use serde_json::json;

use super::experiment::{Case, Depth, Experiment};
use crate::load::scenario::{Arrivals, Name, Scenario};
use crate::service::last_mile::LastMile;

/// All experiments, in the order in which they run: long cases first.
pub const ALL: [Experiment; 13] = [
    Experiment {
        name: "modes",
        asks: "Is the 250 ms poll of a Lambda trigger a killer of the 300 ms goal?",
        cases: modes,
    },
    Experiment {
        name: "stall",
        asks: "What does a watcher see while the stream stands still?",
        cases: stall,
    },
    Experiment {
        name: "review",
        asks: "Which single cause reaches the review's six figures, 0.55 to 3.06 s?",
        cases: review,
    },
    Experiment {
        name: "roll",
        asks: "What does a shard that rolls or splits under load cost?",
        cases: roll,
    },
    Experiment {
        name: "last-mile",
        asks: "What is left of the 300 ms for the client's own connection?",
        cases: last_mile,
    },
    Experiment { name: "shards", asks: "Do shards add lag?", cases: shards },
    Experiment {
        name: "paces",
        asks: "What does polling the stream more often gain, and cost?",
        cases: paces,
    },
    Experiment { name: "windows", asks: "What does a batching window cost?", cases: windows },
    Experiment { name: "cold-starts", asks: "What do cold starts cost?", cases: cold_starts },
    Experiment {
        name: "slow-handler",
        asks: "What does a handler slower than the poll cost?",
        cases: slow_handler,
    },
    Experiment {
        name: "mid-batch",
        asks: "When a handler fails in mid-batch, what happens to records processed already?",
        cases: mid_batch,
    },
    Experiment { name: "order", asks: "How are bids kept in order?", cases: order },
    Experiment { name: "tuning", asks: "Change one setting: what is gained?", cases: tuning },
];

/// The traffic part alone, for an existing service.
pub const DEPLOYED: Experiment = Experiment {
    name: "deployed",
    asks: "Does the service at --url hold the 300 ms goal?",
    cases: |depth| {
        traffics(depth).map(|(_, scenario)| Case::new(scenario.name.as_str(), "", scenario)).into()
    },
};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A bid every 3 s on each of 24 auctions: the review's own test, with enough bids for percentiles.
fn trickle(depth: Depth) -> Scenario {
    Scenario {
        auctions: 24,
        bidders: 48,
        watchers: 120,
        rate: 8.0,
        duration: depth.pick(seconds(27), seconds(130)),
        arrivals: Arrivals::Spread,
        ..Scenario::of(Name::Trickle)
    }
}

fn steady(rate: f64, duration: Duration) -> Scenario {
    Scenario { rate, duration, ..Scenario::of(Name::Steady) }
}

/// Enough bids for a p95, but not for a p99.
fn short(depth: Depth) -> Scenario {
    steady(20.0, depth.pick(seconds(11), seconds(60)))
}

fn traffics(depth: Depth) -> [(&'static str, Scenario); 4] {
    let war = Scenario {
        rate: 60.0,
        duration: depth.pick(seconds(10), seconds(20)),
        ..Scenario::of(Name::War)
    };
    [
        ("trickle", trickle(depth)),
        ("steady", steady(40.0, depth.pick(seconds(30), seconds(60)))),
        ("war", war),
        ("snipe", Scenario::of(Name::Snipe)),
    ]
}

fn modes(depth: Depth) -> Vec<Case> {
    let all = traffics(depth);
    let traffics = depth.pick(&all[..2], &all[..]);
    let tuned = json!({
        "batch_size": 1000, "parallelization_factor": 10, "cold_start_ms": 20.0,
        "report_batch_item_failures": true,
    });
    let mut cases = Vec::new();
    for (name, scenario) in traffics {
        let named = |mode: &str| format!("{mode}, {name}");
        cases.push(Case::lambda(named("lambda"), *scenario, json!({})));
        cases.push(Case::lambda(named("lambda tuned"), *scenario, tuned.clone()));
        cases.push(Case::new(named("stream"), "stream", *scenario));
        cases.push(Case::new(named("hybrid"), "hybrid", *scenario));
    }
    cases
}

fn once(at_ms: u64, command: Command) -> Step {
    Step { at_ms, every_ms: None, command }
}

fn stall(depth: Depth) -> Vec<Case> {
    let for_ms = depth.pick(10_000, 30_000);
    let duration = Duration::from_millis(for_ms) + seconds(8);
    let behaviour = Behaviour {
        script: vec![once(5_000, Command::Stall { for_ms, shard: None, table: None })],
        ..Behaviour::aws_like()
    };
    let case = |relay| Case {
        behaviour: behaviour.clone(),
        ..Case::new(format!("{relay}, {} s", for_ms / 1_000), relay, steady(10.0, duration))
    };
    vec![case("stream"), case("hybrid"), case("lambda")]
}

/// Six bids, as in the review, spread over as many auctions.
fn review(depth: Depth) -> Vec<Case> {
    let scenario = Scenario {
        auctions: 6,
        bidders: 6,
        watchers: 6,
        rate: depth.pick(1.0 / 1.5, 1.0 / 3.0),
        duration: depth.pick(seconds(9), seconds(18)),
        arrivals: Arrivals::Even,
        ..Scenario::of(Name::Trickle)
    };
    // The auctions were created long before: only their bids invoke the handler.
    let case = |name: &str, mut settings: serde_json::Value| {
        settings["bids_only"] = json!(true);
        Case::lambda(name, scenario, settings)
    };
    let warm = |mut settings: serde_json::Value| {
        settings["cold_start_ms"] = json!(0.0);
        settings
    };
    vec![
        case("warm, nothing wrong", warm(json!({}))),
        case("cold start of 250 ms (Node)", json!({})),
        case("cold start of 2.4 s (a large bundle)", json!({ "cold_start_ms": 2_400.0 })),
        case("batching window of 1 s", warm(json!({ "batching_window_ms": 1_000 }))),
        case("batching window of 3 s", warm(json!({ "batching_window_ms": 3_000 }))),
        case("handler of 1 s", warm(json!({ "invoke_ms": 1_000.0 }))),
    ]
}

fn roll(depth: Depth) -> Vec<Case> {
    let again = |at_ms, every_ms, command| Step { at_ms, every_ms: Some(every_ms), command };
    let script = vec![
        again(4_000, 8_000, Command::Roll { shard: None, table: None }),
        again(7_000, 8_000, Command::Split { shard: None, table: None }),
    ];
    let behaviour = Behaviour { script, ..Behaviour::aws_like() };
    let scenario = steady(20.0, depth.pick(seconds(14), seconds(60)));
    let case = |relay| Case { behaviour: behaviour.clone(), ..Case::new(relay, relay, scenario) };
    vec![case("stream"), case("hybrid"), case("lambda")]
}

fn last_mile(depth: Depth) -> Vec<Case> {
    let case = |relay, last_mile, name: &str| Case {
        last_mile,
        ..Case::new(format!("{relay}, {name}"), relay, short(depth))
    };
    vec![
        case("hybrid", LastMile::None, "none"),
        case("hybrid", LastMile::Broadband, "broadband"),
        case("hybrid", LastMile::Mobile, "mobile"),
        case("hybrid", LastMile::Far, "far"),
        case("stream", LastMile::Broadband, "broadband"),
        case("stream", LastMile::Mobile, "mobile"),
    ]
}

fn shards(depth: Depth) -> Vec<Case> {
    let mut cases = Vec::new();
    for relay in ["lambda", "stream"] {
        for shards in [1, 4, 16] {
            let mut case = Case::new(format!("{relay}, {shards}"), relay, short(depth));
            case.behaviour.streams.shards = shards;
            cases.push(case);
        }
    }
    cases
}

fn paces(depth: Depth) -> Vec<Case> {
    let case = |busy_ms: u64| {
        let watched_ms = busy_ms.max(50);
        let flags = [("busy", busy_ms), ("watched", watched_ms)];
        let flags = flags.map(|(pace, ms)| format!("--poll-{pace}-ms={ms}"));
        Case { flags: flags.into(), ..Case::new(format!("{busy_ms} ms"), "stream", short(depth)) }
    };
    [5, 50, 100, 250].map(case).into()
}

fn windows(depth: Depth) -> Vec<Case> {
    let case = |ms: u64| {
        Case::lambda(format!("{ms} ms"), short(depth), json!({ "batching_window_ms": ms }))
    };
    [0, 1_000].map(case).into()
}

fn cold_starts(depth: Depth) -> Vec<Case> {
    let case = |name: &str, ms: f64, rate: f64| {
        let settings = json!({ "cold_start_ms": ms, "cold_start_rate": rate });
        Case::lambda(name, short(depth), settings)
    };
    vec![
        case("always warm", 0.0, 0.0),
        case("Rust: 20 ms, 1 %", 20.0, 0.01),
        case("Node: 250 ms, 1 %", 250.0, 0.01),
    ]
}

fn slow_handler(depth: Depth) -> Vec<Case> {
    let case = |ms: f64| Case::lambda(format!("{ms} ms"), short(depth), json!({ "invoke_ms": ms }));
    [0.0, 100.0, 400.0].map(case).into()
}

/// How often the handler fails once, each time at another record, the 7th of a batch.
pub const FAILURES: u64 = 3;
/// The position in its batch at which it fails.
pub const FAILS_AT: u64 = 7;

fn mid_batch(depth: Depth) -> Vec<Case> {
    let scenario = Scenario {
        watchers: 20,
        rate: 60.0,
        duration: depth.pick(seconds(8), seconds(20)),
        ..Scenario::of(Name::Steady)
    };
    let once = vec![json!({ "record": FAILS_AT, "times": 1 }); FAILURES as usize];
    let poison = json!([{ "record": FAILS_AT }]);
    let case = |name: &str, settings: serde_json::Value| {
        // A window so long that every batch is full: the number of records lost is then exact.
        let mut all = json!({
            "batch_size": 10, "batching_window_ms": 2_000, "invoke_ms": 10.0, "record_ms": 1.0,
        });
        if let (Some(all), Some(settings)) = (all.as_object_mut(), settings.as_object()) {
            all.extend(settings.clone());
        }
        let mut case = Case::lambda(name, scenario, all);
        // One shard, processed serially: the counts are exact.
        case.behaviour.streams.shards = 1;
        case
    };
    vec![
        case("plain retry", json!({ "failures": once })),
        case("bisect", json!({ "failures": once, "bisect_batch_on_function_error": true })),
        case("partial failures", json!({ "failures": once, "report_batch_item_failures": true })),
        case("poison, 2 retries", json!({ "failures": poison, "maximum_retry_attempts": 2 })),
        case(
            "poison, 2 retries, bisect",
            json!({
                "failures": poison, "maximum_retry_attempts": 2,
                "bisect_batch_on_function_error": true,
            }),
        ),
        case("poison, Lambda's defaults", json!({ "failures": poison })),
    ]
}

fn order(depth: Depth) -> Vec<Case> {
    let scenario = Scenario {
        rate: 60.0,
        duration: depth.pick(seconds(10), seconds(30)),
        ..Scenario::of(Name::War)
    };
    let mut any = Case::new("records of a transaction in any order", "stream", scenario);
    any.behaviour.latency.propagation.order = Order::Item;
    any.behaviour.latency.propagation.spread_ms = 60.0;
    vec![Case::new("records of an auction in order", "stream", scenario), any]
}

/// Bids a second on the one auction of `tuning`.
pub const TUNING_RATE: f64 = 200.0;

fn tuning(depth: Depth) -> Vec<Case> {
    let scenario = Scenario {
        auctions: 1,
        rate: TUNING_RATE,
        duration: depth.pick(seconds(9), seconds(20)),
        ..Scenario::of(Name::War)
    };
    let case = |name: &str, flag: Option<&str>| Case {
        flags: flag.map(str::to_owned).into_iter().collect(),
        ..Case::new(name, "hybrid", scenario)
    };
    vec![case("one bid a transaction", Some("--group-commit-max=1")), case("group commit", None)]
}
