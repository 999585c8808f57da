//! The size of a document, measured before anything walks it. Pure.
//!
//! The library's own rules walk every fragment as often as it is spread: twenty-four fragments that
//! each spread the next one twice are sixteen million visits. Here each fragment is measured once.
//! A rule may also report an error for every node of a document, so nodes of every kind are
//! counted.

use std::collections::HashMap;

use async_graphql::parser::types::{
    Directive, ExecutableDocument, Selection, SelectionSet, VariableDefinition,
};
use async_graphql::{Name, Positioned};
use async_graphql_value::{ConstValue, Value};

use super::rules::QueryRules;
use crate::limiter::Bound;
use crate::limits;

/// The size of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DocumentSize {
    /// Nodes as written, each counted once: operations, fragments, selections, arguments, values,
    /// directives and variables.
    pub nodes: usize,
    /// Fields and fragments, with fragments expanded.
    pub selections: usize,
    /// Fields with an alias, with fragments expanded.
    pub aliases: usize,
    /// Nesting of fields.
    pub depth: usize,
    /// The most directives that one field has.
    pub directives: usize,
}

impl DocumentSize {
    fn add(&mut self, other: Self) {
        self.depth = self.depth.max(other.depth);
        self.directives = self.directives.max(other.directives);
        self.nodes = self.nodes.saturating_add(other.nodes);
        self.selections = self.selections.saturating_add(other.selections);
        self.aliases = self.aliases.saturating_add(other.aliases);
    }

    /// The first limit that the document exceeds, if any.
    pub fn problem(self, rules: &QueryRules) -> Option<(Bound, String)> {
        let too_many = |count: usize, max: usize, what: &str, bound| {
            (count > max).then(|| (bound, format!("the document has more than {max} {what}")))
        };
        too_many(self.selections, rules.selections_max, "selections", Bound::QuerySelections)
            .or_else(|| too_many(self.aliases, rules.aliases_max, "aliases", Bound::QueryAliases))
            .or_else(|| {
                let what = "nodes (selections, arguments, values, directives, variables)";
                too_many(self.nodes, rules.nodes_max, what, Bound::QueryNodes)
            })
            .or_else(|| {
                let what = "levels of fields";
                too_many(self.depth, rules.depth_max, what, Bound::QueryDepth)
            })
            .or_else(|| {
                let what = "directives on one field";
                too_many(self.directives, rules.directives_max, what, Bound::QueryDirectives)
            })
    }
}

/// Whether any operation or fragment of a document uses introspection.
pub fn introspects(document: &ExecutableDocument) -> bool {
    let operations = document.operations.iter().map(|(_, of)| &of.node.selection_set.node);
    let fragments = document.fragments.values().map(|of| &of.node.selection_set.node);
    let mut sets: Vec<&SelectionSet> = operations.chain(fragments).collect();
    while let Some(set) = sets.pop() {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    if matches!(field.node.name.node.as_str(), "__schema" | "__type") {
                        return true;
                    }
                    sets.push(&field.node.selection_set.node);
                }
                Selection::InlineFragment(inline) => sets.push(&inline.node.selection_set.node),
                Selection::FragmentSpread(_) => {}
            }
        }
    }
    false
}

/// Measures a document. `None`: its fragments form a cycle, or it is nested too deeply.
pub fn measure(document: &ExecutableDocument) -> Option<DocumentSize> {
    let mut fragments = Fragments { document, measured: HashMap::new() };
    let mut size = DocumentSize::default();
    for (_, operation) in document.operations.iter() {
        let operation = &operation.node;
        size.add(fragments.selections(&operation.selection_set.node, 0)?);
        size.nodes = size.nodes.saturating_add(1 + directives(&operation.directives));
        let variables = operation.variable_definitions.iter().map(|of| variable(&of.node));
        size.nodes = variables.fold(size.nodes, usize::saturating_add);
    }
    for (name, fragment) in &document.fragments {
        let measured = fragments.fragment(name, 0)?;
        // Its selections count where it is spread; what is written in it counts here.
        let written = 1 + measured.nodes + directives(&fragment.node.directives);
        size.nodes = size.nodes.saturating_add(written);
    }
    // A fragment that nothing spreads is validated all the same.
    let largest = document.fragments.keys().filter_map(|name| fragments.fragment(name, 0));
    let largest = largest.map(|of| of.selections).max().unwrap_or_default();
    size.selections = size.selections.max(largest);
    Some(size)
}

fn variable(definition: &VariableDefinition) -> usize {
    let default = definition.default_value.as_ref().map_or(0, |value| const_values(&value.node));
    1 + default + directives(&definition.directives)
}

fn directives(given: &[Positioned<Directive>]) -> usize {
    given.iter().map(|directive| 1 + arguments(&directive.node.arguments)).sum()
}

fn arguments(given: &[(Positioned<Name>, Positioned<Value>)]) -> usize {
    given.iter().map(|(_, value)| 1 + values(&value.node)).sum()
}

/// The values inside lists and objects; a scalar is part of its argument.
fn values(value: &Value) -> usize {
    match value {
        Value::List(list) => list.iter().map(|inner| 1 + values(inner)).sum(),
        Value::Object(object) => object.values().map(|inner| 1 + values(inner)).sum(),
        _ => 0,
    }
}

fn const_values(value: &ConstValue) -> usize {
    match value {
        ConstValue::List(list) => list.iter().map(|inner| 1 + const_values(inner)).sum(),
        ConstValue::Object(object) => object.values().map(|inner| 1 + const_values(inner)).sum(),
        _ => 0,
    }
}

struct Fragments<'a> {
    document: &'a ExecutableDocument,
    /// `None` while it is being measured: meeting it then means a cycle.
    measured: HashMap<&'a Name, Option<DocumentSize>>,
}

impl<'a> Fragments<'a> {
    fn selections(&mut self, set: &'a SelectionSet, depth: usize) -> Option<DocumentSize> {
        if depth > limits::QUERY_RECURSION_MAX {
            return None;
        }
        let count = set.items.len();
        let mut size = DocumentSize { nodes: count, selections: count, ..DocumentSize::default() };
        for selection in &set.items {
            let inner = match &selection.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    size.aliases += usize::from(field.alias.is_some());
                    size.nodes += arguments(&field.arguments) + directives(&field.directives);
                    size.directives = size.directives.max(field.directives.len());
                    let inner = self.selections(&field.selection_set.node, depth + 1);
                    inner.map(|of| DocumentSize { depth: of.depth + 1, ..of })
                }
                Selection::InlineFragment(inline) => {
                    size.nodes += directives(&inline.node.directives);
                    self.selections(&inline.node.selection_set.node, depth + 1)
                }
                Selection::FragmentSpread(spread) => {
                    size.nodes += directives(&spread.node.directives);
                    let name = &spread.node.fragment_name.node;
                    // What is written in it counts once, with the fragment.
                    self.fragment(name, depth + 1).map(|of| DocumentSize { nodes: 0, ..of })
                }
            };
            size.add(inner?);
        }
        Some(size)
    }

    fn fragment(&mut self, name: &Name, depth: usize) -> Option<DocumentSize> {
        let Some((name, fragment)) = self.document.fragments.get_key_value(name) else {
            // Validation reports that it does not exist.
            return Some(DocumentSize::default());
        };
        if let Some(measured) = self.measured.get(name) {
            return *measured;
        }
        self.measured.insert(name, None);
        let size = self.selections(&fragment.node.selection_set.node, depth)?;
        self.measured.insert(name, Some(size));
        Some(size)
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn of(text: &str) -> Option<(usize, usize)> {
        measure(&parse_query(text).unwrap()).map(|size| (size.selections, size.aliases))
    }

    fn nodes(text: &str) -> usize {
        measure(&parse_query(text).unwrap()).unwrap().nodes
    }

    #[test]
    fn fields_aliases_and_fragments_are_counted_as_often_as_they_are_asked_for() {
        assert_eq!(of("{ a b: a c { d } }"), Some((4, 1)));
        assert_eq!(of("{ ...f x: a { ...f } } fragment f on Q { b: c }"), Some((5, 3)));
        assert_eq!(of("{ ... on Q { a b } }"), Some((3, 0)));
    }

    #[test]
    fn whatever_validation_may_complain_about_is_a_node() {
        assert_eq!(nodes("{ a }"), 2);
        assert_eq!(nodes("{ a(b: 1, c: 2) }"), 4);
        assert_eq!(nodes("{ a(b: [1, [2, 3]]) }"), 7);
        assert_eq!(nodes("{ a(b: {c: 1, d: {e: 2}}) }"), 6);
        assert_eq!(nodes("{ a @b @c(d: 1) }"), 5);
        assert_eq!(nodes("query A($v: Int = 1, $w: [Int] = [1, 2]) { a } query B { b }"), 8);
        assert_eq!(nodes("{ a } fragment f on Q { b c }"), 5, "spread or not");
        assert_eq!(nodes("{ ...f ...f } fragment f on Q { b c }"), 6, "once as written");
    }

    #[test]
    fn depth_is_that_of_fields_and_directives_are_those_of_one_field() {
        let of = |text: &str| {
            let size = measure(&parse_query(text).unwrap()).unwrap();
            (size.depth, size.directives)
        };
        assert_eq!(of("{ a }"), (1, 0));
        assert_eq!(of("{ a { b c { d } } e @x { f @y @z } }"), (3, 2));
        assert_eq!(of("{ a { ...f } } fragment f on Q { b { c } }"), (3, 0));
        assert_eq!(of("{ a { ... on Q { b } } }"), (2, 0));
    }

    #[test]
    fn a_fragment_that_nothing_spreads_is_measured() {
        assert_eq!(of("{ a } fragment f on Q { b c d }"), Some((3, 0)));
        let fields = "x ".repeat(50);
        let unused = of(&format!("{{ a }} fragment f on Q {{ {fields} }}")).unwrap();
        assert_eq!(unused.0, 50);
    }

    #[test]
    fn a_bomb_of_fragments_is_measured_at_once() {
        let doubling = |n: usize| format!("fragment f{n} on Q {{ ...f{} ...f{} }}", n + 1, n + 1);
        let fragments = (0..25).map(doubling).collect::<Vec<_>>().concat();
        let bomb = format!("{{ ...f0 }} {fragments} fragment f25 on Q {{ a }}");
        let bomb = measure(&parse_query(bomb).unwrap()).unwrap();
        assert!(bomb.selections > 1 << 25, "{bomb:?}");
        assert!(bomb.problem(&QueryRules::default()).is_some());
    }

    #[test]
    fn a_circle_of_fragments_and_endless_nesting_have_no_size() {
        assert_eq!(of("{ ...a } fragment a on Q { ...b } fragment b on Q { ...a }"), None);
        assert_eq!(of("{ x } fragment a on Q { ...a }"), None);
        let next = |n: usize| format!("fragment f{n} on Q {{ ...f{} }}", n + 1);
        let chain = (0..100).map(next).collect::<Vec<_>>().concat();
        assert_eq!(of(&format!("{{ ...f0 }} {chain} fragment f100 on Q {{ a }}")), None);
    }

    #[test]
    fn asking_for_the_schema_is_seen_wherever_it_stands() {
        let asks = |text: &str| introspects(&parse_query(text).unwrap());
        assert!(!asks("{ a { __typename } }"));
        for text in [
            "{ __schema { a } }",
            "{ x: __type(name: \"Q\") { a } }",
            "{ ... on Q { __schema { a } } }",
            "{ ...f } fragment f on Q { __schema { a } }",
        ] {
            assert!(asks(text), "{text}");
        }
    }

    #[test]
    fn what_is_allowed_is_no_problem_and_one_more_is() {
        let rules =
            QueryRules { selections_max: 9, aliases_max: 3, nodes_max: 20, ..Default::default() };
        let problem = |nodes, selections, aliases| {
            let size = DocumentSize { nodes, selections, aliases, ..DocumentSize::default() };
            size.problem(&rules).map(|(bound, _)| bound)
        };
        assert_eq!(problem(20, 9, 3), None);
        assert_eq!(problem(20, 9, 4), Some(Bound::QueryAliases));
        assert_eq!(problem(20, 10, 3), Some(Bound::QuerySelections));
        assert_eq!(problem(21, 9, 3), Some(Bound::QueryNodes));
    }
}
