//! Failed fields in the data of a query: replaces them as the specification demands. Pure.
//!
//! The library leaves a failed field out of its object. That does not match what was selected:
//! clients with a normalised cache treat it as a field that they did not ask for. The specification
//! propagates null to the nearest nullable field; in this schema that is a root field of the type
//! Auction, or else all of `data`.
//!
//! Mutations are left alone: the failure of one does not undo what another has done.

use async_graphql::{PathSegment, Response, Value};

/// Puts null where a field is missing because it failed.
pub(super) fn propagate(response: &mut Response) {
    for error in &response.errors {
        let Value::Object(roots) = &mut response.data else { return };
        let [PathSegment::Field(root), rest @ ..] = error.path.as_slice() else { continue };
        let is_in_list = rest.iter().any(|segment| matches!(segment, PathSegment::Index(_)));
        match roots.get_mut(root.as_str()) {
            Some(value) if !lacks(value, rest) => {}
            // An auction by id.
            Some(value) if !is_in_list => *value = Value::Null,
            _ => response.data = Value::Null,
        }
    }
}

/// Whether the field at the end of a path is missing.
fn lacks(value: &Value, path: &[PathSegment]) -> bool {
    match (path, value) {
        ([], _) => false,
        ([PathSegment::Field(name), rest @ ..], Value::Object(fields)) => {
            fields.get(name.as_str()).is_none_or(|inner| lacks(inner, rest))
        }
        ([PathSegment::Index(at), rest @ ..], Value::List(items)) => {
            items.get(*at).is_none_or(|inner| lacks(inner, rest))
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::ServerError;
    use serde_json::json;

    use super::*;

    fn propagated(data: serde_json::Value, path: serde_json::Value) -> serde_json::Value {
        let mut error = ServerError::new("failed", None);
        error.path = serde_json::from_value(path).unwrap();
        let mut response = Response::new(Value::from_json(data).unwrap());
        response.errors.push(error);
        propagate(&mut response);
        response.data.into_json().unwrap()
    }

    #[test]
    fn what_lacks_a_field_that_failed_is_null_up_to_what_may_be_null() {
        let null = serde_json::Value::Null;
        let me = json!({ "id": "ann" });
        // The auction itself failed: null already.
        let found = propagated(json!({ "a": null, "me": me }), json!(["a"]));
        assert_eq!(found, json!({ "a": null, "me": me }));
        // Its bids failed, beside other fields and alone.
        let found = propagated(json!({ "a": { "id": "1" }, "me": me }), json!(["a", "bids"]));
        assert_eq!(found, json!({ "a": null, "me": me }));
        let found = propagated(json!({ "a": null, "me": me }), json!(["a", "bids"]));
        assert_eq!(found, json!({ "a": null, "me": me }));
        // In a list nothing may be null.
        let nodes = json!({ "auctions": { "nodes": [{ "id": "1" }, { "id": "2" }] }, "me": me });
        assert_eq!(propagated(nodes, json!(["auctions", "nodes", 1, "bids"])), null);
        let nodes = json!({ "auctions": { "nodes": [null] }, "me": me });
        assert_eq!(propagated(nodes, json!(["auctions", "nodes", 0, "bids"])), null);
        // Nor may the list of auctions.
        assert_eq!(propagated(json!({ "me": me }), json!(["auctions"])), null);
        // What is there stays.
        let kept = json!({ "a": { "bids": { "nodes": [] } } });
        assert_eq!(propagated(kept.clone(), json!(["a", "bids"])), kept);
    }
}
