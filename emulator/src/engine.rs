//! Runs one call on dynoxide, in process.
//!
//! The engine has one mutex and runs its SQL on the calling thread, so it is
//! called only from the emulator's own thread (FACTS 6).

use dynoxide::{Database, DynoxideError};

use crate::call::{Call, Operation, Reply, with_operations};

/// The engine behind every layer.
#[derive(Clone)]
pub(crate) struct Engine {
    database: Database,
}

macro_rules! define_run {
    ($($name:ident $method:ident,)*) => {
        fn run(database: &Database, operation: Operation, body: &str) -> dynoxide::Result<String> {
            match operation {
                Operation::DescribeStream => {
                    let mut response = database.describe_stream(decode(body)?)?;
                    for shard in &mut response.stream_description.shards {
                        // dynoxide states an end on its one, still open shard (FACTS 6);
                        // on AWS an end says that the shard is closed.
                        shard.sequence_number_range.ending_sequence_number = None;
                    }
                    encode(&response)
                }
                $(#[allow(unreachable_patterns)]
                Operation::$name => encode(&database.$method(decode(body)?)?),)*
            }
        }
    };
}
with_operations!(define_run);

impl Engine {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Runs `call` to its end on this thread.
    pub(crate) fn call(&self, call: &Call) -> Reply {
        match run(&self.database, call.operation, &call.body) {
            Ok(body) => Reply { status: 200, body },
            Err(error) => {
                if error.status_code() >= 500 {
                    tracing::error!(operation = ?call.operation, %error, "the engine failed");
                }
                Reply { status: error.status_code(), body: error.to_json() }
            }
        }
    }
}

fn encode<T: serde::Serialize>(response: &T) -> dynoxide::Result<String> {
    serde_json::to_string(response)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

fn decode<T: serde::de::DeserializeOwned>(body: &str) -> dynoxide::Result<T> {
    serde_json::from_str(body).map_err(|error| refusal(&error.to_string()))
}

/// Which DynamoDB error a body that does not decode gets.
///
/// dynoxide's decoders mark the class in the message's first word; its own
/// server reads the marks, and so does this.
fn refusal(message: &str) -> DynoxideError {
    let text = message.split(" at line ").next().unwrap_or(message);
    let mark_and_rest = text.split_once(':');
    match mark_and_rest {
        Some(("VALIDATION" | "VALIDATION_REQUEST" | "VALIDATION_AS_READ", rest)) => {
            return DynoxideError::ValidationException(rest.to_owned());
        }
        Some(("SERIALIZATION" | "SERIALIZATION_AS_READ", rest)) => {
            return DynoxideError::SerializationException(rest.to_owned());
        }
        _ => {}
    }
    let is_validation =
        ["missing field", "unknown variant", "invalid type: null", "AttributeValue"]
            .iter()
            .any(|words| text.contains(words));
    if is_validation {
        DynoxideError::ValidationException(text.to_owned())
    } else {
        DynoxideError::SerializationException(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(operation: Operation, body: &str) -> Reply {
        let engine = Engine::new(Database::memory().unwrap());
        engine.call(&Call { operation, body: body.to_owned() })
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
        let reply =
            reply(Operation::PutItem, r#"{"TableName": "t", "Item": {"a": {"NULL": false}}}"#);
        assert!(reply.body.contains("#ValidationException"), "{}", reply.body);
        assert!(!reply.body.contains("VALIDATION_"), "{}", reply.body);
    }
}
