//! The shape of a document, measured before anything walks it. Pure.
//!
//! The library's own limits walk every fragment as often as it is spread: twenty-four fragments
//! that spread the next one twice are sixteen million visits. Here each fragment is measured once.

use std::collections::HashMap;

use async_graphql::Name;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};

use super::rules::QueryRules;
use crate::limits;

/// What a document asks for, its fragments written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    /// Fields and fragments.
    pub selections: usize,
    /// Fields under another name.
    pub aliases: usize,
}

impl Shape {
    fn add(&mut self, other: Self) {
        self.selections = self.selections.saturating_add(other.selections);
        self.aliases = self.aliases.saturating_add(other.aliases);
    }

    /// What is too much of it, if anything is.
    pub fn problem(self, rules: &QueryRules) -> Option<String> {
        let too_many = |count: usize, max: usize, what: &str| {
            (count > max).then(|| format!("the document has more than {max} {what}"))
        };
        too_many(self.selections, rules.selections_max, "selections")
            .or_else(|| too_many(self.aliases, rules.aliases_max, "aliases"))
    }
}

/// Whether any operation or fragment of a document asks for the schema.
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

/// Measures a document. `None`: its fragments spread each other in a circle, or nest too deep.
pub fn measure(document: &ExecutableDocument) -> Option<Shape> {
    let mut fragments = Fragments { document, measured: HashMap::new() };
    let mut shape = Shape::default();
    for (_, operation) in document.operations.iter() {
        shape.add(fragments.selections(&operation.node.selection_set.node, 0)?);
    }
    // Those that nothing spreads are checked by the library as well.
    for name in document.fragments.keys() {
        fragments.fragment(name, 0)?;
    }
    Some(shape)
}

struct Fragments<'a> {
    document: &'a ExecutableDocument,
    /// `None` while it is being measured: whoever meets it then has come in a circle.
    measured: HashMap<&'a Name, Option<Shape>>,
}

impl<'a> Fragments<'a> {
    fn selections(&mut self, set: &'a SelectionSet, depth: usize) -> Option<Shape> {
        if depth > limits::QUERY_RECURSION_MAX {
            return None;
        }
        let mut shape = Shape { selections: set.items.len(), aliases: 0 };
        for selection in &set.items {
            let inner = match &selection.node {
                Selection::Field(field) => {
                    shape.aliases += usize::from(field.node.alias.is_some());
                    self.selections(&field.node.selection_set.node, depth + 1)
                }
                Selection::InlineFragment(inline) => {
                    self.selections(&inline.node.selection_set.node, depth + 1)
                }
                Selection::FragmentSpread(spread) => {
                    self.fragment(&spread.node.fragment_name.node, depth + 1)
                }
            };
            shape.add(inner?);
        }
        Some(shape)
    }

    fn fragment(&mut self, name: &Name, depth: usize) -> Option<Shape> {
        let Some((name, fragment)) = self.document.fragments.get_key_value(name) else {
            // Validation says that there is none.
            return Some(Shape::default());
        };
        if let Some(measured) = self.measured.get(name) {
            return *measured;
        }
        self.measured.insert(name, None);
        let shape = self.selections(&fragment.node.selection_set.node, depth)?;
        self.measured.insert(name, Some(shape));
        Some(shape)
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn of(text: &str) -> Option<Shape> {
        measure(&parse_query(text).unwrap())
    }

    fn shape(selections: usize, aliases: usize) -> Shape {
        Shape { selections, aliases }
    }

    #[test]
    fn fields_aliases_and_fragments_are_counted_as_often_as_they_are_asked_for() {
        assert_eq!(of("{ a b: a c { d } }"), Some(shape(4, 1)));
        assert_eq!(of("{ ...f x: a { ...f } } fragment f on Q { b: c }"), Some(shape(5, 3)));
        assert_eq!(of("{ ... on Q { a b } }"), Some(shape(3, 0)));
    }

    #[test]
    fn a_bomb_of_fragments_is_measured_at_once() {
        let doubling = |n: usize| format!("fragment f{n} on Q {{ ...f{} ...f{} }}", n + 1, n + 1);
        let fragments = (0..25).map(doubling).collect::<Vec<_>>().concat();
        let bomb = of(&format!("{{ ...f0 }} {fragments} fragment f25 on Q {{ a }}")).unwrap();
        assert!(bomb.selections > 1 << 25, "{bomb:?}");
        assert!(bomb.problem(&QueryRules::default()).is_some());
    }

    #[test]
    fn a_circle_of_fragments_and_endless_nesting_have_no_shape() {
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
        let rules = QueryRules { selections_max: 9, aliases_max: 3, ..QueryRules::default() };
        assert_eq!(shape(9, 3).problem(&rules), None);
        assert!(shape(9, 4).problem(&rules).unwrap().contains("3 aliases"));
        assert!(shape(10, 3).problem(&rules).unwrap().contains("9 selections"));
    }
}
