//! The layer in which writes conflict: transactions on the same items, throttled partition keys,
//! tokens in use and forgotten.
//!
//! `BatchWriteItem` and `PartiQL` bypass it.

mod bucket;
mod claims;
pub(crate) mod items;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tower::{Layer, Service};

use crate::call::{Answer, Call, DroppedConnection, Kind, Operation, Reply, at_once};
use crate::clock;
use crate::engine::Engine;
use crate::faults::THROTTLED;
use crate::random;
use bucket::Buckets;
use claims::Claims;
use items::{KeyNames, Touch, touched};

/// Limits of writes, besides the engine's speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Whether overlapping transactions conflict, and a token in use is rejected.
    pub conflicts: bool,
    /// Write units a second per partition key; 0 for no limit. AWS: 1,000 (SOURCES.md#writes).
    pub write_units_per_second: u32,
}

impl Limits {
    /// The limits that AWS documents.
    pub fn aws() -> Self {
        Self { conflicts: true, write_units_per_second: 1_000 }
    }
}

/// The number of refused writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Refusals {
    /// Transactions and writes that conflicted with another one.
    pub conflicts: u64,
    /// Writes over their partition key's rate.
    pub throttled: u64,
    /// Transactions whose token was in use.
    pub in_progress: u64,
}

struct Inner {
    limits: Limits,
    buckets: Buckets,
    claims: Claims,
    tokens: BTreeSet<String>,
    /// Raised when tokens are forgotten, which invalidates earlier ones.
    token_epoch: u64,
    key_names: HashMap<String, KeyNames>,
    refusals: Refusals,
}

/// Shared with the control.
pub(crate) struct ContentionState {
    inner: Mutex<Inner>,
}

impl ContentionState {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            inner: Mutex::new(Inner {
                limits,
                buckets: Buckets::new(limits.write_units_per_second),
                claims: Claims::default(),
                tokens: BTreeSet::new(),
                token_epoch: 0,
                key_names: HashMap::new(),
                refusals: Refusals::default(),
            }),
        }
    }

    pub(crate) fn set_limits(&self, limits: Limits) {
        let inner = &mut *self.inner.lock();
        inner.limits = limits;
        inner.buckets = Buckets::new(limits.write_units_per_second);
    }

    /// No token given so far is remembered.
    pub(crate) fn forget_tokens(&self) {
        self.inner.lock().token_epoch += 1;
    }

    pub(crate) fn refusals(&self) -> Refusals {
        self.inner.lock().refusals
    }
}

/// Puts [`Contended`] around a service.
#[derive(Clone)]
pub(crate) struct ContentionLayer {
    pub(crate) state: Arc<ContentionState>,
    pub(crate) engine: Engine,
}

impl<S> Layer<S> for ContentionLayer {
    type Service = Contended<S>;

    fn layer(&self, inner: S) -> Contended<S> {
        Contended { inner, state: Arc::clone(&self.state), engine: self.engine.clone() }
    }
}

/// Refuses writes that AWS would refuse.
#[derive(Clone)]
pub(crate) struct Contended<S> {
    inner: S,
    state: Arc<ContentionState>,
    engine: Engine,
}

impl<S> Service<Call> for Contended<S>
where
    S: Service<Call, Response = Reply, Error = DroppedConnection, Future = Answer>
        + Clone
        + Send
        + 'static,
{
    type Response = Reply;
    type Error = DroppedConnection;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), DroppedConnection>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut call: Call) -> Answer {
        match admit(&self.state, &self.engine, &mut call) {
            Ok(None) => self.inner.call(call),
            Ok(Some(hold)) => {
                let answer = self.inner.call(call);
                Box::pin(async move {
                    let reply = answer.await;
                    drop(hold);
                    reply
                })
            }
            Err(refusal) => at_once(refusal),
        }
    }
}

/// What a write holds while it is in progress.
struct Hold {
    state: Arc<ContentionState>,
    items: Vec<String>,
    transaction: bool,
    token: Option<String>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let inner = &mut *self.state.inner.lock();
        inner.claims.release(&self.items, self.transaction);
        if let Some(token) = &self.token {
            inner.tokens.remove(token);
        }
    }
}

/// Admits a call, with what it holds, or returns why not.
fn admit(
    state: &Arc<ContentionState>,
    engine: &Engine,
    call: &mut Call,
) -> Result<Option<Hold>, Reply> {
    let inner = &mut *state.inner.lock();
    if call.operation.kind() == Kind::Table {
        // A table made again may have other keys.
        inner.key_names.clear();
        return Ok(None);
    }
    let is_idle =
        inner.limits == Limits::default() && inner.token_epoch == 0 && !call.marks.forgotten_token;
    if is_idle || call.operation.kind() != Kind::Write {
        return Ok(None);
    }
    // What does not parse is refused by the engine, in its own words.
    let Ok(mut body) = serde_json::from_str::<Value>(&call.body) else { return Ok(None) };
    let transaction = call.operation == Operation::TransactWriteItems;
    let names = &mut inner.key_names;
    let touches = touched(call.operation, &body, &mut |table| {
        if !names.contains_key(table) {
            names.insert(table.to_owned(), engine.key_names(table)?);
        }
        names.get(table).cloned()
    });
    let token = if transaction { inner.token(&mut body, call) } else { None };
    inner.throttle(&touches, transaction)?;
    if !inner.limits.conflicts {
        return Ok(None);
    }
    if let Some(token) = &token
        && !inner.tokens.insert(token.clone())
    {
        inner.refusals.in_progress += 1;
        return Err(Reply::refused(
            "TransactionInProgressException",
            "The transaction with the given request token is already in progress.",
        ));
    }
    let items: Vec<String> = touches.into_iter().map(|touch| touch.item).collect();
    if let Err(conflicts) = inner.claims.claim(&items, transaction) {
        if let Some(token) = &token {
            inner.tokens.remove(token);
        }
        inner.refusals.conflicts += 1;
        return Err(conflict(&conflicts, transaction));
    }
    Ok(Some(Hold { state: Arc::clone(state), items, transaction, token }))
}

impl Inner {
    /// The call's token, replaced in its body if it is to be forgotten.
    fn token(&self, body: &mut Value, call: &mut Call) -> Option<String> {
        let given = body["ClientRequestToken"].as_str()?.to_owned();
        let epoch = if call.marks.forgotten_token { rand::random() } else { self.token_epoch };
        if epoch > 0 {
            // At most 36 characters are allowed.
            let other = random::hash(format!("{epoch} {given}").as_bytes());
            body["ClientRequestToken"] = Value::String(format!("{epoch:016x}{other:016x}"));
            call.body = body.to_string();
        }
        Some(given)
    }

    fn throttle(&mut self, touches: &[Touch], transaction: bool) -> Result<(), Reply> {
        if self.limits.write_units_per_second == 0 || touches.is_empty() {
            return Ok(());
        }
        let mut wanted: HashMap<&str, u32> = HashMap::new();
        for touch in touches {
            *wanted.entry(&touch.partition).or_default() += touch.units;
        }
        if self.buckets.take(&wanted, clock::now()) {
            return Ok(());
        }
        self.refusals.throttled += 1;
        Err(if transaction {
            Reply::cancelled(&vec![Some(("ThrottlingError", THROTTLED)); touches.len()])
        } else {
            Reply::refused("ThrottlingException", THROTTLED)
        })
    }
}

fn conflict(conflicts: &[bool], transaction: bool) -> Reply {
    const MESSAGE: &str = "Transaction is ongoing for the item";
    if transaction {
        let reason = |conflict: &bool| conflict.then_some(("TransactionConflict", MESSAGE));
        Reply::cancelled(&conflicts.iter().map(reason).collect::<Vec<_>>())
    } else {
        Reply::refused("TransactionConflictException", MESSAGE)
    }
}
