//! The plan of a run: what is asked, checked.

use crate::load::scenario::Scenario;
use crate::measure::slo::Slo;
use crate::service::last_mile::LastMile;
use crate::service::nodes::Layout;
use crate::service::tokens::Tokens;

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The scenario with its flags.
    pub scenario: Scenario,
    /// What everything random is drawn with.
    pub seed: u64,
    /// Objectives.
    pub slos: Vec<Slo>,
    /// The service to run against.
    pub target: Target,
    /// What lies between the clients and the service.
    pub last_mile: LastMile,
    /// What is shown meanwhile.
    pub view: View,
    /// What the store's script does when, in milliseconds from its start, for the report.
    pub script: Vec<(u64, String)>,
    /// The command that repeats the run.
    pub command: String,
}

/// What is shown while a run is under way.
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
    /// One that is there.
    Url {
        /// Its base URL.
        url: String,
        /// Where its tokens come from.
        tokens: Tokens,
        /// Its relay mode, if the user says.
        relay: Option<String>,
    },
    /// One that is started for the run.
    Own {
        /// Its relay mode.
        relay: String,
        /// Further flags.
        flags: Vec<String>,
        /// Where its store is, one run each; more than one for `chaos` alone.
        layouts: Vec<Layout>,
    },
}
