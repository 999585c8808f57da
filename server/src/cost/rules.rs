//! What a document may ask for.

use crate::limits;

/// What may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryRules {
    /// Nesting.
    pub depth_max: usize,
    /// The document, in bytes.
    pub bytes_max: usize,
    /// What is written in a document: selections, arguments, values, directives and variables.
    pub nodes_max: usize,
    /// The variables that an operation declares, in bytes of JSON.
    pub variables_bytes_max: usize,
    /// Points of an operation: fields, each as often as its page asks for, and reads of the table.
    pub complexity_max: usize,
    /// The largest answer that an operation may ask for, in bytes.
    pub answer_bytes_max: usize,
    /// The document and the variables of a subscription, in bytes.
    pub subscription_bytes_max: usize,
    /// Points of each event of a subscription.
    pub subscription_complexity_max: usize,
    /// The largest event that a subscription may ask for, in bytes.
    pub event_bytes_max: usize,
    /// Selections of a document, its fragments written out.
    pub selections_max: usize,
    /// Aliases of a document, its fragments written out.
    pub aliases_max: usize,
    /// Directives on one field.
    pub directives_max: usize,
    /// Whether the schema may be asked for.
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
