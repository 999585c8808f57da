//! Drops duplicate selections of a document. Pure.
//!
//! The executor resolves each selection as often as it is written and merges the results; GraphQL
//! merges the selections first. Here fields that are definitely the same (same response key, name,
//! arguments and directives) become one, so that nothing is resolved, or paid for, twice.

use std::collections::HashMap;

use async_graphql::parser::types::{Directive, ExecutableDocument, Field, Selection, SelectionSet};
use async_graphql::{Name, Positioned};
use async_graphql_value::Value;

/// Merges equal fields in every operation and fragment of a document, at the position of the first.
pub fn merge(document: &mut ExecutableDocument) {
    use async_graphql::parser::types::DocumentOperations::{Multiple, Single};
    match &mut document.operations {
        Single(operation) => merge_set(&mut operation.node.selection_set.node),
        Multiple(operations) => {
            operations.values_mut().for_each(|of| merge_set(&mut of.node.selection_set.node));
        }
    }
    document.fragments.values_mut().for_each(|of| merge_set(&mut of.node.selection_set.node));
}

fn merge_set(set: &mut SelectionSet) {
    let mut merged: Vec<Positioned<Selection>> = Vec::with_capacity(set.items.len());
    // The positions of the fields with a response key: more than one if they conflict.
    let mut places: HashMap<Name, Vec<usize>> = HashMap::new();
    for selection in std::mem::take(&mut set.items) {
        let Selection::Field(field) = &selection.node else {
            merged.push(selection);
            continue;
        };
        let same_key = places.entry(field.node.response_key().node.clone()).or_default();
        let is_same = |place: &&usize| match &merged[**place].node {
            Selection::Field(first) => is_equal(&first.node, &field.node),
            _ => false,
        };
        let Some(place) = same_key.iter().find(is_same).copied() else {
            same_key.push(merged.len());
            merged.push(selection);
            continue;
        };
        if let (Selection::Field(first), Selection::Field(field)) =
            (&mut merged[place].node, selection.node)
        {
            first.node.selection_set.node.items.extend(field.node.selection_set.node.items);
        }
    }
    for selection in &mut merged {
        match &mut selection.node {
            Selection::Field(field) => merge_set(&mut field.node.selection_set.node),
            Selection::InlineFragment(inline) => merge_set(&mut inline.node.selection_set.node),
            Selection::FragmentSpread(_) => {}
        }
    }
    set.items = merged;
}

/// Whether two fields with the same response key ask for the same, apart from their selections.
fn is_equal(a: &Field, b: &Field) -> bool {
    a.name.node == b.name.node
        && is_leaf(a) == is_leaf(b)
        && arguments_equal(&a.arguments, &b.arguments)
        && a.directives.len() == b.directives.len()
        && a.directives.iter().zip(&b.directives).all(|(a, b)| directive_equal(&a.node, &b.node))
}

fn is_leaf(field: &Field) -> bool {
    field.selection_set.node.items.is_empty()
}

type Arguments = [(Positioned<Name>, Positioned<Value>)];

fn arguments_equal(a: &Arguments, b: &Arguments) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0.node == b.0.node && a.1.node == b.1.node)
}

fn directive_equal(a: &Directive, b: &Directive) -> bool {
    a.name.node == b.name.node && arguments_equal(&a.arguments, &b.arguments)
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;
    use crate::cost::size::measure;

    fn selections(text: &str) -> usize {
        let mut document = parse_query(text).unwrap();
        merge(&mut document);
        measure(&document).unwrap().selections
    }

    #[test]
    fn what_is_asked_for_twice_is_asked_for_once() {
        assert_eq!(selections("{ a a a __typename __typename }"), 2);
        assert_eq!(selections("{ a { b } a { c b } }"), 3);
        assert_eq!(selections("{ a { b { c } } a { b { d } } }"), 4);
        assert_eq!(selections("{ x: a(n: 1) x: a(n: 1) }"), 1);
        assert_eq!(selections("{ ...f } fragment f on Q { a a }"), 2);
    }

    #[test]
    fn what_differs_stays_and_is_judged_by_validation() {
        assert_eq!(selections("{ x: a(n: 1) x: a(n: 2) }"), 2);
        assert_eq!(selections("{ a @skip(if: true) a }"), 2);
        assert_eq!(selections("{ a x: a }"), 2);
        assert_eq!(selections("{ a a { b } }"), 3, "one of them is invalid");
        assert_eq!(selections("{ ... on Q { a } a }"), 3);
    }
}
