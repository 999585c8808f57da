//! The plan of a run, checked.

use crate::load::scenario::Scenario;
use crate::measure::slo::Slo;
use crate::service::last_mile::LastMile;
use crate::service::nodes::Layout;
use crate::service::tokens::Tokens;

/// The plan of a run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The scenario with its flags.
    pub scenario: Scenario,
    /// The seed of everything random.
    pub seed: u64,
    /// Objectives.
    pub slos: Vec<Slo>,
    /// The service to run against.
    pub target: Target,
    /// The simulated connection between the clients and the service.
    pub last_mile: LastMile,
    /// What is displayed meanwhile.
    pub view: View,
    /// The steps of the store's script, in milliseconds from its start, for the report.
    pub script: Vec<(u64, String)>,
    /// The command that repeats the run.
    pub command: String,
}

/// What is displayed during a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// A dashboard on a terminal, lines elsewhere; the idle store is measured first.
    Live,
    /// Nothing: one of many runs.
    Nothing,
}

/// The service to run against.
#[derive(Debug, Clone)]
pub enum Target {
    /// An existing service.
    Url {
        /// Its base URL; of a cluster, those of its servers.
        urls: Vec<String>,
        /// The source of its tokens.
        tokens: Tokens,
        /// Its relay mode, if given.
        relay: Option<String>,
    },
    /// A service that is started for the run.
    Own {
        /// Its relay mode.
        relay: String,
        /// Further flags.
        flags: Vec<String>,
        /// Where its store is, one run per layout; only `chaos` has more than one.
        layouts: Vec<Layout>,
    },
}
