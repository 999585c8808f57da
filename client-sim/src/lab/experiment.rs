//! An experiment: cases that differ in one thing, and what they are to tell.

use dynamodb_emulator::Behaviour;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::load::scenario::Scenario;
use crate::output::report::Report;
use crate::service::last_mile::LastMile;

/// How long cases are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Depth {
    /// About three minutes, all together.
    Quick,
    /// As long as it takes for tails to be told.
    Full,
}

impl Depth {
    /// One or the other.
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
    /// What it is called with `--only`.
    pub name: &'static str,
    /// What it asks.
    pub asks: &'static str,
    /// Its cases.
    pub cases: fn(Depth) -> Vec<Case>,
}

/// One run of an experiment.
#[derive(Debug, Clone)]
pub struct Case {
    /// What differs.
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
    /// What lies between the clients and the service.
    pub last_mile: LastMile,
}

impl Case {
    /// On the published latencies of AWS.
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

    /// As a Lambda trigger with these settings.
    pub fn lambda(name: impl Into<String>, scenario: Scenario, settings: Value) -> Self {
        Self { lambda: Some(settings), ..Self::new(name, "lambda", scenario) }
    }
}

/// What an experiment has shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExperimentResult {
    /// The experiment.
    pub name: String,
    /// What it asked.
    pub asks: String,
    /// Its cases.
    pub cases: Vec<CaseResult>,
}

/// What a case has shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CaseResult {
    /// What differs.
    pub name: String,
    /// The settings of `--relay lambda` that are not the default.
    pub lambda: Option<Value>,
    /// The run.
    pub report: Report,
}
