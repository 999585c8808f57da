//! The layer that answers the Streams API. On request it makes a stream's one
//! shard many, and a record's way into its stream take time.
//!
//! The engine keeps the records, and which streams there are; with shards this
//! layer keeps their order of appearance, in memory. A restart gives every
//! such stream new shards.

mod request;
mod plain;
mod key;
mod lineage;
mod log;
mod readers;
mod state;
#[cfg(test)]
mod state_tests;
mod tail;
mod visibility;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use serde_json::{Value, json};
use tower::{Layer, Service};

use crate::arn::StreamName;
use crate::call::{Answer, Call, DroppedConnection, Kind, Operation, Reply};
use crate::clock::{self, Micros};
use crate::engine::Engine;
use crate::latency::Propagation;
use crate::store::StoredRecord;
use key::{Iterator as ShardIterator, Key};
use request::StartKind;
use state::Start;
use tail::Tail;
use visibility::Visibility;

pub(crate) use lineage::OPEN_MAX;
pub use lineage::ShardError;
pub use state::StreamOptions;
pub(crate) use state::StreamState;

/// Every stream that was read; shared with the control.
pub(crate) struct Streams {
    engine: Engine,
    options: StreamOptions,
    seed: u64,
    began: Micros,
    inner: Mutex<Inner>,
}

struct Inner {
    propagation: Propagation,
    streams: BTreeMap<StreamName, (StreamState, Tail)>,
}

impl Inner {
    /// Takes in what was committed until now; streams that are gone go.
    fn follow(&mut self, engine: &Engine) {
        self.streams.retain(|_, (state, tail)| !tail.follow(engine, state).is_err_and(is_gone));
    }
}

impl Streams {
    pub(crate) fn new(
        engine: Engine,
        options: StreamOptions,
        propagation: Propagation,
        seed: u64,
    ) -> Self {
        let inner = Mutex::new(Inner { propagation, streams: BTreeMap::new() });
        Self { engine, options, seed, began: clock::now(), inner }
    }

    /// Whether streams are more than the engine's own.
    pub(crate) fn is_on(&self) -> bool {
        self.options.shards > 0
    }

    /// Later commits travel so.
    pub(crate) fn set_propagation(&self, propagation: Propagation) {
        let inner = &mut *self.inner.lock();
        inner.follow(&self.engine);
        for (state, _) in inner.streams.values_mut() {
            state.set_propagation(propagation);
        }
        inner.propagation = propagation;
    }

    /// Does `change` to each stream, or to those of `table` alone, with all that
    /// was committed until now in them.
    pub(crate) fn each(&self, table: Option<&str>, mut change: impl FnMut(&mut StreamState)) {
        let inner = &mut *self.inner.lock();
        inner.follow(&self.engine);
        for (state, tail) in inner.streams.values_mut() {
            if table.is_none_or(|table| table == tail.table()) {
                change(state);
            }
        }
    }

    fn with<T>(
        &self,
        name: &StreamName,
        then: impl FnOnce(&mut StreamState) -> Result<T, Reply>,
    ) -> Result<T, Reply> {
        let inner = &mut *self.inner.lock();
        if !inner.streams.contains_key(name) {
            let tail = Tail::of(&self.engine, name)?;
            let visibility = Visibility::new(inner.propagation, self.seed);
            let state =
                StreamState::new(name.clone(), self.options, visibility, tail.made(), self.began);
            inner.streams.insert(name.clone(), (state, tail));
        }
        let Some((state, tail)) = inner.streams.get_mut(name) else { unreachable!("just put in") };
        if let Err(refusal) = tail.follow(&self.engine, state) {
            if is_gone(refusal.clone()) {
                inner.streams.remove(name);
            }
            return Err(refusal);
        }
        state.age(clock::now());
        then(state)
    }

    fn answer(&self, call: &Call) -> Result<Reply, Reply> {
        let body = match call.operation {
            Operation::ListStreams => self.list(call)?,
            Operation::DescribeStream => self.describe(call)?,
            Operation::GetShardIterator => self.shard_iterator(&call.body)?,
            _ => self.records(call)?,
        };
        Ok(Reply::ok(body))
    }

    fn list(&self, call: &Call) -> Result<String, Reply> {
        /// Streams of a page.
        const PAGE: usize = 100;
        let request: request::List = request::parse(&call.body)?;
        let after = request.exclusive_start_stream_arn.as_deref();
        let after = after.map(request::stream_name).transpose()?;
        let names = self.engine.streams(request.table_name.as_deref())?;
        let mut names = names.into_iter().filter(|name| Some(name) > after.as_ref());
        let limit = request.limit.map_or(PAGE, |limit| limit.clamp(1, PAGE));
        let page: Vec<StreamName> = names.by_ref().take(limit).collect();
        let last = page.last().filter(|_| names.next().is_some());
        let mut answer = json!({ "Streams": page.iter().map(|name| json!({
            "StreamArn": name.arn(&call.region),
            "StreamLabel": name.label,
            "TableName": name.table,
        })).collect::<Vec<_>>() });
        if let Some(last) = last {
            answer["LastEvaluatedStreamArn"] = last.arn(&call.region).into();
        }
        Ok(answer.to_string())
    }

    fn describe(&self, call: &Call) -> Result<String, Reply> {
        let request: request::Describe = request::parse(&call.body)?;
        let name = request::stream_name(&request.stream_arn)?;
        let stream = self.engine.stream(&name)?;
        let after = request.exclusive_start_shard_id.as_deref();
        let children_of = request.shard_filter.and_then(|filter| filter.shard_id);
        let (shards, last) = if self.is_on() {
            self.with(&name, |state| {
                state.describe(after, request.limit, children_of.as_deref(), clock::now())
            })?
        } else if after.is_some() || children_of.is_some() {
            (Vec::new(), None)
        } else {
            (vec![plain::shard(&self.engine, &stream)], None)
        };
        let key_schema: Value = serde_json::from_str(&stream.key_schema).unwrap_or_default();
        let mut description = json!({
            "StreamArn": name.arn(&call.region),
            "StreamLabel": name.label,
            "StreamStatus": if stream.after_last.is_some() { "DISABLED" } else { "ENABLED" },
            "StreamViewType": stream.view_type,
            "TableName": name.table,
            "KeySchema": key_schema,
            "CreationRequestDateTime": stream.first as f64 / 1e6,
            "Shards": shards,
        });
        if let Some(last) = last {
            description["LastEvaluatedShardId"] = last.into();
        }
        Ok(json!({ "StreamDescription": description }).to_string())
    }

    fn shard_iterator(&self, body: &str) -> Result<String, Reply> {
        let request: request::ShardIterator = request::parse(body)?;
        let name = request::stream_name(&request.stream_arn)?;
        let stream = self.engine.stream(&name)?;
        let iterator = if self.is_on() {
            let key = request.start.sequence_number.as_deref().and_then(Key::parse);
            let start = match (request.start.kind, key) {
                (StartKind::TrimHorizon, _) => Start::TrimHorizon,
                (StartKind::Latest, _) => Start::Latest,
                (StartKind::At, Some(key)) => Start::At(key),
                (StartKind::After, Some(key)) => Start::After(key),
                _ => return Err(invalid("Invalid SequenceNumber")),
            };
            let iterator =
                self.with(&name, |state| state.iterator(&request.shard_id, &start, clock::now()))?;
            iterator.to_string()
        } else {
            plain::iterator(&self.engine, &stream, &request.shard_id, &request.start)?
        };
        Ok(json!({ "ShardIterator": iterator }).to_string())
    }

    fn records(&self, call: &Call) -> Result<String, Reply> {
        let request: request::Records = request::parse(&call.body)?;
        let limit = request.limit.unwrap_or(usize::MAX);
        if self.is_on() {
            let iterator = ShardIterator::parse(&request.shard_iterator)
                .ok_or_else(|| invalid("Invalid ShardIterator"))?;
            return self.with(&iterator.stream, |state| {
                let empty = call.marks.empty_page;
                state.records(&iterator, limit, empty, &call.region, clock::now())
            });
        }
        if call.marks.empty_page {
            // The iterator stays where it is.
            let iterator = Some(request.shard_iterator.as_str());
            return Ok(records_answer([].into_iter(), iterator, &call.region));
        }
        plain::records(&self.engine, &request.shard_iterator, limit, &call.region)
    }
}

/// The body of a `GetRecords` answer, of records that are JSON but for their beginning.
fn records_answer<'a>(
    records: impl std::iter::Iterator<Item = &'a str>,
    next: Option<&str>,
    region: &str,
) -> String {
    let begin = StoredRecord::begin(region);
    let mut body = r#"{"Records":["#.to_owned();
    for (index, record) in records.enumerate() {
        if index > 0 {
            body.push(',');
        }
        body.push_str(&begin);
        body.push_str(record);
    }
    body.push(']');
    if let Some(next) = next {
        body.push_str(r#","NextShardIterator":""#);
        body.push_str(next);
        body.push('"');
    }
    body.push('}');
    body
}

/// Whether the stream is not there any more; else the engine had a bad moment.
fn is_gone(refusal: Reply) -> bool {
    refusal.status < 500
}

fn shard_not_found(id: &str) -> Reply {
    let message = format!("Requested resource not found: Shard: {id} not found");
    Reply::refused("ResourceNotFoundException", &message)
}

fn invalid(message: &str) -> Reply {
    Reply::refused("ValidationException", message)
}

/// Puts [`Sharded`] around a service.
#[derive(Clone)]
pub(crate) struct StreamLayer(pub(crate) Arc<Streams>);

impl<S> Layer<S> for StreamLayer {
    type Service = Sharded<S>;

    fn layer(&self, inner: S) -> Sharded<S> {
        Sharded { inner, streams: Arc::clone(&self.0) }
    }
}

/// Answers the Streams API from [`Streams`], leaves all else to the service inside.
#[derive(Clone)]
pub(crate) struct Sharded<S> {
    inner: S,
    streams: Arc<Streams>,
}

impl<S> Service<Call> for Sharded<S>
where
    S: Service<Call, Response = Reply, Error = DroppedConnection, Future = Answer>,
{
    type Response = Reply;
    type Error = DroppedConnection;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), DroppedConnection>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, call: Call) -> Answer {
        if call.operation.kind() == Kind::Stream {
            let streams = Arc::clone(&self.streams);
            // In the future, not before: a call is to be made when polled.
            Box::pin(async move { Ok(streams.answer(&call).unwrap_or_else(|refusal| refusal)) })
        } else {
            self.inner.call(call)
        }
    }
}
