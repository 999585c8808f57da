//! Limits of one document. docs/LIMITS.md has the cost model.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use parking_lot::Mutex;

use super::command_line::heading;
use super::{ConfigError, Switch, error, in_range};
use crate::cost::rules::QueryRules;
use crate::graphql::persisted::{Documents, TrustedDocuments};
use crate::limits;

/// Limits of one document.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = heading::QUERIES)]
pub struct DocumentArgs {
    /// Whether documents that were sent with their hash are known by it from then on (automatic
    /// persisted queries).
    #[arg(long, env = "GAVEL_PERSISTED_QUERIES", value_enum, default_value_t = Switch::Off)]
    pub persisted_queries: Switch,

    /// A file with the only operations that may run: a JSON object of documents by their ids, or a
    /// manifest of Apollo's tools.
    #[arg(long, env = "GAVEL_OPERATIONS", value_name = "FILE")]
    pub operations: Option<PathBuf>,

    /// Largest document, in bytes.
    #[arg(long, env = "GAVEL_QUERY_BYTES",
        default_value_t = limits::QUERY_BYTES_MAX)]
    pub query_bytes: usize,

    /// Most nodes in a document: selections, arguments, values, directives and variables.
    #[arg(long, env = "GAVEL_QUERY_NODES",
        default_value_t = limits::QUERY_NODES_MAX)]
    pub query_nodes: usize,

    /// Deepest nesting of a query; GraphiQL's introspection needs 15.
    #[arg(long, env = "GAVEL_QUERY_DEPTH", default_value_t = limits::QUERY_DEPTH_MAX)]
    pub query_depth: usize,

    /// Most fields in a query, each multiplied by the page sizes around it.
    #[arg(long, env = "GAVEL_QUERY_COMPLEXITY", default_value_t = limits::QUERY_COMPLEXITY_MAX)]
    pub query_complexity: usize,

    /// Most selections in a document, with fragments expanded.
    #[arg(long, env = "GAVEL_QUERY_SELECTIONS", default_value_t = limits::QUERY_SELECTIONS_MAX)]
    pub query_selections: usize,

    /// Most aliases in a document, with fragments expanded.
    #[arg(long, env = "GAVEL_QUERY_ALIASES", default_value_t = limits::QUERY_ALIASES_MAX)]
    pub query_aliases: usize,

    /// Most directives on one field.
    #[arg(long, env = "GAVEL_QUERY_DIRECTIVES", default_value_t = limits::QUERY_DIRECTIVES_MAX)]
    pub query_directives: usize,

    /// Most bytes of JSON in the variables that an operation declares.
    #[arg(long, env = "GAVEL_VARIABLES_BYTES",
        default_value_t = limits::VARIABLES_BYTES_MAX)]
    pub variables_bytes: usize,

    /// The largest answer that an operation may ask for, in bytes.
    #[arg(long, env = "GAVEL_ANSWER_BYTES",
        default_value_t = limits::ANSWER_BYTES_MAX)]
    pub answer_bytes: usize,

    /// Largest document and variables of a subscription, in bytes together.
    #[arg(long, env = "GAVEL_SUBSCRIPTION_BYTES",
        default_value_t = limits::SUBSCRIPTION_BYTES_MAX)]
    pub subscription_bytes: usize,

    /// Most points for one event of a subscription.
    #[arg(long, env = "GAVEL_SUBSCRIPTION_COMPLEXITY",
        default_value_t = limits::SUBSCRIPTION_COMPLEXITY_MAX)]
    pub subscription_complexity: usize,

    /// The largest event that a subscription may ask for, in bytes.
    #[arg(long, env = "GAVEL_EVENT_BYTES",
        default_value_t = limits::EVENT_BYTES_MAX)]
    pub event_bytes: usize,
}

impl DocumentArgs {
    /// The rules that documents are checked against.
    pub fn rules(&self, introspection: bool) -> QueryRules {
        QueryRules {
            depth_max: self.query_depth,
            complexity_max: self.query_complexity,
            selections_max: self.query_selections,
            aliases_max: self.query_aliases,
            directives_max: self.query_directives,
            bytes_max: self.query_bytes,
            nodes_max: self.query_nodes,
            variables_bytes_max: self.variables_bytes,
            answer_bytes_max: self.answer_bytes,
            subscription_bytes_max: self.subscription_bytes,
            subscription_complexity_max: self.subscription_complexity,
            event_bytes_max: self.event_bytes,
            introspection,
        }
    }

    /// The documents that are known by an id.
    ///
    /// # Errors
    /// When the file of operations cannot be read, or an operation cannot run.
    pub fn known(&self) -> Result<Documents, ConfigError> {
        let Some(path) = &self.operations else {
            return Ok(match self.persisted_queries {
                Switch::On => Documents::Automatic(Mutex::default()),
                Switch::Off => Documents::Any,
            });
        };
        let problem = |problem: String| ConfigError {
            flag: "operations",
            problem: format!("{}: {problem}", path.display()),
        };
        let text = std::fs::read_to_string(path).map_err(|error| problem(error.to_string()))?;
        TrustedDocuments::read(&text, &self.rules(true)).map(Documents::Trusted).map_err(problem)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.operations.is_some() && self.persisted_queries == Switch::On {
            return error("operations", "cannot be used with --persisted-queries");
        }
        in_range(&[
            ("query-bytes", self.query_bytes, 256, 1 << 20),
            ("query-nodes", self.query_nodes, 1, 100_000),
            ("query-depth", self.query_depth, 1, limits::QUERY_RECURSION_MAX),
            ("query-complexity", self.query_complexity, 1, 1_000_000),
            ("query-selections", self.query_selections, 1, 100_000),
            ("query-aliases", self.query_aliases, 0, 100_000),
            ("query-directives", self.query_directives, 0, 1_000),
            ("variables-bytes", self.variables_bytes, 1024, 16 << 20),
            ("answer-bytes", self.answer_bytes, 1024, 1 << 30),
            ("subscription-bytes", self.subscription_bytes, 256, 1 << 20),
            ("subscription-complexity", self.subscription_complexity, 1, 100_000),
            ("event-bytes", self.event_bytes, 1024, 1 << 20),
        ])
    }
}
