//! Tests of engine.

use super::*;

fn reply(operation: Operation, body: &str) -> Reply {
    let store = crate::store::Store::temporary().unwrap();
    let engine = Engine::new(store.database.clone(), store.streams.clone(), Bounds::default());
    Engine::call(&engine, &Call::new(operation, body.to_owned(), arn::DEFAULT_REGION))
}

#[test]
fn an_unknown_table_is_told_as_dynamodb_does() {
    let reply = reply(Operation::DescribeTable, r#"{"TableName": "absent"}"#);
    assert_eq!(reply.status, 400);
    assert!(reply.body.contains("#ResourceNotFoundException"), "{}", reply.body);
}

#[test]
fn a_body_that_is_not_json_is_a_serialization_exception() {
    let reply = reply(Operation::ListTables, "not json");
    assert_eq!(reply.status, 400);
    assert!(reply.body.contains("#SerializationException"), "{}", reply.body);
}

#[test]
fn a_missing_member_is_a_validation_exception_without_engine_marks() {
    let reply = reply(Operation::PutItem, r#"{"TableName": "t", "Item": {"a": {"NULL": false}}}"#);
    assert!(reply.body.contains("#ValidationException"), "{}", reply.body);
    assert!(!reply.body.contains("VALIDATION_"), "{}", reply.body);
}
