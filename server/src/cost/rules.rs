//! Limits of a document.

use crate::limits;

/// The rules that documents are checked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryRules {
    /// Deepest nesting.
    pub depth_max: usize,
    /// Largest document, in bytes.
    pub bytes_max: usize,
    /// Most nodes in a document: selections, arguments, values, directives and variables.
    pub nodes_max: usize,
    /// Most bytes of JSON in the variables that an operation declares.
    pub variables_bytes_max: usize,
    /// Most points of an operation: its fields, each multiplied by the page sizes around it, and
    /// its reads of the table.
    pub complexity_max: usize,
    /// The largest answer that an operation may ask for, in bytes.
    pub answer_bytes_max: usize,
    /// Largest document and variables of a subscription, in bytes together.
    pub subscription_bytes_max: usize,
    /// Most points for one event of a subscription.
    pub subscription_complexity_max: usize,
    /// The largest event that a subscription may ask for, in bytes.
    pub event_bytes_max: usize,
    /// Most selections in a document, with fragments expanded.
    pub selections_max: usize,
    /// Most aliases in a document, with fragments expanded.
    pub aliases_max: usize,
    /// Most directives on one field.
    pub directives_max: usize,
    /// Whether introspection is allowed.
    pub introspection: bool,
}

impl Default for QueryRules {
    fn default() -> Self {
        Self {
            depth_max: limits::QUERY_DEPTH_MAX,
            bytes_max: limits::QUERY_BYTES_MAX,
            nodes_max: limits::QUERY_NODES_MAX,
            variables_bytes_max: limits::VARIABLES_BYTES_MAX,
            complexity_max: limits::QUERY_COMPLEXITY_MAX,
            answer_bytes_max: limits::ANSWER_BYTES_MAX,
            subscription_bytes_max: limits::SUBSCRIPTION_BYTES_MAX,
            subscription_complexity_max: limits::SUBSCRIPTION_COMPLEXITY_MAX,
            event_bytes_max: limits::EVENT_BYTES_MAX,
            selections_max: limits::QUERY_SELECTIONS_MAX,
            aliases_max: limits::QUERY_ALIASES_MAX,
            directives_max: limits::QUERY_DIRECTIVES_MAX,
            introspection: true,
        }
    }
}
