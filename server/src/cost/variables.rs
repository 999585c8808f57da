//! The variables of a request, limited to those that its operation declares. Pure.
//!
//! They stay text until the document is parsed, because a parsed value takes many times the size of
//! its text: undeclared variables are never parsed, and declared ones are measured first.

use std::collections::HashSet;
use std::fmt;

use async_graphql::Variables;
use async_graphql::parser::types::OperationDefinition;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::limits;

/// Why variables are invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VariablesError {
    /// Not an object.
    #[error("variables must be a JSON object")]
    NotAnObject,
    /// A value that is not valid JSON for this service.
    #[error("variables: ${0} cannot be read: {1}")]
    Value(String, String),
    /// Too long.
    #[error("the variables that the operation declares are larger than {0} bytes")]
    TooLarge(usize),
    /// Too many values.
    #[error("the variables that the operation declares have more than {0} values")]
    TooMany(usize),
}

/// The variables that an operation declares, from the text of a JSON object (`None`: there are
/// none).
pub fn declared(
    text: Option<&RawValue>,
    operation: &OperationDefinition,
    bytes_max: usize,
) -> Result<Variables, VariablesError> {
    let Some(text) = text.map(RawValue::get).filter(|text| *text != "null") else {
        return Ok(Variables::default());
    };
    let names: HashSet<&str> = operation
        .variable_definitions
        .iter()
        .map(|definition| definition.node.name.node.as_str())
        .collect();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let kept = deserializer
        .deserialize_map(Declared { names: &names })
        .map_err(|_| VariablesError::NotAnObject)?;
    let bytes: usize = kept.iter().map(|(_, value)| value.get().len()).sum();
    if bytes > bytes_max {
        return Err(VariablesError::TooLarge(bytes_max));
    }
    let values: usize = kept.iter().map(|(_, value)| count_values(value.get())).sum();
    if values > limits::VARIABLE_VALUES_MAX {
        return Err(VariablesError::TooMany(limits::VARIABLE_VALUES_MAX));
    }
    let mut read = serde_json::Map::new();
    for (name, value) in kept {
        let value = serde_json::from_str(value.get())
            .map_err(|error| VariablesError::Value(name.clone(), error.to_string()))?;
        read.insert(name, value);
    }
    Ok(Variables::from_json(serde_json::Value::Object(read)))
}

struct Declared<'n> {
    names: &'n HashSet<&'n str>,
}

impl<'de> Visitor<'de> for Declared<'_> {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of variables")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut kept: Vec<(String, &'de RawValue)> = Vec::new();
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if !self.names.contains(name.as_ref()) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = map.next_value::<&'de RawValue>()?;
            // As in any JSON object, the last one of a name counts.
            kept.retain(|(known, _)| *known != name);
            kept.push((name.into_owned(), value));
        }
        Ok(kept)
    }
}

/// The number of values in a JSON text, counted by the separators between them.
fn count_values(text: &str) -> usize {
    let (mut count, mut in_string, mut escaped) = (1, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' | b',' if !in_string => count += 1,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::*;

    fn of(document: &str, variables: &str) -> Result<Variables, VariablesError> {
        let document = parse_query(document).unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        let raw: Box<RawValue> = serde_json::from_str(variables).unwrap();
        declared(Some(&raw), &operation.node, 1000)
    }

    #[test]
    fn what_the_operation_declares_is_kept_and_nothing_else() {
        let kept = of("query($a: Int, $b: [Int]) { x }", r#"{"a":1,"c":[[{"d":2}]],"b":[3,4]}"#);
        let expected = Variables::from_json(json!({ "a": 1, "b": [3, 4] }));
        assert_eq!(kept, Ok(expected));
        assert_eq!(of("{ x }", r#"{"a":1}"#), Ok(Variables::default()));
        assert_eq!(of("{ x }", "null"), Ok(Variables::default()));
        let last = Variables::from_json(json!({ "a": 2 }));
        assert_eq!(of("query($a: Int) { x }", r#"{"a":1,"\u0061":2}"#), Ok(last));
    }

    #[test]
    fn only_what_is_declared_counts_towards_the_limits() {
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(2000));
        assert_eq!(of("query($b: Int) { x }", &long), Ok(Variables::default()));
        assert_eq!(of("query($a: Int) { x }", &long), Err(VariablesError::TooLarge(1000)));
        let max = limits::VARIABLE_VALUES_MAX;
        let document = parse_query("query($a: Int) { x }").unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        let list = |values: usize| format!(r#"{{"a":[{}0]}}"#, "0,".repeat(values - 2));
        for (values, expected) in [(max, true), (max + 1, false)] {
            let raw: Box<RawValue> = serde_json::from_str(&list(values)).unwrap();
            assert_eq!(declared(Some(&raw), &operation.node, 1 << 20).is_ok(), expected);
        }
    }

    #[test]
    fn what_is_no_object_or_no_text_is_named() {
        assert_eq!(of("{ x }", "[]"), Err(VariablesError::NotAnObject));
        let lone = of("query($a: String) { x }", r#"{"a":"\ud83d"}"#);
        assert!(matches!(lone, Err(VariablesError::Value(name, _)) if name == "a"));
        assert_eq!(of("{ x }", r#"{"a":"\ud83d"}"#), Ok(Variables::default()));
    }

    #[test]
    fn a_string_is_one_value_whatever_stands_in_it() {
        assert_eq!(count_values(r#""[,{\"[\\""#), 1);
        assert_eq!(count_values(r#"{"a":[1,2],"b":{}}"#), 6);
    }
}
