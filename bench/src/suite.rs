//! The suite: every subject in turns, again and again, and the ratios of the medians.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use clap::ValueEnum;
use dynamodb_emulator::{Behaviour, Delay};
use serde::Serialize;
use serde_json::json;

use crate::bids;
use crate::measure::{RATE, Raw, Sample, Subject, marginal_us, median};
use crate::memory::{self, Memory};
use crate::quiet;
use crate::spread;

/// Watchers of the loud auction beside a quiet one.
const LOUD_CROWD: usize = 500;
/// How loud it is, of what is possible.
const LOUD_SHARE: f64 = 0.3;

/// Events whose work is looked at, in a round.
const SPREAD_EVENTS: u64 = 40;

/// The median of a transaction on AWS (SOURCES.md#latency).
const TRANSACTION_MS: f64 = 25.0;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Depth {
    /// Rounds of everything but `send`.
    pub(crate) rounds: usize,
    /// Rounds of `send`, whose single samples differ most.
    pub(crate) send_rounds: usize,
    /// A window.
    pub(crate) window: Duration,
    /// Crowds.
    pub(crate) crowds: &'static [usize],
}

impl Depth {
    /// About six minutes.
    pub(crate) const QUICK: Self =
        Self { rounds: 3, send_rounds: 3, window: Duration::from_secs(2), crowds: &[500, 1_000] };
    /// What the ratios are stated from.
    pub(crate) const FULL: Self = Self {
        rounds: 5,
        send_rounds: 9,
        window: Duration::from_secs(4),
        crowds: &[500, 1_000, 5_000],
    };
}

/// What is told in the end.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Results {
    /// By name.
    pub(crate) ratios: BTreeMap<String, f64>,
    /// KiB per connection.
    pub(crate) memory_kb: Option<Memory>,
    /// The medians behind the ratios, with their units in their names.
    pub(crate) figures: BTreeMap<String, f64>,
    /// Every sample.
    pub(crate) raw: Raw,
}

/// What can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// CPU per delivery, one event a write, beside the floor and the peers.
    Send,
    /// CPU per delivery over AppSync's protocol, beside graphql-transport-ws.
    AppSync,
    /// The same where events come faster than they are written.
    Coalesced,
    /// Latency of a delivery beside the floor's.
    Deliver,
    /// One hot auction.
    Hot,
    /// A quiet auction beside a loud one.
    Quiet,
    /// How an event's work is spread over threads.
    Spread,
    /// CPU of single requests.
    Requests,
    /// CPU of a bid among more auctions and after more bids.
    Slopes,
    /// Resident memory.
    Memory,
}

/// Runs these parts.
///
/// # Errors
/// When a server does not start, a watcher is thrown out, or the events stop.
pub(crate) async fn run(parts: &[Part], depth: Depth, node: &Path) -> anyhow::Result<Results> {
    let mut results = Results::default();
    for part in parts {
        match part {
            Part::Send => send(depth, node, &mut results).await?,
            Part::AppSync => appsync(depth, &mut results).await?,
            Part::Coalesced => coalesced(depth, &mut results).await?,
            Part::Deliver => deliver(depth, &mut results).await?,
            Part::Hot => hot(depth, &mut results).await?,
            Part::Quiet => quiet(depth, &mut results).await?,
            Part::Spread => spread(depth, &mut results).await?,
            Part::Requests => bid_cpu(depth, &mut results).await?,
            Part::Slopes => slopes(depth, &mut results).await?,
            Part::Memory => {
                eprintln!("memory");
                results.memory_kb = Some(memory::memory().await?);
            }
        }
    }
    Ok(results)
}

/// CPU per delivery, one event a write.
async fn send(depth: Depth, node: &Path, results: &mut Results) -> anyhow::Result<()> {
    let mut subjects = [
        ("floor", Subject::floor(RATE).await?),
        ("gavel", Subject::gavel(RATE).await?),
        ("stock", Subject::stock(RATE).await?),
        ("node", Subject::node(node, RATE).await?),
    ];
    for round in 1..=depth.send_rounds {
        // Next to each other what is compared: other work on the machine comes and goes, and with one
        // watcher Gavel spends on the bids themselves as much as with a crowd.
        for crowd in depth.crowds {
            for (name, subject) in &mut subjects {
                // Peers are compared where they are still at ease.
                if matches!(*name, "stock" | "node") && *crowd > 500 {
                    continue;
                }
                let one = subject.sample(1, depth.window).await?;
                let sample = subject.sample(*crowd, depth.window).await?;
                let us = marginal_us(&one, &sample);
                eprintln!("round {round}: {name}, {crowd} watchers: {us:.2} us per delivery");
                results.keep(&format!("{name}_{crowd}"), us, &one, &sample);
            }
        }
    }
    let figure = |name: &str| results.median(name);
    let mut ratios = Vec::new();
    for crowd in depth.crowds {
        let ratio = figure(&format!("gavel_{crowd}")) / figure(&format!("floor_{crowd}"));
        ratios.push((format!("send_{crowd}"), ratio));
    }
    for peer in ["stock", "node"] {
        let ratio = figure(&format!("{peer}_500")) / figure("gavel_500");
        ratios.push((format!("{peer}_over_gavel"), ratio));
    }
    results.ratios.extend(ratios);
    results.note_medians(&["floor", "gavel", "stock", "node"]);
    Ok(())
}

/// CPU per delivery over AppSync's protocol, beside that over graphql-transport-ws.
async fn appsync(depth: Depth, results: &mut Results) -> anyhow::Result<()> {
    let mut subjects = [
        ("transport_ws", Subject::gavel(RATE).await?),
        ("appsync", Subject::gavel_for_appsync(RATE).await?),
    ];
    for round in 1..=depth.send_rounds {
        for (name, subject) in &mut subjects {
            let one = subject.sample(1, depth.window).await?;
            let sample = subject.sample(1_000, depth.window).await?;
            let us = marginal_us(&one, &sample);
            eprintln!("round {round}: {name}, 1000 watchers: {us:.2} us per delivery");
            results.keep(&format!("protocol_{name}"), us, &one, &sample);
        }
    }
    let ratio = results.median("protocol_appsync") / results.median("protocol_transport_ws");
    results.ratios.insert("appsync".to_owned(), ratio);
    results.note_medians(&["protocol"]);
    Ok(())
}

/// CPU per delivery where events come faster than they are written.
async fn coalesced(depth: Depth, results: &mut Results) -> anyhow::Result<()> {
    let mut floor = Subject::floor(RATE).await?;
    let mut gavel = Subject::gavel_by_store(1_000.0, 20).await?;
    for round in 1..=depth.rounds {
        for (name, subject) in [("floor", &mut floor), ("gavel", &mut gavel)] {
            let one = subject.sample(1, depth.window).await?;
            let sample = subject.sample(500, depth.window).await?;
            let us = marginal_us(&one, &sample);
            eprintln!("round {round}: {name}, coalesced, 500 watchers: {us:.2} us per delivery");
            results.keep(&format!("coalesced_{name}"), us, &one, &sample);
        }
    }
    let ratio = results.median("coalesced_gavel") / results.median("coalesced_floor");
    results.ratios.insert("coalesced".to_owned(), ratio);
    results.note_medians(&["coalesced"]);
    Ok(())
}

/// Published to received, 1,000 watchers at 5 bids/s through the whole path.
async fn deliver(depth: Depth, results: &mut Results) -> anyhow::Result<()> {
    let mut floor = Subject::floor(5.0).await?;
    let mut gavel = Subject::gavel(5.0).await?;
    for round in 1..=depth.rounds {
        for (name, subject) in [("floor", &mut floor), ("gavel", &mut gavel)] {
            let sample = subject.sample(1_000, depth.window).await?;
            let p99 = sample.p99_us.unwrap_or(0) as f64;
            eprintln!("round {round}: {name}, 1000 watchers, 5/s: p99 {:.1} ms", p99 / 1e3);
            results.keep(&format!("deliver_p99_us_{name}"), p99, &sample, &sample);
        }
    }
    let ratio = results.median("deliver_p99_us_gavel") / results.median("deliver_p99_us_floor");
    results.ratios.insert("deliver_p99_1000".to_owned(), ratio);
    results.note_medians(&["deliver"]);
    Ok(())
}

/// One hot auction at 200 bids/s on the published latencies of AWS.
async fn hot(depth: Depth, results: &mut Results) -> anyhow::Result<()> {
    let time = depth.window * 2;
    let (aws, mut even) = (Behaviour::aws_like(), Behaviour::aws_like());
    even.latency.transact = Delay { base_ms: TRANSACTION_MS, tail_median_ms: 0.0, tail_sigma: 0.0 };
    for round in 1..=depth.rounds {
        for (name, behaviour, group_max) in [
            ("one", &aws, 1),
            ("group", &aws, 40),
            // Its transactions without their tail, to tell the lane's part from the store's.
            ("group_without_tail", &even, 40),
        ] {
            let hot = bids::hot(behaviour, 200.0, group_max, time).await?;
            let rate = hot.decided_per_second;
            eprintln!("round {round}: hot auction, {name}: {rate:.0} decided/s, {hot:?}");
            results.push(&format!("hot_decided_per_second_{name}"), rate, json!(hot));
            let p99 = hot.p99_us.unwrap_or(0) as f64;
            results.push(&format!("hot_p99_us_{name}"), p99, json!(hot.p99_us));
        }
    }
    let decided = |name: &str| results.median(&format!("hot_decided_per_second_{name}"));
    let ratio = decided("group") / decided("one");
    results.ratios.insert("hot_auction".to_owned(), ratio);
    let p99_ms = results.median("hot_p99_us_group_without_tail") / 1e3;
    results.ratios.insert("hot_p99_transactions".to_owned(), p99_ms / TRANSACTION_MS);
    results.note_medians(&["hot"]);
    Ok(())
}

/// A quiet auction beside a loud one.
async fn quiet(depth: Depth, results: &mut Results) -> anyhow::Result<()> {
    for _ in 0..depth.rounds {
        let most = quiet::maximum(LOUD_CROWD, depth.window).await?;
        results.push("maximum_events_per_second_500", most, json!(most));
    }
    results.note_medians(&["maximum"]);
    let loud = LOUD_SHARE * results.median("maximum_events_per_second_500");
    eprintln!("a loud auction: {loud:.0} events/s to {LOUD_CROWD} watchers");
    for round in 1..=depth.rounds {
        let quiet = quiet::quiet(LOUD_CROWD, loud, depth.window * 2).await?;
        let ratio = quiet.beside_us as f64 / quiet.alone_us as f64;
        eprintln!("round {round}: quiet auction, p90 {ratio:.2} times, {quiet:?}");
        results.push("quiet_p90_ratio", ratio, json!(quiet));
    }
    let ratio = results.median("quiet_p90_ratio");
    results.ratios.insert("quiet_p90".to_owned(), ratio);
    Ok(())
}

/// The busiest thread's share of an event's work.
async fn spread(depth: Depth, results: &mut Results) -> anyhow::Result<()> {
    for round in 1..=depth.rounds {
        let share = median(spread::shares(SPREAD_EVENTS).await?);
        eprintln!("round {round}: the busiest thread's share of an event's CPU: {share:.2}");
        results.push("spread_busiest_share", share, json!(share));
    }
    let share = results.median("spread_busiest_share");
    results.ratios.insert("spread_busiest".to_owned(), share);
    Ok(())
}

/// CPU of one bid among more and more auctions, and after more and more bids.
async fn slopes(depth: Depth, results: &mut Results) -> anyhow::Result<()> {
    for round in 1..=depth.rounds {
        for count in [10, 100, 1_000] {
            let us = bids::bid_among_auctions(count, 200).await?;
            eprintln!("round {round}: a bid among {count} watched auctions: {us:.0} us of CPU");
            results.push(&format!("slope_bid_cpu_us_among_{count}_auctions"), us, json!(us));
            let (before, us) = (10 * count, bids::bid_after_bids(10 * count as u64, 200).await?);
            eprintln!("round {round}: a bid after {before} bids: {us:.0} us of CPU");
            results.push(&format!("slope_bid_cpu_us_after_{before}_bids"), us, json!(us));
        }
    }
    results.note_medians(&["slope"]);
    Ok(())
}

/// CPU of one bid, by parts.
async fn bid_cpu(depth: Depth, results: &mut Results) -> anyhow::Result<()> {
    for round in 1..=depth.rounds {
        let cpu = bids::bid_cpu(1_000).await?;
        eprintln!("round {round}: CPU of a request, {cpu:?}");
        for (name, us) in [
            ("query", cpu.query),
            ("refused_bid", cpu.refused),
            ("accepted_bid", cpu.accepted),
            ("store", cpu.store),
        ] {
            results.push(&format!("request_cpu_us_{name}"), us, json!(us));
        }
    }
    results.note_medians(&["request"]);
    Ok(())
}

impl Results {
    fn keep(&mut self, name: &str, value: f64, one: &Sample, crowd: &Sample) {
        self.push(name, value, json!({ "one": one, "crowd": crowd }));
    }

    fn push(&mut self, name: &str, value: f64, sample: serde_json::Value) {
        let kept = json!({ "value": value, "sample": sample });
        self.raw.entry(name.to_owned()).or_default().push(kept);
    }

    fn median(&self, name: &str) -> f64 {
        let values = self.raw.get(name).map_or(&[][..], Vec::as_slice);
        median(values.iter().filter_map(|kept| kept["value"].as_f64()))
    }

    /// The medians of everything whose name begins so.
    fn note_medians(&mut self, begins: &[&str]) {
        let names: Vec<String> = self.raw.keys().cloned().collect();
        for name in names.iter().filter(|name| begins.iter().any(|b| name.starts_with(b))) {
            self.figures.insert(name.clone(), self.median(name));
        }
    }

    /// As a person reads it.
    pub(crate) fn text(&self) -> String {
        let mut lines =
            vec!["medians (us of server CPU per delivery where no unit is named)".to_owned()];
        lines
            .extend(self.figures.iter().map(|(name, value)| format!("  {name:<34} {value:>10.2}")));
        if let Some(memory) = &self.memory_kb {
            lines.push("KiB each, in the process".to_owned());
            for (name, kb) in [
                ("idle connection", memory.idle),
                ("subscribed connection", memory.subscribed),
                ("topic and group", memory.topic),
                ("lane", memory.lane),
            ] {
                lines.push(format!("  {name:<34} {kb:>10.2}"));
            }
        }
        lines.push("ratios                                      bar".to_owned());
        for (name, value) in &self.ratios {
            let bar = BARS.iter().find(|(bar, ..)| bar == name);
            let told = bar.map_or_else(String::new, |(_, at_most, bound)| {
                let ok = if *at_most { value <= bound } else { value >= bound };
                let word = if *at_most { "at most" } else { "at least" };
                format!("{word} {bound}: {}", if ok { "held" } else { "MISSED" })
            });
            lines.push(format!("  {name:<34} {value:>7.2}   {told}"));
        }
        lines.join("\n") + "\n"
    }
}

/// The bars: a ratio, whether it is to be at most (else at least), and its bound.
const BARS: [(&str, bool, f64); 12] = [
    ("send_500", true, 1.15),
    ("send_1000", true, 1.15),
    ("send_5000", true, 1.25),
    ("appsync", true, 1.1),
    ("coalesced", true, 0.25),
    ("stock_over_gavel", false, 2.5),
    ("node_over_gavel", false, 4.0),
    ("deliver_p99_1000", true, 2.0),
    ("hot_auction", false, 5.0),
    ("hot_p99_transactions", true, 3.0),
    ("quiet_p90", true, 3.0),
    // On two cores.
    ("spread_busiest", true, 0.65),
];
