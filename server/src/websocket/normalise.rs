//! Normalising an operation, so that subscribers who ask the same thing share a group. Pure.
//!
//! Two operations are the same if their documents have the same tokens and their variables the
//! same values, but for the cursor `after` of the root field, which is each subscriber's own.

use async_graphql::parser::types::{ExecutableDocument, Selection};
use async_graphql::{Value, Variables};

/// The normalised document and variables of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Normalised {
    /// The tokens of the document, a space between each, the cursor blanked out.
    pub document: String,
    /// The variables but the cursor's, as JSON.
    pub variables: String,
}

/// Normalises the operation of this name (the only one if `None`) of a parsed document.
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
    Normalised { document: tokens(text, literal), variables: kept.to_string() }
}

/// The tokens of a document with one space between them; the number at `blank` (line, column) left
/// out.
fn tokens(text: &str, blank: Option<(usize, usize)>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let blank_at = blank.and_then(|(line, column)| offset(text, line, column));
    loop {
        let at = text.len() - rest.len();
        let Some(first) = rest.chars().next() else { return out };
        if first.is_whitespace() || first == ',' || first == '\u{feff}' {
            rest = &rest[first.len_utf8()..];
            continue;
        }
        if first == '#' {
            rest = rest.find(['\n', '\r']).map_or("", |end| &rest[end..]);
            continue;
        }
        let length = token_length(rest, first);
        if Some(at) != blank_at {
            out.push_str(&rest[..length]);
        }
        out.push(' ');
        rest = &rest[length..];
    }
}

fn token_length(rest: &str, first: char) -> usize {
    if rest.starts_with("\"\"\"") {
        return block_string_length(rest);
    }
    if first == '"' {
        return string_length(rest);
    }
    if first.is_ascii_alphanumeric() || matches!(first, '_' | '-' | '$' | '@') {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '+' | '-');
        return rest[1..].find(|c| !is_part(c)).map_or(rest.len(), |end| 1 + end);
    }
    first.len_utf8()
}

fn string_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn block_string_length(rest: &str) -> usize {
    let mut from = 3;
    while let Some(end) = rest[from..].find("\"\"\"") {
        let at = from + end;
        if !rest[..at].ends_with('\\') {
            return at + 3;
        }
        from = at + 3;
    }
    rest.len()
}

/// The byte at a line and column, both counted from 1, columns in characters.
fn offset(text: &str, line: usize, column: usize) -> Option<usize> {
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

    use super::*;

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
}
