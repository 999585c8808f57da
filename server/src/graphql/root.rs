//! Expands fragments on the subscription root. Pure.
//!
//! The library supports only fields there, but relay-compiler writes fragments. The meaning of a
//! document stays the same: each field takes on the `@skip` and `@include` of the fragments around
//! it.

use std::collections::{HashMap, HashSet};

use async_graphql::parser::types::{
    Directive, DocumentOperations, ExecutableDocument, Field, FragmentDefinition, OperationType,
    Selection,
};
use async_graphql::{Name, Positioned};

const ROOT: &str = "Subscription";

type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

/// Expands the fragments at the root of every subscription. The document must have been measured:
/// its fragments may not form a cycle.
pub fn write_out(document: &mut ExecutableDocument) {
    let mut used = HashSet::new();
    let fragments = &document.fragments;
    let operations: Vec<_> = match &mut document.operations {
        DocumentOperations::Single(operation) => vec![operation],
        DocumentOperations::Multiple(operations) => operations.values_mut().collect(),
    };
    for operation in operations {
        let items = &mut operation.node.selection_set.node.items;
        let is_plain = items.iter().all(|item| matches!(item.node, Selection::Field(_)));
        if operation.node.ty != OperationType::Subscription || is_plain {
            continue;
        }
        let mut fields = Vec::with_capacity(items.len());
        for item in std::mem::take(items) {
            append(item, &[], fragments, &mut used, &mut fields);
        }
        *items = fields;
    }
    // An unused fragment is an error; these were used.
    document.fragments.retain(|name, _| !used.contains(name));
}

/// Appends the fields of a selection.
fn append(
    selection: Positioned<Selection>,
    around: &[Positioned<Directive>],
    fragments: &Fragments,
    used: &mut HashSet<Name>,
    fields: &mut Vec<Positioned<Selection>>,
) {
    let is_root = |of: &Name| of.as_str() == ROOT;
    let (directives, items) = match selection.node {
        Selection::Field(mut field) => {
            field.node.directives.splice(0..0, around.iter().cloned());
            return merge(Positioned::new(Selection::Field(field), selection.pos), fields);
        }
        Selection::FragmentSpread(ref spread) => {
            let name = &spread.node.fragment_name.node;
            match fragments.get(name).filter(|of| is_root(&of.node.type_condition.node.on.node)) {
                Some(fragment) => {
                    used.insert(name.clone());
                    let items = fragment.node.selection_set.node.items.clone();
                    (spread.node.directives.clone(), items)
                }
                // Of another type, or unknown: validation reports it.
                None => return fields.push(selection),
            }
        }
        Selection::InlineFragment(ref inline) => match &inline.node.type_condition {
            Some(of) if !is_root(&of.node.on.node) => return fields.push(selection),
            _ => {
                let items = inline.node.selection_set.node.items.clone();
                (inline.node.directives.clone(), items)
            }
        },
    };
    let around = [around, &directives].concat();
    for item in items {
        append(item, &around, fragments, used, fields);
    }
}

/// Appends a field, or adds its selections to an equal one.
fn merge(selection: Positioned<Selection>, fields: &mut Vec<Positioned<Selection>>) {
    let Selection::Field(field) = &selection.node else { return };
    let equal = fields.iter_mut().find_map(|other| match &mut other.node {
        Selection::Field(other) if is_equal(&other.node, &field.node) => Some(other),
        _ => None,
    });
    match equal {
        Some(other) => {
            let items = field.node.selection_set.node.items.iter().cloned();
            other.node.selection_set.node.items.extend(items);
        }
        None => fields.push(selection),
    }
}

fn is_equal(a: &Field, b: &Field) -> bool {
    let arguments = |field: &Field| {
        let texts =
            field.arguments.iter().map(|(name, value)| (name.node.clone(), value.to_string()));
        let mut texts: Vec<_> = texts.collect();
        texts.sort();
        texts
    };
    a.response_key().node == b.response_key().node
        && a.name.node == b.name.node
        && a.directives.is_empty()
        && b.directives.is_empty()
        && arguments(a) == arguments(b)
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    /// A document's root fields with their directives and selections, and its fragments left.
    fn written(text: &str) -> (Vec<String>, usize) {
        let mut document = parse_query(text).unwrap();
        write_out(&mut document);
        let (_, operation) = document.operations.iter().next().unwrap();
        let show = |item: &Positioned<Selection>| match &item.node {
            Selection::Field(field) => {
                let directives = field.node.directives.iter().map(|d| format!("@{}", d.node.name));
                let below = field.node.selection_set.node.items.len();
                let key = field.node.response_key();
                format!("{key}{}:{below}", directives.collect::<String>())
            }
            _ => "...".to_owned(),
        };
        let items = &operation.node.selection_set.node.items;
        (items.iter().map(show).collect(), document.fragments.len())
    }

    #[test]
    fn a_root_s_fragments_become_its_fields() {
        for (text, expected, left) in [
            ("subscription { a { b } }", vec!["a:1"], 0),
            ("subscription { ...F } fragment F on Subscription { a { b } }", vec!["a:1"], 0),
            ("subscription { ... on Subscription { ... { a { b } } } }", vec!["a:1"], 0),
            (
                "subscription { ...F } fragment F on Subscription { ...G } \
                 fragment G on Subscription { a { ...B } } fragment B on Bid { b }",
                vec!["a:1"],
                1,
            ),
            (
                "subscription { ...F @include(if: $x) } \
                 fragment F on Subscription { a @skip(if: $y) { b } }",
                vec!["a@include@skip:1"],
                0,
            ),
            (
                "subscription { ...F ...F a(x: 1) { c } } fragment F on Subscription { a(x: 1) { b } }",
                vec!["a:3"],
                0,
            ),
            ("subscription { a(x: 1) { b } ... { a(x: 2) { b } } }", vec!["a:1", "a:1"], 0),
            // The validation's to refuse.
            ("subscription { ...F } fragment F on Query { a { b } }", vec!["..."], 1),
            ("subscription { ...Unknown ... on Bid { b } }", vec!["...", "..."], 0),
            ("query { ...F } fragment F on Subscription { a { b } }", vec!["..."], 1),
        ] {
            let expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
            assert_eq!(written(text), (expected, left), "{text}");
        }
    }
}
