//! Placeholders in variables, and paths in answers. Pure.

use serde_json::Value;

/// Stands for a text that no other mutation of the run has.
pub const MARKER: &str = "{{marker}}";
/// Stands for the number of the mutation: 1, 2, 3.
pub const NUMBER: &str = "{{n}}";

/// The same value with its placeholders filled in, wherever they are in a text. A text that is nothing
/// but `{{n}}` becomes a number.
pub fn fill(value: &Value, marker: &str, number: usize) -> Value {
    match value {
        Value::String(text) if text == NUMBER => number.into(),
        Value::String(text) => {
            text.replace(MARKER, marker).replace(NUMBER, &number.to_string()).into()
        }
        Value::Array(items) => items.iter().map(|item| fill(item, marker, number)).collect(),
        Value::Object(fields) => {
            let filled =
                fields.iter().map(|(name, value)| (name.clone(), fill(value, marker, number)));
            Value::Object(filled.collect())
        }
        other => other.clone(),
    }
}

/// The value at a path such as `placeBid.bid.id`; numbers are places in lists.
pub fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, name| match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => value.get(name),
    })
}

/// The same as text, whatever scalar it is.
pub fn text_at(value: &Value, path: &str) -> Option<String> {
    match at(value, path)? {
        Value::String(text) => Some(text.clone()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
        scalar => Some(scalar.to_string()),
    }
}

/// The marker of a run that is somewhere in an event.
pub fn marker_in(event: &str, run: &str) -> Option<String> {
    let from = event.find(run)?;
    let rest = &event[from..];
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(rest.len());
    Some(rest[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn placeholders_are_filled_wherever_they_are() {
        let variables = json!({ "input": { "id": "a-{{marker}}", "amount": "{{n}}00", "n": "{{n}}",
                                           "tags": ["{{marker}}", 7, null] } });
        let filled = json!({ "input": { "id": "a-m1", "amount": "1200", "n": 12,
                                        "tags": ["m1", 7, null] } });
        assert_eq!(fill(&variables, "m1", 12), filled);
    }

    #[test]
    fn a_path_leads_through_objects_and_lists_to_a_scalar() {
        let answer = json!({ "placeBid": { "bids": [{ "id": 7 }, { "id": "b" }] } });
        assert_eq!(text_at(&answer, "placeBid.bids.0.id").as_deref(), Some("7"));
        assert_eq!(text_at(&answer, "placeBid.bids.1.id").as_deref(), Some("b"));
        for none in ["placeBid.bids.2.id", "placeBid.bids", "", "placeBid.bids.x"] {
            assert_eq!(text_at(&answer, none), None, "{none}");
        }
    }

    #[test]
    fn a_marker_is_found_with_its_number_and_others_are_not() {
        let event = r#"{"data":{"said":{"text":"hello run-ab12-34!"}}}"#;
        assert_eq!(marker_in(event, "run-ab12").as_deref(), Some("run-ab12-34"));
        assert_eq!(marker_in(event, "run-cd"), None);
    }
}
