//! Runs one call on dynoxide, in process.
//!
//! The engine has one mutex and runs its SQL on the calling thread, so calls
//! are run only on the emulator's own thread (FACTS 6); the control and the
//! upkeep reach in from theirs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use dynoxide::actions::get_records::{GetRecordsRequest, Record};
use dynoxide::actions::get_shard_iterator::encode_shard_iterator;
use dynoxide::actions::list_tables::ListTablesRequest;
use dynoxide::{Database, DynoxideError};
use tower::Service;

use crate::call::{Answer, Call, Hangup, Kind, Operation, Reply, at_once, with_operations};
use crate::clock::Micros;
use crate::contention::items::KeyNames;
use crate::store::StreamTable;

/// What dynoxide adds to a record's number to give it DynamoDB's 21 digits.
const SEQUENCE_NUMBER_OFFSET: u128 = 100_000_000_000_000_000_000;

/// The engine behind every layer.
#[derive(Clone)]
pub(crate) struct Engine {
    database: Database,
    /// Calls that may have written, so that who follows a stream knows when
    /// there is nothing new.
    writes: Arc<AtomicU64>,
    /// Calls that may have made or deleted a table, and so a stream.
    tables: Arc<AtomicU64>,
    streams: StreamTable,
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
    pub(crate) fn new(database: Database, streams: StreamTable) -> Self {
        Self { database, writes: Arc::default(), tables: Arc::default(), streams }
    }

    /// Runs `call` to its end on this thread.
    pub(crate) fn call(&self, call: &Call) -> Reply {
        let result = run(&self.database, call.operation, &call.body);
        if matches!(call.operation.kind(), Kind::Write | Kind::Table) {
            self.writes.fetch_add(1, Ordering::Release);
        }
        if call.operation.kind() == Kind::Table {
            self.tables.fetch_add(1, Ordering::Release);
        }
        match result {
            Ok(body) => {
                if call.operation == Operation::DeleteTable {
                    self.forget_stream(&call.body);
                }
                Reply::ok(body)
            }
            Err(error) => {
                if error.status_code() >= 500 {
                    tracing::error!(operation = ?call.operation, %error, "the engine failed");
                }
                refused(&error)
            }
        }
    }

    /// dynoxide leaves a deleted table's records to the next one of its name.
    fn forget_stream(&self, body: &str) {
        let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
        let table = body["TableName"].as_str().unwrap_or_default();
        if let Err(error) = self.streams.forget(table) {
            tracing::error!(table, %error, "a deleted table's stream is still there");
        }
    }

    /// Deletes stream records committed before `oldest`.
    pub(crate) fn prune_streams(&self, oldest: Micros) {
        let tables = self.database.list_tables(ListTablesRequest::default());
        for table in tables.map(|tables| tables.table_names).unwrap_or_default() {
            match self.streams.prune(&table, oldest) {
                Ok(0) => {}
                Ok(records) => tracing::debug!(table, records, "old stream records are gone"),
                Err(error) => tracing::warn!(table, %error, "old stream records are kept"),
            }
        }
    }

    /// Deletes items whose time to live is over.
    pub(crate) fn sweep_expired_items(&self) {
        match self.database.sweep_ttl() {
            Ok(items) => tracing::debug!(items, "expired items are gone"),
            Err(error) => tracing::warn!(%error, "expired items are kept"),
        }
        self.writes.fetch_add(1, Ordering::Release);
    }

    /// Calls so far that may have written.
    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Acquire)
    }

    /// Calls so far that may have made or deleted a table.
    pub(crate) fn tables(&self) -> u64 {
        self.tables.load(Ordering::Acquire)
    }

    /// The names of the key attributes of `table`, if there is one.
    pub(crate) fn key_names(&self, table: &str) -> Option<KeyNames> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Element {
            attribute_name: String,
            key_type: String,
        }
        let schema = self.database.get_table_metadata(table).ok()??.key_schema;
        let elements: Vec<Element> = serde_json::from_str(&schema).ok()?;
        let named = |kind: &str| {
            let element = elements.iter().find(|element| element.key_type == kind);
            element.map(|element| element.attribute_name.clone())
        };
        Some(KeyNames { partition: named("HASH")?, sort: named("RANGE") })
    }

    /// The label of the stream of `table`, if it has one.
    pub(crate) fn stream_label(&self, table: &str) -> Option<String> {
        let metadata = self.database.get_table_metadata(table).ok()??;
        metadata.stream_label.filter(|_| metadata.stream_enabled)
    }

    /// The next records of the stream of `table`, at most a page.
    pub(crate) fn records_after(&self, table: &str, number: u64) -> Result<Vec<Record>, Reply> {
        let shard = dynoxide::streams::shard_id(table);
        let shard_iterator = encode_shard_iterator(table, &shard, number.cast_signed());
        let request = GetRecordsRequest { shard_iterator, limit: None };
        let page = self.database.get_records(request).map_err(|error| refused(&error))?;
        Ok(page.records)
    }

    /// A record's number: the microsecond of its commit, and more than the last.
    pub(crate) fn record_number(record: &Record) -> u64 {
        let public: u128 = record.dynamodb.sequence_number.parse().unwrap_or_default();
        public.saturating_sub(SEQUENCE_NUMBER_OFFSET) as u64
    }
}

impl Service<Call> for Engine {
    type Response = Reply;
    type Error = Hangup;
    type Future = Answer;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Hangup>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Answer {
        at_once(Self::call(self, &call))
    }
}

fn refused(error: &DynoxideError) -> Reply {
    Reply { status: error.status_code(), body: error.to_json() }
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
        let store = crate::store::Store::temporary().unwrap();
        let engine = Engine::new(store.database.clone(), store.streams.clone());
        Engine::call(&engine, &Call::new(operation, body.to_owned()))
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
