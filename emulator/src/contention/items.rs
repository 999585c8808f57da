//! Which items a call writes, and how many write units that costs: pure.

use serde_json::{Map, Value};

use crate::call::Operation;

/// The names of a table's key attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyNames {
    pub(crate) partition: String,
    pub(crate) sort: Option<String>,
}

impl KeyNames {
    /// The names in a key schema, as `DescribeTable` returns it.
    pub(crate) fn of_schema(json: &str) -> Option<Self> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Element {
            attribute_name: String,
            key_type: String,
        }
        let elements: Vec<Element> = serde_json::from_str(json).ok()?;
        let named = |kind: &str| {
            let element = elements.iter().find(|element| element.key_type == kind);
            element.map(|element| element.attribute_name.clone())
        };
        Some(Self { partition: named("HASH")?, sort: named("RANGE") })
    }
}

/// One item that a call writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Touch {
    /// Table and partition key: what is throttled.
    pub(crate) partition: String,
    /// Table and both keys: what conflicts.
    pub(crate) item: String,
    /// Write units (SOURCES.md#writes): one a started KB, doubled in a transaction.
    pub(crate) units: u32,
}

/// Bytes that one write unit covers.
const UNIT_BYTES: usize = 1024;

/// How many actions a transaction's body holds; at least 1.
pub(crate) fn action_count(body: &str) -> usize {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    body["TransactItems"].as_array().map_or(1, Vec::len).max(1)
}

/// The items that a call of `operation` writes, in the order of its actions;
/// none for reads, for `PartiQL`, and for bodies that the engine will refuse.
///
/// The size of an item that is put is taken from the request. An update's is
/// not known here: it counts as one unit, as do a delete and a condition check.
pub(crate) fn touched(
    operation: Operation,
    body: &Value,
    key_names: &mut dyn FnMut(&str) -> Option<KeyNames>,
) -> Vec<Touch> {
    let mut touch = |action: &Value, factor| touch(action, factor, key_names);
    match operation {
        Operation::PutItem | Operation::UpdateItem | Operation::DeleteItem => {
            touch(body, 1).into_iter().collect()
        }
        Operation::TransactWriteItems => {
            let actions = body["TransactItems"].as_array().map_or(&[][..], Vec::as_slice);
            let touches = actions.iter().map(|action| {
                let action = action.as_object()?.values().next()?;
                touch(action, 2)
            });
            // A body that is only partly understood is left to the engine.
            touches.collect::<Option<Vec<_>>>().unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

fn touch(
    action: &Value,
    factor: u32,
    key_names: &mut dyn FnMut(&str) -> Option<KeyNames>,
) -> Option<Touch> {
    let table = action["TableName"].as_str()?;
    let names = key_names(table)?;
    let item = action["Item"].as_object();
    let keys = item.or_else(|| action["Key"].as_object())?;
    let partition = format!("{table} {}", keys.get(&names.partition)?);
    let sort = names.sort.and_then(|sort| keys.get(&sort)).map(Value::to_string);
    let size = item.map_or(0, size_bytes);
    Some(Touch {
        item: format!("{partition} {}", sort.unwrap_or_default()),
        partition,
        units: factor * (size.div_ceil(UNIT_BYTES).max(1) as u32),
    })
}

/// About DynamoDB's own size of an item: its names and values.
fn size_bytes(item: &Map<String, Value>) -> usize {
    item.iter().map(|(name, value)| name.len() + value_bytes(value)).sum()
}

fn value_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(value_bytes).sum::<usize>() + 3,
        // The one member's name is the type, which costs nothing.
        Value::Object(members) => members.values().map(value_bytes).sum(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn names(table: &str) -> Option<KeyNames> {
        (table == "gavel").then(|| KeyNames { partition: "pk".into(), sort: Some("sk".into()) })
    }

    fn put(sk: &str, text: &str) -> Value {
        json!({"TableName": "gavel", "Item": {"pk": {"S": "a"}, "sk": {"S": sk}, "t": {"S": text}}})
    }

    #[test]
    fn a_put_touches_its_item_and_costs_a_unit_a_started_kilobyte() {
        let small = touched(Operation::PutItem, &put("1", "x"), &mut names);
        assert_eq!(small[0].partition, r#"gavel {"S":"a"}"#);
        assert_eq!(small[0].item, r#"gavel {"S":"a"} {"S":"1"}"#);
        assert_eq!(small[0].units, 1);
        let large = touched(Operation::PutItem, &put("1", &"x".repeat(1024)), &mut names);
        assert_eq!(large[0].units, 2);
    }

    #[test]
    fn a_transaction_touches_each_action_at_twice_the_cost() {
        let key = json!({"pk": {"S": "a"}, "sk": {"S": "STATE"}});
        let body = json!({"TransactItems": [
            {"Update": {"TableName": "gavel", "Key": key, "UpdateExpression": "SET v = :v"}},
            {"Put": put("1", "x")},
        ]});
        let touches = touched(Operation::TransactWriteItems, &body, &mut names);
        assert_eq!(touches.iter().map(|t| t.units).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(touches[0].partition, touches[1].partition);
        assert_ne!(touches[0].item, touches[1].item);
        assert_eq!(action_count(&body.to_string()), 2);
    }

    #[test]
    fn what_is_not_understood_is_left_to_the_engine() {
        for body in [json!({}), json!({"TransactItems": [{"Put": {}}]}), json!(null)] {
            assert!(touched(Operation::TransactWriteItems, &body, &mut names).is_empty());
            assert!(touched(Operation::PutItem, &body, &mut names).is_empty());
        }
        let unknown_table = json!({"TableName": "other", "Key": {"pk": {"S": "a"}}});
        assert!(touched(Operation::DeleteItem, &unknown_table, &mut names).is_empty());
    }
}
