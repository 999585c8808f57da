//! `run`: from a plan to a report.

use std::sync::Arc;

use anyhow::Context as _;

use crate::clock;
use crate::load::chaos;
use crate::load::course::Course;
use crate::load::plan::{Plan, Target, View};
use crate::load::rolling;
use crate::load::scenario::Scenario;
use crate::load::session::Session;
use crate::measure::environment::Environment;
use crate::measure::idle_store::{self, Probe};
use crate::measure::live::Live;
use crate::measure::seen::Seen;
use crate::measure::series::Event;
use crate::output::compare;
use crate::output::progress;
use crate::output::report::{Report, RunContext};
use crate::service::last_mile::{LastMile, Proxy};
use crate::service::nodes::Layout;
use crate::service::nodes::{Ended, Nodes, Start};
use crate::service::tokens::Tokens;
use crate::units::time;

/// Runs a scenario.
///
/// # Errors
/// When it cannot be set up or finished; what the run shows is in the report's verdict.
pub async fn run(plan: &Plan) -> anyhow::Result<Report> {
    let environment = Environment::begin();
    let (seen, mut context) = match &plan.target {
        Target::Url { urls, tokens, relay } => {
            let proxies = proxies(plan, urls).await?;
            let edges = edges(urls, &proxies);
            let course = Course::default();
            let seen = Box::pin(run_session(plan, &urls[0], &edges, tokens, true, course)).await?;
            let relay = relay.clone().unwrap_or_else(|| "unknown".to_owned());
            (seen, RunContext { relay, ..RunContext::default() })
        }
        Target::Own { relay, flags, layouts } => {
            let mut seen = Seen::default();
            let mut all = RunContext { relay: relay.clone(), ..RunContext::default() };
            for layout in layouts {
                let (more, found) =
                    Box::pin(Own { plan, relay, flags, layout: *layout }.run()).await?;
                seen.extend(more);
                all.add(found);
            }
            (seen, all)
        }
    };
    context.environment = environment.end();
    context.environment.modelled = modelled(plan);
    Ok(Report::new(plan, &seen, context))
}

/// What was modelled instead of real.
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

/// Runs a scenario `times` times, each time with the next seed; returns the median run, with the
/// figures of all and the worst verdict.
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

/// Runs the plan's scenario against a service, and displays it meanwhile.
async fn run_session(
    plan: &Plan,
    url: &str,
    edges: &[String],
    tokens: &Tokens,
    is_guest: bool,
    course: Course,
) -> anyhow::Result<Seen> {
    let live = Arc::<Live>::default();
    let session = Session {
        scenario: plan.scenario,
        seed: plan.seed,
        url,
        edges,
        tokens,
        is_guest,
        live: Arc::clone(&live),
        course: course.clone(),
    };
    let showing = async {
        if plan.view == View::Live {
            course.begun.cancelled().await;
            progress::show(&live, plan.scenario.duration, &course.settled).await;
        }
        std::future::pending().await
    };
    tokio::select! {
        seen = session.run() => seen,
        seen = showing => seen,
    }
}

/// The simulated connections to these servers, if there are any.
async fn proxies(plan: &Plan, urls: &[String]) -> anyhow::Result<Vec<Proxy>> {
    let mut proxies = Vec::new();
    if plan.last_mile != LastMile::None {
        for url in urls {
            proxies.push(Proxy::open(url, plan.last_mile, plan.seed).await?);
        }
    }
    Ok(proxies)
}

/// Where clients connect to.
fn edges(urls: &[String], proxies: &[Proxy]) -> Vec<String> {
    if proxies.is_empty() {
        return urls.to_vec();
    }
    proxies.iter().map(|proxy| proxy.url().to_owned()).collect()
}

/// A run against a service that it starts.
struct Own<'a> {
    plan: &'a Plan,
    relay: &'a str,
    flags: &'a [String],
    layout: Layout,
}

impl Own<'_> {
    async fn run(&self) -> anyhow::Result<(Seen, RunContext)> {
        let directory = tempfile::tempdir().context("a temporary directory")?;
        let started_us = clock::now_us();
        let Self { plan, relay, flags, layout } = self;
        let faults = plan.scenario.faults.then(chaos::behaviour);
        let faults = faults.as_ref().map(serde_json::to_string).transpose()?;
        let (faults, directory) = (faults.as_deref(), directory.path());
        let start = Start {
            servers: plan.scenario.nodes,
            bus: plan.scenario.bus,
            relay,
            flags,
            layout: *layout,
            faults,
            seed: plan.seed,
            directory,
        };
        let mut nodes = Nodes::start(start).await?;
        let probe = self.probe(&nodes).await?;
        let played = self.run_on(&mut nodes).await;
        let memory_peak_kb = nodes.memory_peak_kb();
        let ended = nodes.stop().await;
        let (seen, mut events) = played?;
        let Ended { counts, unclean } = ended?;
        events.extend(self.scripted(started_us));
        let context = RunContext {
            relay: self.relay.to_owned(),
            layouts: vec![self.layout],
            probe,
            kills: events.iter().filter(|event| event.what == chaos::KILLED).count(),
            events,
            counts,
            memory_peak_kb,
            unclean,
            ..RunContext::default()
        };
        Ok((seen, context))
    }

    /// The steps that the store's script took, approximately: it counts from the store's own start.
    fn scripted(&self, started_us: i64) -> Vec<Event> {
        let event = |at_ms: u64, what: &str| Event {
            at_us: started_us + i64::try_from(at_ms * 1_000).unwrap_or(i64::MAX),
            what: what.to_owned(),
        };
        self.plan.script.iter().map(|(at_ms, what)| event(*at_ms, what)).collect()
    }

    /// The times of the idle store; not measured if faults are the point.
    async fn probe(&self, nodes: &Nodes) -> anyhow::Result<Option<Probe>> {
        match nodes.endpoint() {
            Some(endpoint) if !self.plan.scenario.faults && self.plan.view == View::Live => {
                Ok(Some(idle_store::measure(endpoint).await?))
            }
            _ => Ok(None),
        }
    }

    async fn run_on(&self, nodes: &mut Nodes) -> anyhow::Result<(Seen, Vec<Event>)> {
        let Scenario { kills, restarts, duration, .. } = self.plan.scenario;
        let (urls, tokens) = (nodes.urls(), Tokens::Secret(nodes.secret()));
        let course = Course::default();
        let proxies = proxies(self.plan, &urls).await?;
        let edges = edges(&urls, &proxies);
        let playing =
            Box::pin(run_session(self.plan, &urls[0], &edges, &tokens, false, course.clone()));
        if kills == 0 && !restarts {
            // A service that is gone answers nothing: its exit explains more than the time-outs
            // would.
            return tokio::select! {
                played = playing => Ok((played?, Vec::new())),
                gone = nodes.ended() => Err(gone),
            };
        }
        let killing = async {
            let seed = self.plan.seed;
            if restarts {
                return rolling::restart_in_turn(nodes, duration, course.over.clone()).await;
            }
            chaos::kill_again_and_again(nodes, kills, duration, seed, course.over.clone()).await
        };
        tokio::try_join!(playing, killing)
    }
}
