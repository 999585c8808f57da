//! Runs the cases of experiments, several at a time: their time is spent waiting for a store that is
//! modelled to be far away. A case whose generator could not keep its schedule says so by itself.

use anyhow::Context as _;
use dynamodb_emulator::Latency;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::experiment::{Case, CaseResult, Depth, Experiment, ExperimentResult};
use crate::load::fit::{self, Chosen};
use crate::load::plan::{Plan, Target, View};
use crate::output::report::{Report, Verdict};
use crate::run;
use crate::service::nodes::Layout;
use crate::service::tokens::Tokens;
use crate::units::time;

/// Cases at a time.
const AT_ONCE: usize = 5;
/// How often a case is run again whose generator could not keep its schedule.
const AGAIN_MAX: usize = 2;

/// Where cases are run.
#[derive(Debug, Clone)]
pub enum Place {
    /// Each on a service of its own.
    Own,
    /// All on one that is there, one after the other.
    Url {
        /// Its base URL.
        url: String,
        /// Where its tokens come from.
        tokens: Tokens,
    },
}

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Lab {
    /// How long cases are.
    pub depth: Depth,
    /// What everything random is drawn with.
    pub seed: u64,
    /// Where.
    pub place: Place,
    /// On a service that is there: the cases, if not all.
    pub only: Vec<String>,
    /// Latencies instead of those published of AWS.
    pub latency: Option<Latency>,
}

impl Lab {
    /// Runs every case of these experiments.
    ///
    /// # Errors
    /// When a case cannot be set up or finished.
    pub async fn play(&self, experiments: &[Experiment]) -> anyhow::Result<Vec<ExperimentResult>> {
        let cases = experiments.iter().enumerate().flat_map(|(at, experiment)| {
            (experiment.cases)(self.depth).into_iter().map(move |case| (at, experiment.name, case))
        });
        let is_guest = matches!(self.place, Place::Url { .. });
        let is_chosen =
            |case: &Case| !is_guest || self.only.is_empty() || self.only.contains(&case.name);
        let mut cases: Vec<(usize, &str, Case)> =
            cases.filter(|(.., case)| is_chosen(case)).collect();
        if let Some(latency) = &self.latency {
            cases.iter_mut().for_each(|(.., case)| case.takes(latency));
        }
        let count = cases.len();
        let at_once = if is_guest { 1 } else { AT_ONCE };
        let played: Vec<(usize, CaseResult)> = stream::iter(cases.into_iter().enumerate())
            .map(|(number, (at, experiment, case))| async move {
                let report = Box::pin(self.case_again(&case)).await;
                let report = report.with_context(|| format!("{experiment}: {}", case.name))?;
                eprintln!("{:3} of {count}  {experiment}: {}", number + 1, line(&case, &report));
                anyhow::Ok((at, CaseResult { name: case.name, lambda: case.lambda, report }))
            })
            .buffered(at_once)
            .try_collect()
            .await?;
        let mut shown: Vec<ExperimentResult> = experiments
            .iter()
            .map(|e| ExperimentResult {
                name: e.name.into(),
                asks: e.asks.into(),
                cases: Vec::new(),
            })
            .collect();
        for (at, case) in played {
            shown[at].cases.push(case);
        }
        Ok(shown)
    }

    /// A run that this machine spoilt is made again.
    async fn case_again(&self, case: &Case) -> anyhow::Result<Report> {
        let mut report = self.case(case).await?;
        for _ in 0..AGAIN_MAX {
            if report.verdict != Verdict::Invalid {
                break;
            }
            eprintln!("{}: {}; once more", case.name, report.reasons.join(", "));
            report = self.case(case).await?;
        }
        Ok(report)
    }

    async fn case(&self, case: &Case) -> anyhow::Result<Report> {
        let directory = tempfile::tempdir().context("a temporary directory")?;
        let file = |name: &str, json: String| {
            let path = directory.path().join(name);
            std::fs::write(&path, json)?;
            anyhow::Ok(path.display().to_string())
        };
        let target = match &self.place {
            Place::Url { url, tokens } => {
                Target::Url { urls: vec![url.clone()], tokens: tokens.clone(), relay: None }
            }
            Place::Own => {
                let behaviour = serde_json::to_string(&case.behaviour)?;
                let mut flags = case.flags.clone();
                flags.push(format!("--embedded-behaviour={}", file("behaviour.json", behaviour)?));
                flags.push(format!("--embedded-seed={}", self.seed));
                if let Some(settings) = &case.lambda {
                    let settings = file("lambda.json", settings.to_string())?;
                    flags.push(format!("--lambda-settings={settings}"));
                }
                Target::Own { relay: case.relay.to_owned(), flags, layouts: vec![Layout::Inside] }
            }
        };
        let scenario = match &self.place {
            Place::Url { tokens, .. } => fit::fit(case.scenario, tokens, Chosen::default()),
            Place::Own => case.scenario,
        };
        let plan = Plan {
            scenario,
            seed: self.seed,
            slos: Vec::new(),
            target,
            last_mile: case.last_mile,
            view: View::Nothing,
            script: script(case),
            command: String::new(),
        };
        Box::pin(run::run(&plan)).await
    }
}

/// The steps of the store's script, as often as they occur within the run.
fn script(case: &Case) -> Vec<(u64, String)> {
    let end_ms = case.scenario.duration.as_millis() as u64 + 3_000;
    let mut told = Vec::new();
    for step in &case.behaviour.script {
        let json = serde_json::to_value(&step.command).unwrap_or_default();
        let what = json["command"].as_str().unwrap_or("step").to_owned();
        let times = step.every_ms.map_or(1, |every| end_ms.saturating_sub(step.at_ms) / every + 1);
        told.extend(
            (0..times).map(|n| (step.at_ms + n * step.every_ms.unwrap_or(0), what.clone())),
        );
    }
    told
}

fn line(case: &Case, report: &Report) -> String {
    let latency = &report.latency_us.client_to_last_client;
    let cell = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), time);
    format!(
        "{}: p50 {}, p95 {}, max {}, {}",
        case.name,
        cell(latency.p50),
        cell(latency.p95),
        cell(latency.max),
        report.verdict.as_str()
    )
}
