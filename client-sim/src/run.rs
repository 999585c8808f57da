//! `run`: from a plan to a report.

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use crate::chaos;
use crate::clock;
use crate::compare;
use crate::environment::Environment;
use crate::last_mile::{LastMile, Road};
use crate::plan::{Layout, Plan, Target, View};
use crate::probe::{self, Probe};
use crate::report::{Circumstances, Report};
use crate::scenario::{Name, Scenario};
use crate::series::Event;
use crate::server::{Server, Store};
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
            let edge = road.as_ref().map_or(url.as_str(), Road::url);
            let stage = stage(plan, url, edge, tokens, true);
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
    edge: &'a str,
    tokens: &'a Tokens,
    is_guest: bool,
) -> Stage<'a> {
    let view = plan.view;
    Stage { scenario: plan.scenario, seed: plan.seed, url, edge, tokens, is_guest, view }
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
        let scenario = &self.plan.scenario;
        let directory = tempfile::tempdir().context("a temporary directory")?;
        let path = |name: &str| directory.path().join(name).display().to_string();
        let behaviour = match scenario.name {
            Name::Chaos => serde_json::to_string(&chaos::behaviour())?,
            _ => "{}".to_owned(),
        };
        let mut flags = vec!["--relay".to_owned(), self.relay.to_owned()];
        let mut add = |flag: &str, value: String| flags.extend([flag.to_owned(), value]);
        let store = match self.layout {
            Layout::Apart => {
                let store = Store::start(self.plan.seed, &behaviour).await?;
                add("--dynamodb", store.endpoint().to_owned());
                Some(store)
            }
            Layout::Inside if scenario.name == Name::Chaos => {
                std::fs::write(path("behaviour.json"), &behaviour)?;
                add("--embedded-behaviour", path("behaviour.json"));
                add("--embedded-seed", self.plan.seed.to_string());
                add("--data-dir", path("data"));
                None
            }
            Layout::Inside => None,
        };
        flags.extend_from_slice(self.flags);
        let started_us = clock::now_us();
        let mut server = Server::start(&flags, scenario.name == Name::Chaos).await?;
        let probe = self.probe(&server, store.as_ref()).await?;
        let played = self.play(&mut server).await;
        let memory_peak_kb = server.memory_peak_kb();
        let stopped = server.stop().await;
        let (seen, mut events) = played?;
        events.extend(self.scripted(started_us));
        if let Some(store) = store {
            store.stop().await?;
        }
        let (counts, unclean) = match stopped {
            Ok(counts) => (Some(counts), None),
            Err(error) => (None, Some(format!("{error:#}"))),
        };
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
    async fn probe(&self, server: &Server, store: Option<&Store>) -> anyhow::Result<Option<Probe>> {
        let endpoint = server.embedded_endpoint().or(store.map(Store::endpoint));
        match endpoint {
            Some(endpoint)
                if self.plan.scenario.name != Name::Chaos && self.plan.view == View::Live =>
            {
                Ok(Some(probe::measure(endpoint).await?))
            }
            _ => Ok(None),
        }
    }

    async fn play(&self, server: &mut Server) -> anyhow::Result<(Seen, Vec<Event>)> {
        let Scenario { kills, duration, .. } = self.plan.scenario;
        let (url, tokens) = (server.url().to_owned(), Tokens::Secret(server.secret.clone()));
        let over = CancellationToken::new();
        let road = road(self.plan, &url).await?;
        let edge = road.as_ref().map_or(url.as_str(), Road::url);
        let stage = stage(self.plan, &url, edge, &tokens, false);
        if kills == 0 {
            // A service that has gone answers nothing: its cause beats what time-outs would say.
            return tokio::select! {
                played = Box::pin(stage.play(over.clone())) => Ok((played?, Vec::new())),
                gone = server.ended() => Err(gone),
            };
        }
        let killing = async {
            let seed = self.plan.seed;
            chaos::kill_again_and_again(server, kills, duration, seed, over.clone()).await
        };
        tokio::try_join!(Box::pin(stage.play(over.clone())), killing)
    }
}
