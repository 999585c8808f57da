//! GraphQL documents: parsing, measuring, normalising.

use async_graphql::Variables;
use async_graphql::parser::parse_query;

use gavel_server::cost::rules::QueryRules;
use gavel_server::cost::size;
use gavel_server::graphql::prepare::{Operation, prepare};
use gavel_server::websocket::normalise::normalise;
use proptest::prelude::*;

/// Selections with aliases, arguments, directives and fragments, nested.
fn selections() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        "-?[0-9]{1,12}",
        "\"[ -!#-\\[\\]-~]{0,12}\"",
        Just("$v".to_owned()),
        Just("[[{a: 1}]]".to_owned()),
        Just("null".to_owned()),
        Just("\"\"\"block\"\"\"".to_owned()),
    ];
    let field = ("[a-z_]{1,6}: |", "[a-zA-Z_]{1,8}", prop::option::of(value)).prop_map(
        |(alias, name, value)| {
            let argument = value.map_or(String::new(), |value| format!("(after: {value})"));
            format!("{alias}{name}{argument}")
        },
    );
    let leaf = prop_oneof![4 => field, 1 => "[f-h]".prop_map(|name| format!("...{name}"))];
    leaf.prop_recursive(6, 64, 4, |inner| {
        ("[a-z]{1,5}|... on Q", prop::collection::vec(inner, 1..4))
            .prop_map(|(name, inner)| format!("{name} {{ {} }}", inner.join(" ")))
    })
}

fn document() -> impl Strategy<Value = String> {
    let kind = prop_oneof![Just("query"), Just("mutation"), Just("subscription")];
    let fragments = prop::collection::vec(("[f-h]", selections()), 0..4);
    (kind, selections(), fragments).prop_map(|(kind, root, fragments)| {
        let fragment =
            |(name, inner): (String, String)| format!(" fragment {name} on Q {{ {inner} }}");
        let fragments: Vec<String> = fragments.into_iter().map(fragment).collect();
        format!("{kind}($v: Int) {{ {root} }}{}", fragments.concat())
    })
}

proptest! {
    #[test]
    fn any_text_is_prepared_or_refused(text in "\\PC*|[{}\\[\\]():.$@!\"a-c ]{0,200}") {
        drop(prepare(Operation { query: text, ..Operation::default() }, &QueryRules::default()));
    }

    #[test]
    fn any_document_is_measured_and_normalised_whatever_its_white_space(text in document()) {
        let Ok(parsed) = parse_query(&text) else { return Ok(()) };
        let measured = size::measure(&parsed);
        prop_assert!(measured.is_none_or(|size| size.selections > 0 && size.nodes > 0));
        let variables = Variables::default();
        let normal = normalise(&text, &parsed, None, &variables);
        let spaced = text.replace(" {", "\n\t{ # a comment\n,");
        if let Ok(parsed) = parse_query(&spaced) {
            prop_assert_eq!(normal, normalise(&spaced, &parsed, None, &variables));
        }
    }
}
