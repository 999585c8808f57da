//! The lab: experiments that answer the review with measurements.

pub mod experiment;
pub mod catalogue;
pub mod cases;
pub mod overheads;
pub mod answers;
pub mod findings;
pub mod page;
pub mod saved;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail};
use dynamodb_emulator::Behaviour;

use crate::measure::environment::Environment;
use crate::output::files;
use crate::output::pages::{html, markdown};
use cases::{Lab, Place};
use experiment::{Depth, Experiment};
use findings::Findings;

/// The name of the part that measures single requests.
pub const OVERHEADS: &str = "overheads";

/// The files of `--out`: for people, for a pull request, for `compare`.
const REPORTS: [&str; 3] = ["report.html", "report.md", "report.json"];

/// The options of the lab.
#[derive(Debug, Clone)]
pub struct Options {
    /// The length of cases.
    pub depth: Depth,
    /// The experiments to run; empty: all.
    pub only: Vec<String>,
    /// The seed of everything random.
    pub seed: u64,
    /// The service that the traffic goes to.
    pub place: Place,
    /// The directory for the reports.
    pub out: Option<PathBuf>,
    /// The command that repeats it.
    pub command: String,
    /// Whose latencies to use instead of those published of AWS.
    pub behaviour: Option<Behaviour>,
}

/// The available experiments, one per line.
pub fn list() -> String {
    let line = |name: &str, asks: &str| format!("{name:<13} {asks}\n");
    let mut list: String = catalogue::ALL.iter().map(|e| line(e.name, e.asks)).collect();
    list.push_str(&line(OVERHEADS, "What do authorisation and GraphQL cost on the path?"));
    list
}

/// Runs the experiments, writes the reports, prints one answer per question; returns the exit code.
///
/// # Errors
/// When an experiment is not known, cannot be set up, or a report cannot be written.
pub async fn run(ask: Options) -> anyhow::Result<u8> {
    if let Some(out) = &ask.out {
        std::fs::create_dir_all(out).with_context(|| format!("--out {}", out.display()))?;
        for name in REPORTS {
            files::check("--out", Some(&out.join(name)))?;
        }
    }
    let (experiments, with_overheads) = chosen(&ask)?;
    let started = Instant::now();
    let environment = Environment::begin();
    let own = ask.behaviour.as_ref().map(|own| {
        let origin = own.origin.clone();
        let origin = origin.unwrap_or_else(|| "of a file that does not say whose".to_owned());
        (origin, page::median_us(own.latency))
    });
    let lab = Lab {
        depth: ask.depth,
        seed: ask.seed,
        place: ask.place,
        only: ask.only,
        latency: ask.behaviour.map(|own| own.latency),
    };
    let shown = lab.play(&experiments).await?;
    // Measured alone, because a busy machine would add to it.
    let overheads = if with_overheads {
        Some(overheads::measure(ask.depth.pick(1_500, 10_000)).await?)
    } else {
        None
    };
    let took_ms = u64::try_from(started.elapsed().as_millis())?;
    let made = (ask.command, ask.seed, ask.depth, took_ms);
    let mut findings = Findings::new(made, shown, overheads).of(own);
    findings.environment = environment.end();
    findings.environment.modelled = findings.modelled();
    if let Some(out) = &ask.out {
        write(&findings, out)?;
    }
    tell(&findings, ask.out.as_deref());
    Ok(findings.exit_code())
}

fn chosen(ask: &Options) -> anyhow::Result<(Vec<Experiment>, bool)> {
    if matches!(ask.place, Place::Url { .. }) {
        let known = (catalogue::DEPLOYED.cases)(ask.depth);
        for name in &ask.only {
            if !known.iter().any(|case| case.name == *name) {
                let known: Vec<&str> = known.iter().map(|case| case.name.as_str()).collect();
                bail!("--only {name}: with --url it is one of {}", known.join(", "));
            }
        }
        return Ok((vec![catalogue::DEPLOYED], false));
    }
    for name in &ask.only {
        if name != OVERHEADS && !catalogue::ALL.iter().any(|e| e.name == name) {
            bail!("--only {name}: unknown experiment; --list shows them");
        }
    }
    let is_chosen = |name: &str| ask.only.is_empty() || ask.only.iter().any(|only| only == name);
    let experiments = catalogue::ALL.into_iter().filter(|e| is_chosen(e.name)).collect();
    Ok((experiments, is_chosen(OVERHEADS)))
}

fn write(findings: &Findings, out: &Path) -> anyhow::Result<()> {
    let page = page::page(findings)?;
    let json = serde_json::to_string_pretty(findings)? + "\n";
    for (name, text) in REPORTS.into_iter().zip([html::write(&page), markdown::write(&page), json])
    {
        let path = out.join(name);
        std::fs::write(&path, text).with_context(|| format!("--out {}", path.display()))?;
    }
    Ok(())
}

fn tell(findings: &Findings, out: Option<&Path>) {
    println!();
    for answer in &findings.answers {
        println!("{}\n  {}\n", answer.question, answer.answer);
    }
    println!("{}\n", findings.stands_on());
    for bar in &findings.bars {
        println!("{}  {}", if bar.ok { "held  " } else { "missed" }, bar.text);
    }
    println!("\n{}", findings.headline().1);
    if let Some(out) = out {
        println!("reports: {}", out.join("report.html").display());
    }
}
