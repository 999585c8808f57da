//! What a document may ask for.

use crate::limits;

/// What may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryRules {
    /// Nesting.
    pub depth_max: usize,
    /// Fields, each counted as often as its page asks for.
    pub complexity_max: usize,
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
            complexity_max: limits::QUERY_COMPLEXITY_MAX,
            selections_max: limits::QUERY_SELECTIONS_MAX,
            aliases_max: limits::QUERY_ALIASES_MAX,
            directives_max: limits::QUERY_DIRECTIVES_MAX,
            introspection: true,
        }
    }
}
