//! The layer that makes the engine's one shard many, and a record's way into
//! its stream take time.
//!
//! The engine keeps the records; this layer keeps their order of appearance,
//! in memory. A restart gives every stream new shards.

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
use serde::Deserialize;
use serde_json::Value;
use tower::{Layer, Service};

use crate::call::{Answer, Call, Hangup, Operation, Reply, at_once};
use crate::clock::{self, Micros};
use crate::engine::Engine;
use crate::latency::Propagation;
use key::{Iterator as ShardIterator, Key};
use state::Start;
use tail::Tail;
use visibility::Visibility;

pub(crate) use lineage::OPEN_MAX;
pub use lineage::ShardError;
pub use state::StreamOptions;
pub(crate) use state::StreamState;

/// Every stream that was looked at, by its ARN; shared with the control.
pub(crate) struct Streams {
    engine: Engine,
    options: StreamOptions,
    seed: u64,
    began: Micros,
    inner: Mutex<Inner>,
}

struct Inner {
    propagation: Propagation,
    streams: BTreeMap<String, (StreamState, Tail)>,
}

impl Inner {
    /// Takes in what was committed until now; streams whose table is gone go.
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
        arn: &str,
        then: impl FnOnce(&mut StreamState) -> Result<T, Reply>,
    ) -> Result<T, Reply> {
        let inner = &mut *self.inner.lock();
        if !inner.streams.contains_key(arn) {
            let (tail, made) = Tail::of(&self.engine, arn)?;
            let visibility = Visibility::new(inner.propagation, self.seed);
            let state =
                StreamState::new(arn.to_owned(), self.options, visibility, made, self.began);
            inner.streams.insert(arn.to_owned(), (state, tail));
        }
        let Some((state, tail)) = inner.streams.get_mut(arn) else { unreachable!("just put in") };
        if let Err(refusal) = tail.follow(&self.engine, state) {
            if is_gone(refusal.clone()) {
                inner.streams.remove(arn);
            }
            return Err(refusal);
        }
        state.age(clock::now());
        then(state)
    }

    fn answer(&self, call: &Call) -> Result<Reply, Reply> {
        match call.operation {
            Operation::DescribeStream => self.describe(call),
            Operation::GetShardIterator => self.shard_iterator(&call.body),
            _ => self.records(call),
        }
    }

    fn describe(&self, call: &Call) -> Result<Reply, Reply> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Request {
            stream_arn: String,
            limit: Option<usize>,
            exclusive_start_shard_id: Option<String>,
            shard_filter: Option<ShardFilter>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct ShardFilter {
            shard_id: Option<String>,
        }
        let request: Request = parse(&call.body)?;
        let own = self.engine.call(call);
        if own.status != 200 {
            return Err(own);
        }
        let children_of = request.shard_filter.and_then(|filter| filter.shard_id);
        let (shards, last) = self.with(&request.stream_arn, |state| {
            state.describe(
                request.exclusive_start_shard_id.as_deref(),
                request.limit,
                children_of.as_deref(),
                clock::now(),
            )
        })?;
        let mut body: Value = parse(&own.body)?;
        body["StreamDescription"]["Shards"] = shards.into();
        if let Some(last) = last {
            body["StreamDescription"]["LastEvaluatedShardId"] = last.into();
        }
        Ok(Reply::ok(body.to_string()))
    }

    fn shard_iterator(&self, body: &str) -> Result<Reply, Reply> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Request {
            stream_arn: String,
            shard_id: String,
            shard_iterator_type: String,
            sequence_number: Option<String>,
        }
        let request: Request = parse(body)?;
        let key = request.sequence_number.as_deref().and_then(Key::parse);
        let start = match (request.shard_iterator_type.as_str(), key) {
            ("TRIM_HORIZON", _) => Start::TrimHorizon,
            ("LATEST", _) => Start::Latest,
            ("AT_SEQUENCE_NUMBER", Some(key)) => Start::At(key),
            ("AFTER_SEQUENCE_NUMBER", Some(key)) => Start::After(key),
            _ => return Err(invalid("Invalid ShardIteratorType or SequenceNumber")),
        };
        let iterator = self.with(&request.stream_arn, |state| {
            state.iterator(&request.shard_id, &start, clock::now())
        })?;
        Ok(Reply::ok(format!(r#"{{"ShardIterator":"{iterator}"}}"#)))
    }

    fn records(&self, call: &Call) -> Result<Reply, Reply> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Request {
            shard_iterator: String,
            limit: Option<usize>,
        }
        let request: Request = parse(&call.body)?;
        let iterator = ShardIterator::parse(&request.shard_iterator)
            .ok_or_else(|| invalid("Invalid ShardIterator"))?;
        let body = self.with(&iterator.arn, |state| {
            let limit = request.limit.unwrap_or(usize::MAX);
            state.records(&iterator, limit, call.marks.empty_page, clock::now())
        })?;
        Ok(Reply::ok(body))
    }
}

fn parse<'de, T: Deserialize<'de>>(body: &'de str) -> Result<T, Reply> {
    serde_json::from_str(body).map_err(|error| invalid(&error.to_string()))
}

/// Whether the stream is not there any more; else the engine had a bad moment.
fn is_gone(refusal: Reply) -> bool {
    refusal.status < 500
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
    S: Service<Call, Response = Reply, Error = Hangup, Future = Answer>,
{
    type Response = Reply;
    type Error = Hangup;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Hangup>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, call: Call) -> Answer {
        match call.operation {
            Operation::DescribeStream | Operation::GetShardIterator | Operation::GetRecords
                if self.streams.is_on() =>
            {
                let streams = Arc::clone(&self.streams);
                // In the future, not before: a call is to be made when polled.
                Box::pin(async move { Ok(streams.answer(&call).unwrap_or_else(|refusal| refusal)) })
            }
            Operation::GetRecords if call.marks.empty_page => at_once(own_empty_page(&call.body)),
            _ => self.inner.call(call),
        }
    }
}

/// An empty page of the engine's own stream: the iterator stays where it is.
fn own_empty_page(body: &str) -> Reply {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let iterator = &body["ShardIterator"];
    Reply::ok(format!(r#"{{"Records":[],"NextShardIterator":{iterator}}}"#))
}
