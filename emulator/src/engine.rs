//! Runs one call on dynoxide, in process.
//!
//! The engine has one mutex and runs its SQL on the calling thread, so calls
//! are run only on the emulator's own thread (SOURCES.md#embedded); the control and the
//! upkeep reach in from theirs. Streams are read past it: see `store`.

mod tokens;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use dynoxide::actions::transact_write_items::TransactWriteItemsRequest;
use dynoxide::{Database, DynoxideError};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tower::Service;

use crate::arn::{self, StreamName};
use crate::call::{
    Answer, Call, DroppedConnection, Kind, Operation, Reply, at_once, with_operations,
};
use crate::clock::{self, Micros};
use crate::contention::items::KeyNames;
use crate::store::{Page, Stream, StreamTable, watch_unchanged};
use tokens::{Seen, Tokens};

/// The longest token that DynamoDB takes; longer ones are refused by the engine.
const TOKEN_CHARS_MAX: usize = 36;
/// Bytes of written requests between two checks of the size of the database.
const BYTES_BETWEEN_LOOKS: u64 = 64 * 1024;

/// Records of a page and its bytes (SOURCES.md#streams).
pub(crate) const PAGE_RECORDS_MAX: usize = 1_000;
pub(crate) const PAGE_BYTES_MAX: usize = 1_000_000;

/// How much a database may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Bounds {
    /// Bytes; beyond, writes are refused. `None`: as the disk has.
    pub(crate) bytes_max: Option<u64>,
    /// Stream records, of all tables together; the oldest go. `None`: those of a day.
    pub(crate) records_max: Option<u64>,
}

/// The engine behind every layer.
#[derive(Clone)]
pub(crate) struct Engine {
    database: Database,
    /// Calls that may have written, so that who follows a stream knows when
    /// there is nothing new.
    writes: Arc<AtomicU64>,
    /// Calls that may have made, changed or deleted a table, and so a stream.
    tables: Arc<AtomicU64>,
    streams: StreamTable,
    /// Streams that were asked for, at the count of `tables` then.
    known: Arc<Mutex<(u64, HashMap<StreamName, Stream>)>>,
    tokens: Arc<Mutex<Tokens>>,
    bounds: Bounds,
    /// Bytes of written requests since the last look.
    written: Arc<AtomicU64>,
    is_full: Arc<AtomicBool>,
}

macro_rules! define_run {
    ($($name:ident $method:ident,)*) => {
        fn run(database: &Database, operation: Operation, body: &str) -> dynoxide::Result<String> {
            match operation {
                $(Operation::$name => encode(&database.$method(decode(body)?)?),)*
            }
        }
    };
}
with_operations!(define_run);

impl Engine {
    pub(crate) fn new(database: Database, streams: StreamTable, bounds: Bounds) -> Self {
        Self {
            database,
            writes: Arc::default(),
            tables: Arc::default(),
            streams,
            known: Arc::default(),
            tokens: Arc::default(),
            bounds,
            written: Arc::default(),
            is_full: Arc::default(),
        }
    }

    /// Runs `call` to its end on this thread.
    pub(crate) fn call(&self, call: &Call) -> Reply {
        match call.operation.kind() {
            Kind::Write => self.write(call),
            Kind::Table => self.table(call),
            Kind::Read | Kind::Stream => {
                reply(call.operation, run(&self.database, call.operation, &call.body))
            }
        }
    }

    fn write(&self, call: &Call) -> Reply {
        if self.is_over_bounds(call.body.len() as u64) && call.operation != Operation::DeleteItem {
            let most = self.bounds.bytes_max.unwrap_or_default() / (1024 * 1024);
            return Reply::refused(
                "RequestLimitExceeded",
                &format!("The temporary database is full: it may hold {most} MiB."),
            );
        }
        let result = if call.operation == Operation::TransactWriteItems {
            self.transact(&call.body)
        } else {
            run(&self.database, call.operation, &call.body)
        };
        self.writes.fetch_add(1, Ordering::Release);
        reply(call.operation, result)
    }

    fn transact(&self, body: &str) -> dynoxide::Result<String> {
        let mut request: TransactWriteItemsRequest = decode(body)?;
        let token = &mut request.client_request_token;
        let Some(token) = token.take_if(|token| token.len() <= TOKEN_CHARS_MAX) else {
            return encode(&self.database.transact_write_items(request)?);
        };
        let items = serde_json::to_value(&request.transact_items);
        let items = items.map_err(|error| DynoxideError::InternalServerError(error.to_string()))?;
        let transaction = tokens::hash_by_content(&items);
        // Held until the end: the same token does not run twice.
        let mut tokens = self.tokens.lock();
        match tokens.look(&token, transaction, clock::now()) {
            Seen::Same(answer) => Ok(answer),
            Seen::Other => Err(DynoxideError::IdempotentParameterMismatchException(
                "The token was used for a transaction with other parameters.".to_owned(),
            )),
            Seen::New => {
                let answer = encode(&self.database.transact_write_items(request)?)?;
                tokens.remember(&token, transaction, &answer, clock::now());
                Ok(answer)
            }
        }
    }

    /// Keeps the number of records and the size within their bounds; whether it is too large.
    fn is_over_bounds(&self, bytes: u64) -> bool {
        if self.bounds == Bounds::default() {
            return false;
        }
        let written = self.written.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if written >= BYTES_BETWEEN_LOOKS || self.is_full.load(Ordering::Relaxed) {
            self.written.store(0, Ordering::Relaxed);
            let kept = self.bounds.records_max.map_or(Ok(0), |most| self.streams.keep_last(most));
            let used = kept.and_then(|_| self.streams.bytes_used());
            match used {
                Ok(used) => {
                    let is_full = self.bounds.bytes_max.is_some_and(|most| used > most);
                    self.is_full.store(is_full, Ordering::Relaxed);
                }
                Err(error) => tracing::warn!(%error, "cannot read the size of the database"),
            }
        }
        self.is_full.load(Ordering::Relaxed)
    }

    /// Makes, changes or describes tables.
    fn table(&self, call: &Call) -> Reply {
        let body = arn::inward(&call.body);
        let request: Value = serde_json::from_str(&body).unwrap_or_default();
        let table = request["TableName"].as_str().unwrap_or_default();
        let changes = matches!(
            call.operation,
            Operation::CreateTable | Operation::UpdateTable | Operation::DeleteTable
        );
        let before = if changes { self.streams.enabled(table).ok().flatten() } else { None };
        if call.operation == Operation::UpdateTable
            && let Some(refusal) = self.stream_refusal(table, before.is_some(), &request)
        {
            return refusal;
        }
        let mut reply = reply(call.operation, run(&self.database, call.operation, &body));
        if changes {
            if reply.status == 200 {
                self.note_change(call.operation, table, before.as_ref());
            }
            self.tables.fetch_add(1, Ordering::Release);
            self.writes.fetch_add(1, Ordering::Release);
        }
        if matches!(call.operation, Operation::DescribeTable | Operation::UpdateTable) {
            self.add_disabled_stream(table, &mut reply);
        }
        reply.body = arn::outward(&reply.body, &call.region).into_owned();
        reply
    }

    /// Why the stream of `table` cannot be switched as `request` says.
    fn stream_refusal(&self, table: &str, enabled: bool, request: &Value) -> Option<Reply> {
        let wanted = request["StreamSpecification"]["StreamEnabled"].as_bool()?;
        // The engine knows what to say of no table.
        self.database.get_table_metadata(table).ok()??;
        let message = match (enabled, wanted) {
            (true, true) => "Table already has an enabled stream: TableName: ",
            (false, false) => "Table has no stream that could be disabled: TableName: ",
            _ => return None,
        };
        Some(Reply::refused("ValidationException", &format!("{message}{table}")))
    }

    /// What the engine does not do itself after a change of `table`, whose stream was `before`.
    fn note_change(&self, operation: Operation, table: &str, before: Option<&Stream>) {
        let noted = (|| {
            if operation == Operation::CreateTable {
                watch_unchanged(&self.streams, table)?;
            }
            let Some(before) = before else { return Ok(()) };
            let after = self.streams.enabled(table)?;
            if after.is_none_or(|after| after.name != before.name) {
                self.streams.end(before, clock::now())?;
            }
            Ok::<(), rusqlite::Error>(())
        })();
        if let Err(error) = noted {
            tracing::error!(table, %error, "a table's stream is in the wrong state");
        }
    }

    /// A table goes on naming its last stream when that was disabled; the engine leaves it out.
    fn add_disabled_stream(&self, table: &str, reply: &mut Reply) {
        if reply.status != 200 || reply.body.contains("\"LatestStreamArn\"") {
            return;
        }
        let metadata = self.database.get_table_metadata(table).ok().flatten();
        let Some(label) = metadata.and_then(|metadata| metadata.stream_label) else { return };
        let Ok(mut body) = serde_json::from_str::<Value>(&reply.body) else { return };
        let name = StreamName { table: table.to_owned(), label };
        for description in ["Table", "TableDescription"] {
            if let Some(description) = body.get_mut(description) {
                description["LatestStreamArn"] = name.arn(dynoxide::streams::LOCAL_REGION).into();
                description["LatestStreamLabel"] = name.label.clone().into();
            }
        }
        reply.body = body.to_string();
    }

    /// Enables or disables the stream of `table`, or of all tables that it can be done for.
    ///
    /// # Errors
    /// What the engine says, or that there is none.
    pub(crate) fn switch_streams(&self, table: Option<&str>, enable: bool) -> Result<(), String> {
        let names = self.streams.streams(table).map_err(|error| error.to_string())?;
        let mut tables: Vec<String> = names.into_iter().map(|name| name.table).collect();
        tables.dedup();
        let mut switched = false;
        for table in tables {
            let enabled = self.streams.enabled(&table).map_err(|error| error.to_string())?;
            let metadata = self.database.get_table_metadata(&table);
            let metadata = metadata.map_err(|error| error.to_string())?;
            let Some(metadata) = metadata.filter(|_| enabled.is_some() != enable) else { continue };
            let specification = if enable {
                json!({ "StreamEnabled": true, "StreamViewType": metadata.stream_view_type })
            } else {
                json!({ "StreamEnabled": false })
            };
            let body = json!({ "TableName": table, "StreamSpecification": specification });
            let call = Call::new(Operation::UpdateTable, body.to_string(), arn::DEFAULT_REGION);
            let reply = self.table(&call);
            if reply.status != 200 {
                return Err(reply.body);
            }
            switched = true;
        }
        let wanted = if enable { "disabled" } else { "enabled" };
        if switched { Ok(()) } else { Err(format!("no table has a stream that is {wanted}")) }
    }

    /// Deletes stream records committed before `oldest`, of `table` or of all.
    pub(crate) fn prune_streams(&self, table: Option<&str>, oldest: Micros) {
        match self.streams.prune(table, oldest) {
            Ok(records) => tracing::debug!(records, "old stream records deleted"),
            Err(error) => tracing::warn!(%error, "cannot delete old stream records"),
        }
    }

    /// Deletes items whose time to live is over; how many.
    pub(crate) fn sweep_expired_items(&self) -> usize {
        let swept = self.database.sweep_ttl();
        self.writes.fetch_add(1, Ordering::Release);
        match swept {
            Ok(items) => {
                tracing::debug!(items, "expired items deleted");
                items
            }
            Err(error) => {
                tracing::warn!(%error, "cannot delete expired items");
                0
            }
        }
    }

    /// Calls so far that may have written.
    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Acquire)
    }

    /// Calls so far that may have made, changed or deleted a table.
    pub(crate) fn tables(&self) -> u64 {
        self.tables.load(Ordering::Acquire)
    }

    /// The names of the key attributes of `table`, if there is one.
    pub(crate) fn key_names(&self, table: &str) -> Option<KeyNames> {
        KeyNames::of_schema(&self.database.get_table_metadata(table).ok()??.key_schema)
    }

    /// The stream of that name.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn stream(&self, name: &StreamName) -> Result<Stream, Reply> {
        let tables = self.tables();
        let (known_at, known) = &mut *self.known.lock();
        if *known_at != tables {
            known.clear();
            *known_at = tables;
        }
        if let Some(stream) = known.get(name) {
            return Ok(stream.clone());
        }
        let stream = self.streams.stream(name).map_err(|error| unreadable(&error))?;
        let stream = stream.ok_or_else(|| {
            let arn = name.arn(arn::DEFAULT_REGION);
            let message = format!("Requested resource not found: Stream: {arn} not found");
            Reply::refused("ResourceNotFoundException", &message)
        })?;
        known.insert(name.clone(), stream.clone());
        Ok(stream)
    }

    /// Every stream of `table`, or of all tables, by name.
    pub(crate) fn streams(&self, table: Option<&str>) -> Result<Vec<StreamName>, Reply> {
        self.streams.streams(table).map_err(|error| unreadable(&error))
    }

    /// The records of `stream` from the number `from` on, at most `limit` and about a page's bytes.
    pub(crate) fn records(&self, stream: &Stream, from: u64, limit: usize) -> Result<Page, Reply> {
        let limit = limit.clamp(1, PAGE_RECORDS_MAX);
        let page = self.streams.records(stream, from, limit, PAGE_BYTES_MAX);
        page.map_err(|error| unreadable(&error))
    }

    /// The number of the last record of the stream's table; 0: none.
    pub(crate) fn last_record(&self, stream: &Stream) -> Result<u64, Reply> {
        self.streams.last(&stream.name.table).map_err(|error| unreadable(&error))
    }

    /// The greatest number of a record of the stream's table that is gone; 0: none.
    pub(crate) fn pruned(&self, stream: &Stream) -> u64 {
        self.streams.pruned(&stream.name.table)
    }
}

impl Service<Call> for Engine {
    type Response = Reply;
    type Error = DroppedConnection;
    type Future = Answer;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), DroppedConnection>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Answer {
        at_once(Self::call(self, &call))
    }
}

fn reply(operation: Operation, result: dynoxide::Result<String>) -> Reply {
    match result {
        Ok(body) => Reply::ok(body),
        Err(error) => {
            if error.status_code() >= 500 {
                tracing::error!(?operation, %error, "the engine failed");
            }
            Reply { status: error.status_code(), body: error.to_json() }
        }
    }
}

fn unreadable(error: &rusqlite::Error) -> Reply {
    tracing::error!(%error, "cannot read the streams");
    Reply::internal_error(&error.to_string())
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
#[path = "engine_tests.rs"]
mod tests;
