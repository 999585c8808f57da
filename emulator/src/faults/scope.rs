//! Which calls a fault is aimed at, beyond its [`Target`](super::Target): pure.

use serde_json::Value;

use crate::call::Call;

/// Narrows to one operation, one table, one key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) operation: Option<&'a str>,
    pub(super) table: Option<&'a str>,
    pub(super) key: Option<&'a str>,
}

impl Scope<'_> {
    /// Whether `call` is in it. `body` is its body, parsed once for all rules.
    pub(super) fn includes(self, call: &Call, body: &mut Option<Value>) -> bool {
        if self.operation.is_some_and(|operation| operation != call.operation.name()) {
            return false;
        }
        if self.table.is_none() && self.key.is_none() {
            return true;
        }
        let body = body.get_or_insert_with(|| serde_json::from_str(&call.body).unwrap_or_default());
        self.table.is_none_or(|table| names_table(body, table))
            && self.key.is_none_or(|key| names_key(body, key))
    }
}

/// Whether a request is about `table`, by its name or in an ARN or an iterator.
pub(crate) fn names_table(value: &Value, table: &str) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(name, value)| match name.as_str() {
            "TableName" | "StreamArn" | "ResourceArn" | "ShardIterator" => {
                value.as_str().is_some_and(|text| is_table(text, table))
            }
            "RequestItems" => value.get(table).is_some(),
            // What items and expressions hold is no name of a table.
            "Item" | "Key" | "ExpressionAttributeValues" => false,
            _ => names_table(value, table),
        }),
        Value::Array(values) => values.iter().any(|value| names_table(value, table)),
        _ => false,
    }
}

fn is_table(text: &str, table: &str) -> bool {
    if text == table {
        return true;
    }
    let named = text.split_once(":table/").map(|(_, rest)| rest);
    named.and_then(|rest| rest.split('/').next()) == Some(table)
}

/// Whether a request holds `key` as the value of an attribute: of an item, a key or an expression.
fn names_key(value: &Value, key: &str) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(name, value)| match value {
            Value::String(text) => matches!(name.as_str(), "S" | "N" | "B") && text == key,
            value => names_key(value, key),
        }),
        Value::Array(values) => values.iter().any(|value| names_key(value, key)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arn::DEFAULT_REGION;
    use crate::call::Operation;
    use serde_json::json;

    fn is_in(scope: Scope<'_>, operation: Operation, body: &Value) -> bool {
        let call = Call::new(operation, body.to_string(), DEFAULT_REGION);
        scope.includes(&call, &mut None)
    }

    const ALL: Scope<'static> = Scope { operation: None, table: None, key: None };

    #[test]
    fn a_table_is_named_in_many_ways_but_not_by_an_items_value() {
        let scope = Scope { table: Some("bids"), ..ALL };
        let arn = "arn:aws:dynamodb:us-east-1:0:table/bids/stream/1.2";
        for body in [
            json!({"TableName": "bids"}),
            json!({"TransactItems": [{"Put": {"TableName": "x"}}, {"Put": {"TableName": "bids"}}]}),
            json!({"RequestItems": {"bids": []}}),
            json!({"StreamArn": arn}),
            json!({"ShardIterator": format!("{arn}|1")}),
        ] {
            assert!(is_in(scope, Operation::PutItem, &body), "{body}");
        }
        for body in [
            json!({}),
            json!({"TableName": "bids2"}),
            json!({"TableName": "x", "Item": {"TableName": {"S": "bids"}}}),
            json!({"StreamArn": "arn:aws:dynamodb:us-east-1:0:table/bids2/stream/1.2"}),
        ] {
            assert!(!is_in(scope, Operation::PutItem, &body), "{body}");
        }
    }

    #[test]
    fn a_key_is_a_value_of_an_item_a_key_or_an_expression() {
        let scope = Scope { key: Some("a#1"), ..ALL };
        for body in [
            json!({"Item": {"pk": {"S": "a#1"}}}),
            json!({"TransactItems": [{"Update": {"Key": {"pk": {"S": "a#1"}}}}]}),
            json!({"ExpressionAttributeValues": {":pk": {"S": "a#1"}}}),
        ] {
            assert!(is_in(scope, Operation::PutItem, &body), "{body}");
        }
        for body in [json!({"TableName": "a#1"}), json!({"Item": {"pk": {"S": "a#10"}}})] {
            assert!(!is_in(scope, Operation::PutItem, &body), "{body}");
        }
    }

    #[test]
    fn an_operation_is_matched_by_its_name_and_all_parts_must_match() {
        let scope = Scope { operation: Some("DescribeTable"), table: Some("t"), key: None };
        let body = json!({"TableName": "t"});
        assert!(is_in(scope, Operation::DescribeTable, &body));
        assert!(!is_in(scope, Operation::UpdateTable, &body));
        assert!(!is_in(scope, Operation::DescribeTable, &json!({"TableName": "u"})));
        assert!(is_in(ALL, Operation::UpdateTable, &Value::Null));
    }
}
