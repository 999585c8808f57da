//! An experiment: cases that differ in one thing.

use dynamodb_emulator::{Behaviour, Latency};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::load::scenario::Scenario;
use crate::output::report::Report;
use crate::service::last_mile::LastMile;

/// The length of cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Depth {
    /// About three minutes in total.
    Quick,
    /// Long enough to measure tails.
    Full,
}

impl Depth {
    /// Picks one of two values.
    pub fn pick<T>(self, quick: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Full => full,
        }
    }
}

/// An experiment.
#[derive(Debug, Clone, Copy)]
pub struct Experiment {
    /// Its name for `--only`.
    pub name: &'static str,
    /// The question of the experiment.
    pub asks: &'static str,
    /// Its cases.
    pub cases: fn(Depth) -> Vec<Case>,
}

/// One run of an experiment.
#[derive(Debug, Clone)]
pub struct Case {
    /// What this case changes.
    pub name: String,
    /// The relay mode.
    pub relay: &'static str,
    /// The traffic.
    pub scenario: Scenario,
    /// How the store behaves.
    pub behaviour: Behaviour,
    /// The settings of `--relay lambda`.
    pub lambda: Option<Value>,
    /// Further flags of the service.
    pub flags: Vec<String>,
    /// The simulated connection between the clients and the service.
    pub last_mile: LastMile,
}

impl Case {
    /// A case with the published latencies of AWS.
    pub fn new(name: impl Into<String>, relay: &'static str, scenario: Scenario) -> Self {
        Self {
            name: name.into(),
            relay,
            scenario,
            behaviour: Behaviour::aws_like(),
            lambda: None,
            flags: Vec::new(),
            last_mile: LastMile::None,
        }
    }

    /// Wherever it has a latency published of AWS, it has this one instead.
    pub fn takes(&mut self, own: &Latency) {
        let (mine, published) = (&mut self.behaviour.latency, Latency::aws());
        for (mine, published, own) in [
            (&mut mine.transact, published.transact, own.transact),
            (&mut mine.write, published.write, own.write),
            (&mut mine.read, published.read, own.read),
            (&mut mine.get_records, published.get_records, own.get_records),
            (&mut mine.describe, published.describe, own.describe),
            (&mut mine.propagation.delay, published.propagation.delay, own.propagation.delay),
        ] {
            if *mine == published {
                *mine = own;
            }
        }
    }

    /// A case with a Lambda trigger with these settings.
    pub fn lambda(name: impl Into<String>, scenario: Scenario, settings: Value) -> Self {
        Self { lambda: Some(settings), ..Self::new(name, "lambda", scenario) }
    }
}

/// The result of an experiment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExperimentResult {
    /// The name of the experiment.
    pub name: String,
    /// The question of the experiment.
    pub asks: String,
    /// Its cases.
    pub cases: Vec<CaseResult>,
}

/// The result of a case.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CaseResult {
    /// What this case changed.
    pub name: String,
    /// The settings of `--relay lambda` that differ from the default.
    pub lambda: Option<Value>,
    /// The report of the run.
    pub report: Report,
}
