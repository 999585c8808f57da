//! Normalises an operation, so that subscribers who ask for the same share a group. Pure.
//!
//! Two operations are the same if their documents have the same tokens and their variables the same
//! values, apart from the cursor `after` of the root field, which differs per subscriber.

use async_graphql::parser::types::{ExecutableDocument, Selection};
use async_graphql::{Value, Variables};

use crate::graphql::document::tokens;

/// The normalised document and variables of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Normalised {
    /// The tokens of the document with a space between each, and the cursor left out.
    pub document: String,
    /// The variables without that of the cursor, as JSON.
    pub variables: String,
}

/// Normalises the operation with this name (the only one if `None`) of a parsed document.
pub fn normalise(
    text: &str,
    document: &ExecutableDocument,
    operation_name: Option<&str>,
    variables: &Variables,
) -> Normalised {
    let mut literal = None;
    let mut variable = None;
    for (name, operation) in document.operations.iter() {
        if operation_name.is_some() && name.map(async_graphql::Name::as_str) != operation_name {
            continue;
        }
        for selection in &operation.node.selection_set.node.items {
            let Selection::Field(field) = &selection.node else { continue };
            if field.node.name.node != "bidCreated" {
                continue;
            }
            if let Some(after) = field.node.get_argument("after") {
                match after.node.to_string().strip_prefix('$') {
                    Some(name) => variable = Some(name.to_owned()),
                    None => literal = Some((after.pos.line, after.pos.column)),
                }
            }
        }
    }
    let kept = variables.iter().filter(|(name, _)| Some(name.as_str()) != variable.as_deref());
    let kept = Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect());
    Normalised { document: spaced(text, literal), variables: kept.to_string() }
}

/// The tokens of a document with one space between them; the number at `blank` (line, column) left
/// out.
fn spaced(text: &str, blank: Option<(usize, usize)>) -> String {
    let blank_at = blank.and_then(|(line, column)| offset(text, line, column));
    let mut out = String::with_capacity(text.len());
    for (at, token) in tokens(text) {
        if Some(at) != blank_at {
            out.push_str(token);
        }
        out.push(' ');
    }
    out
}

/// The byte offset of a line and column, both counted from 1, columns in characters. A carriage
/// return makes the parser's positions ambiguous: then there is none, and each cursor gets a group
/// of its own.
fn offset(text: &str, line: usize, column: usize) -> Option<usize> {
    if text.contains('\r') {
        return None;
    }
    let mut start = 0;
    for _ in 1..line {
        start += text[start..].find('\n')? + 1;
    }
    let (at, _) = text[start..].char_indices().nth(column.checked_sub(1)?)?;
    Some(start + at)
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use async_graphql::value;
    use proptest::prelude::*;

    use super::*;
    use crate::graphql::document::readable;

    fn of(text: &str, variables: Value) -> Normalised {
        let Value::Object(fields) = variables else { panic!("variables are an object") };
        let json = Value::Object(fields).into_json().unwrap();
        normalise(text, &parse_query(text).unwrap(), None, &Variables::from_json(json))
    }

    #[test]
    fn white_space_commas_and_comments_do_not_matter() {
        let a = of("subscription { bidCreated(auctionId: \"x\") { id, amount } }", value!({}));
        let b = of("subscription{bidCreated(auctionId:\"x\"){ # why\n id amount}}", value!({}));
        assert_eq!(a, b);
    }

    #[test]
    fn the_cursor_does_not_matter_as_a_variable_or_as_a_literal() {
        let text = "subscription($a: ID!, $n: Int) { bidCreated(auctionId: $a, after: $n) { id } }";
        assert_eq!(of(text, value!({"a": "x", "n": 1})), of(text, value!({"a": "x", "n": 20})));
        assert_ne!(of(text, value!({"a": "x", "n": 1})), of(text, value!({"a": "y", "n": 1})));
        let literal = |n: &str| {
            of(
                &format!("subscription {{\n bidCreated(auctionId: \"x\", after: {n}) {{ id }} }}"),
                value!({}),
            )
        };
        assert_eq!(literal("1"), literal("20"));
    }

    #[test]
    fn different_selections_aliases_and_strings_are_different_groups() {
        let of = |text| of(text, value!({}));
        let base = of("subscription { bidCreated(auctionId: \"x\") { id } }");
        for other in [
            "subscription { bidCreated(auctionId: \"x\") { id amount } }",
            "subscription { bidCreated(auctionId: \"x \") { id } }",
            "subscription { other: bidCreated(auctionId: \"x\") { id } }",
            "subscription { bidCreated(auctionId: \"x#\") { id } }",
        ] {
            assert_ne!(base, of(other), "{other}");
        }
    }

    #[test]
    fn a_carriage_return_leaves_nothing_out_that_is_not_the_cursor() {
        // The parser's column begins anew after it, its line does not: the cursor's position is then
        // that of the fragment's field, too.
        let of = |field| {
            let text = format!(
                "fragment F on Bid {{ {field} }} subscription {{ bidCreated(auctionId: \"x\",\r\
                 {:13}after: 5) {{ ...F }} }}",
                ""
            );
            of(&text, value!({}))
        };
        assert_ne!(of("bidderId"), of("amount"));
        assert!(of("bidderId").document.contains("bidderId"));
    }

    /// A subscription's tokens, its cursor last but for what it selects.
    fn operation() -> impl Strategy<Value = Vec<String>> {
        let field = prop::sample::select(vec!["id", "amount", "bidderId", "timing { sentAt }"]);
        (prop::collection::vec(field, 1..4), 0..30_u32, any::<bool>()).prop_map(
            |(fields, after, named)| {
                let name = if named {
                    "subscription Name { bidCreated ("
                } else {
                    "subscription { bidCreated ("
                };
                let fields = fields.join(" ");
                let rest = format!("auctionId : \"x\" after : {after} ) {{ ... F }} }}");
                format!("fragment F on\nBid {{ {fields} }} {name} {rest}")
                    .split(' ')
                    .map(str::to_owned)
                    .collect()
            },
        )
    }

    /// What may stand between two tokens.
    const BETWEEN: &str = "( |,|\t|\n|\r|\r\n|\u{feff}|#[a-z\" {}]{0,9}(\n|\r)){1,4}";

    fn laid_out(tokens: &[String], between: &[String]) -> String {
        let pairs = tokens.iter().zip(between.iter().cycle());
        pairs.flat_map(|(token, between)| [token.as_str(), between.as_str()]).collect()
    }

    /// A parsed document but for its positions and the value of its cursor.
    fn meaning(text: &str) -> String {
        let debug = format!("{:?}", parse_query(text).unwrap());
        let mut out = String::new();
        for part in debug.split("Pos(") {
            let rest = part.split_once(')').map_or(part, |(_, rest)| rest);
            out.push_str(if out.is_empty() { part } else { rest });
        }
        let digits = |c: char| c.is_ascii_digit();
        out.split("Number(").map(|part| part.trim_start_matches(digits)).collect()
    }

    proptest! {
        #[test]
        fn operations_share_a_group_if_and_only_if_the_parser_reads_the_same(
            (a, b) in (operation(), operation()),
            between in prop::array::uniform2(prop::collection::vec(BETWEEN, 1..8)),
        ) {
            // As requests are read, and as they came.
            let texts = [laid_out(&a, &between[0]), laid_out(&b, &between[1])];
            let read = texts.clone().map(readable);
            let [first, second] = read.clone().map(|text| of(&text, value!({})));
            let same = meaning(&read[0]) == meaning(&read[1]);
            prop_assert_eq!(first == second, same, "{:?}", read);
            if of(&texts[0], value!({})) == of(&texts[1], value!({})) {
                prop_assert_eq!(meaning(&texts[0]), meaning(&texts[1]));
            }
        }
    }
}
