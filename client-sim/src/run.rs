//! `run`: from a plan to a report.

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use crate::chaos;
use crate::clock;
use crate::compare;
use crate::environment::Environment;
use crate::last_mile::{LastMile, Road};
use crate::nodes::{Ended, Nodes};
use crate::plan::{Layout, Plan, Target, View};
use crate::probe::{self, Probe};
use crate::report::{Circumstances, Report};
use crate::scenario::{Name, Scenario};
use crate::series::Event;
use crate::stage::{Seen, Stage};
use crate::tokens::Tokens;
use crate::units::time;

/// Runs a scenario.
///
/// # Errors
/// When it cannot be set up or finished; what the run shows is in the report's verdict.
pub async fn run(plan: &Plan) -> anyhow::Result<Report> {
    let environment = Environment::begin();
    let (seen, mut circumstances) = match &plan.target {
        Target::Url { url, tokens, relay } => {
            let road = road(plan, url).await?;
            let edge = road.as_ref().map_or(url.as_str(), Road::url).to_owned();
            let edges = [edge];
            let stage = stage(plan, url, &edges, tokens, true);
            let seen = Box::pin(stage.play(CancellationToken::new())).await?;
            let relay = relay.clone().unwrap_or_else(|| "unknown".to_owned());
            (seen, Circumstances { relay, ..Circumstances::default() })
        }
        Target::Own { relay, flags, layouts } => {
            let mut seen = Seen::default();
            let mut all = Circumstances { relay: relay.clone(), ..Circumstances::default() };
            for layout in layouts {
                let (more, found) =
                    Box::pin(Own { plan, relay, flags, layout: *layout }.run()).await?;
                seen.extend(more);
                all.add(found);
            }
            (seen, all)
        }
    };
    circumstances.environment = environment.end();
    circumstances.environment.modelled = modelled(plan);
    Ok(Report::new(plan, &seen, circumstances))
}

/// What stood in for the real thing.
fn modelled(plan: &Plan) -> Vec<String> {
    let mut modelled = Vec::new();
    if let Target::Own { relay, flags, .. } = &plan.target {
        let has = |name: &str| flags.iter().any(|flag| flag.starts_with(name));
        if has("--embedded-behaviour") {
            modelled.push("the times of DynamoDB and of its stream");
        } else if !has("--dynamodb") {
            modelled.push("DynamoDB (the embedded store on this machine has times of its own)");
        }
        if relay == "lambda" {
            modelled.push("Lambda's trigger and handler");
        }
    }
    if plan.last_mile != LastMile::None {
        modelled.push("the last mile");
    }
    modelled.into_iter().map(str::to_owned).collect()
}

/// Runs a scenario so often, each time with the next seed; returns the run in the middle, with the
/// figures of all, and with the verdict of the worst.
///
/// # Errors
/// As [`run`].
pub async fn run_again(plan: &Plan, times: usize) -> anyhow::Result<Report> {
    let mut reports = Vec::with_capacity(times);
    for number in 0..times.max(1) {
        let seed = plan.seed.wrapping_add(number as u64);
        let report = Box::pin(run(&Plan { seed, ..plan.clone() })).await?;
        if times > 1 {
            let last = &report.latency_us.client_to_last_client;
            let p50 = last.p50.or(last.max).map_or_else(|| "-".to_owned(), time);
            let verdict = report.verdict.as_str();
            println!("run {} of {times}: seed {seed}, p50 {p50}, {verdict}", number + 1);
        }
        reports.push(report);
    }
    Ok(middle(reports))
}

fn middle(mut reports: Vec<Report>) -> Report {
    if reports.len() == 1 {
        return reports.swap_remove(0);
    }
    let repeats = reports.iter().map(compare::times).collect();
    let worst = reports.iter().max_by_key(|report| report.verdict.severity());
    let worst = worst.map(|report| (report.verdict, report.reasons.clone()));
    reports.sort_by_key(|report| report.latency_us.client_to_last_client.p50);
    let mut report = reports.swap_remove(reports.len() / 2);
    report.repeats = repeats;
    if let Some((verdict, reasons)) = worst {
        report.verdict = verdict;
        report.reasons = reasons;
    }
    report
}

fn stage<'a>(
    plan: &Plan,
    url: &'a str,
    edges: &'a [String],
    tokens: &'a Tokens,
    is_guest: bool,
) -> Stage<'a> {
    let view = plan.view;
    Stage { scenario: plan.scenario, seed: plan.seed, url, edges, tokens, is_guest, view }
}

async fn road(plan: &Plan, url: &str) -> anyhow::Result<Option<Road>> {
    match plan.last_mile {
        LastMile::None => Ok(None),
        mile => Ok(Some(Road::open(url, mile, plan.seed).await?)),
    }
}

/// A run against a service of its own.
struct Own<'a> {
    plan: &'a Plan,
    relay: &'a str,
    flags: &'a [String],
    layout: Layout,
}

impl Own<'_> {
    async fn run(&self) -> anyhow::Result<(Seen, Circumstances)> {
        let directory = tempfile::tempdir().context("a temporary directory")?;
        let started_us = clock::now_us();
        let Self { plan, relay, flags, layout } = self;
        let faults = match plan.scenario.name {
            Name::Chaos => Some(serde_json::to_string(&chaos::behaviour())?),
            _ => None,
        };
        let (faults, directory) = (faults.as_deref(), directory.path());
        let mut nodes = Nodes::start(plan, relay, flags, *layout, faults, directory).await?;
        let probe = self.probe(&nodes).await?;
        let played = self.play(&mut nodes).await;
        let memory_peak_kb = nodes.memory_peak_kb();
        let ended = nodes.stop().await;
        let (seen, mut events) = played?;
        let Ended { counts, unclean } = ended?;
        events.extend(self.scripted(started_us));
        let circumstances = Circumstances {
            relay: self.relay.to_owned(),
            layouts: vec![self.layout],
            probe,
            kills: events.iter().filter(|event| event.what == chaos::KILLED).count(),
            events,
            counts,
            memory_peak_kb,
            unclean,
            ..Circumstances::default()
        };
        Ok((seen, circumstances))
    }

    /// What the store's script did, about: it counts from the store's own start.
    fn scripted(&self, started_us: i64) -> Vec<Event> {
        let event = |at_ms: u64, what: &str| Event {
            at_us: started_us + i64::try_from(at_ms * 1_000).unwrap_or(i64::MAX),
            what: what.to_owned(),
        };
        self.plan.script.iter().map(|(at_ms, what)| event(*at_ms, what)).collect()
    }

    /// The idle store's own times; not where faults are the point.
    async fn probe(&self, nodes: &Nodes) -> anyhow::Result<Option<Probe>> {
        match nodes.endpoint() {
            Some(endpoint)
                if self.plan.scenario.name != Name::Chaos && self.plan.view == View::Live =>
            {
                Ok(Some(probe::measure(endpoint).await?))
            }
            _ => Ok(None),
        }
    }

    async fn play(&self, nodes: &mut Nodes) -> anyhow::Result<(Seen, Vec<Event>)> {
        let Scenario { kills, duration, .. } = self.plan.scenario;
        let (urls, tokens) = (nodes.urls(), Tokens::Secret(nodes.secret()));
        let over = CancellationToken::new();
        let mut roads = Vec::new();
        for url in &urls {
            roads.extend(road(self.plan, url).await?);
        }
        let edges: Vec<String> = roads.iter().map(|road| road.url().to_owned()).collect();
        let edges = if edges.is_empty() { &urls } else { &edges };
        let stage = stage(self.plan, &urls[0], edges, &tokens, false);
        if kills == 0 {
            // A service that has gone answers nothing: its cause beats what time-outs would say.
            return tokio::select! {
                played = Box::pin(stage.play(over.clone())) => Ok((played?, Vec::new())),
                gone = nodes.ended() => Err(gone),
            };
        }
        let killing = async {
            let seed = self.plan.seed;
            chaos::kill_again_and_again(nodes, kills, duration, seed, over.clone()).await
        };
        tokio::try_join!(Box::pin(stage.play(over.clone())), killing)
    }
}
