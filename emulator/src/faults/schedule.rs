//! Decides which call meets which fault: pure, seeded, time as an argument.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::scope::Scope;
use crate::call::{Call, Kind, Operation, Reply};
use crate::clock::Micros;
use crate::random;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Status 500, and nothing was done.
    InternalError,
    /// Status 500, yet the work was done.
    InternalErrorAfter,
    /// `ThrottlingException`, nothing was done; transactions are cancelled with
    /// `ThrottlingError`, stream reads get `LimitExceededException`.
    Throttled,
    /// The connection is closed before the work.
    DropConnection,
    /// The connection is closed after the work: the answer is lost.
    DropAnswer,
    /// The request is lost: nothing is done, no answer comes, the connection
    /// stays open until the client gives up (at most 30 s).
    LostRequest,
    /// The work is done, no answer comes, the connection stays open until the
    /// client gives up (at most 30 s).
    LostAnswer,
    /// The work begins `delay_ms` late, even if the client is gone by then.
    SlowRequest,
    /// The answer comes `delay_ms` late.
    SlowAnswer,
    /// `TransactionConflict`, as if another request held the items.
    TransactionConflict,
    /// `TransactionInProgressException`, as if the first were still running.
    TransactionInProgress,
    /// The transaction's token is treated as a new one: it runs again.
    ForgottenToken,
    /// `GetRecords` returns no records although some lie ahead.
    EmptyPage,
    /// `GetRecords` answers `ExpiredIteratorException`.
    ExpiredIterator,
    /// `GetRecords` answers `TrimmedDataAccessException`.
    TrimmedData,
    /// The error that `error` names, with `status` and `message`; nothing was done.
    Error,
}

impl FaultKind {
    /// Whether a call of `operation` can meet this fault at all.
    fn concerns(self, operation: Operation) -> bool {
        match self {
            Self::TransactionConflict | Self::TransactionInProgress | Self::ForgottenToken => {
                operation == Operation::TransactWriteItems
            }
            Self::EmptyPage | Self::ExpiredIterator | Self::TrimmedData => {
                operation == Operation::GetRecords
            }
            _ => true,
        }
    }
}

/// The calls that a fault affects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Every call.
    #[default]
    All,
    /// Calls that change items.
    Writes,
    /// `TransactWriteItems`.
    Transactions,
    /// Calls that read items.
    Reads,
    /// Calls of the Streams API.
    Streams,
    /// `GetRecords`.
    GetRecords,
}

impl Target {
    fn includes(self, operation: Operation) -> bool {
        match self {
            Self::All => true,
            Self::Writes => operation.kind() == Kind::Write,
            Self::Transactions => operation == Operation::TransactWriteItems,
            Self::Reads => operation.kind() == Kind::Read,
            Self::Streams => operation.kind() == Kind::Stream,
            Self::GetRecords => operation == Operation::GetRecords,
        }
    }
}

/// A rule: one fault, how often and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// The kind of fault.
    pub kind: FaultKind,
    /// The share of calls that it affects, 0 to 1.
    #[serde(default = "always")]
    pub rate: f64,
    /// The calls that it affects.
    #[serde(default)]
    pub on: Target,
    /// When it begins, in milliseconds after the rule was added.
    #[serde(default)]
    pub from_ms: u64,
    /// When it ends, in milliseconds after the rule was added; absent: never.
    #[serde(default)]
    pub until_ms: Option<u64>,
    /// The number of faults after which it ends; absent: never.
    #[serde(default)]
    pub count: Option<u64>,
    /// The delay of the slow kinds, in milliseconds.
    #[serde(default)]
    pub delay_ms: u64,
    /// Only this operation, by its name in the API, such as `DescribeTable`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Only calls about this table, by its name, or by an ARN or a shard iterator of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Only calls in whose items, keys or expressions an attribute has this value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// For `error`: its name, such as `ProvisionedThroughputExceededException`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// For `error`: its HTTP status; absent: 400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// For `error`: its message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

fn always() -> f64 {
    1.0
}

impl FaultRule {
    /// A rule of `kind` for every call it concerns, from now on.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            rate: 1.0,
            on: Target::All,
            from_ms: 0,
            until_ms: None,
            count: None,
            delay_ms: 0,
            operation: None,
            table: None,
            key: None,
            error: None,
            status: None,
            message: None,
        }
    }

    /// A rule that answers every call with the error `name`.
    pub fn error(name: &str) -> Self {
        Self { error: Some(name.to_owned()), ..Self::new(FaultKind::Error) }
    }

    /// Limits it to this operation, by its name in the API.
    pub fn operation(self, name: &str) -> Self {
        Self { operation: Some(name.to_owned()), ..self }
    }

    /// Limits it to this table.
    pub fn table(self, name: &str) -> Self {
        Self { table: Some(name.to_owned()), ..self }
    }

    /// Limits it to calls with this value of an attribute.
    pub fn key(self, value: &str) -> Self {
        Self { key: Some(value.to_owned()), ..self }
    }

    /// Sets the rate, 0 to 1.
    pub fn rate(self, rate: f64) -> Self {
        Self { rate, ..self }
    }

    /// Sets the affected calls.
    pub fn on(self, on: Target) -> Self {
        Self { on, ..self }
    }

    /// Limits it to `count` faults.
    pub fn count(self, count: u64) -> Self {
        Self { count: Some(count), ..self }
    }

    /// Sets the delay of the slow kinds.
    pub fn delay(self, delay: Duration) -> Self {
        Self { delay_ms: delay.as_millis() as u64, ..self }
    }

    /// Limits it to the time between two moments after the rule is added.
    pub fn between(self, from: Duration, until: Duration) -> Self {
        let until_ms = Some(until.as_millis() as u64);
        Self { from_ms: from.as_millis() as u64, until_ms, ..self }
    }

    /// The first problem with the rule, in one line.
    pub fn problem(&self) -> Option<&'static str> {
        let is_error = self.kind == FaultKind::Error;
        if !(0.0..=1.0).contains(&self.rate) {
            Some("a rate must be from 0 to 1")
        } else if self.operation.as_deref().is_some_and(|name| Operation::from_name(name).is_none())
        {
            Some("unknown operation")
        } else if is_error && self.error.as_deref().unwrap_or_default().is_empty() {
            Some("the kind error needs error, the name of the error")
        } else if !is_error
            && (self.error.is_some() || self.status.is_some() || self.message.is_some())
        {
            Some("error, status and message need the kind error")
        } else if self.status.is_some_and(|status| !(400..=599).contains(&status)) {
            Some("a status must be from 400 to 599")
        } else {
            None
        }
    }

    /// Whether it has no [`problem`](Self::problem).
    pub fn is_valid(&self) -> bool {
        self.problem().is_none()
    }

    fn includes(&self, call: &Call, body: &mut Option<Value>) -> bool {
        let scope = Scope {
            operation: self.operation.as_deref(),
            table: self.table.as_deref(),
            key: self.key.as_deref(),
        };
        self.on.includes(call.operation)
            && self.kind.concerns(call.operation)
            && scope.includes(call, body)
    }
}

/// The fault of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) delay: Duration,
    /// The answer, for [`FaultKind::Error`].
    pub(crate) error: Option<Reply>,
}

struct ActiveRule {
    rule: FaultRule,
    added: Micros,
    left: u64,
}

/// The rules in force and what they have done.
pub(crate) struct FaultSchedule {
    rules: Vec<ActiveRule>,
    random: ChaCha8Rng,
    counts: BTreeMap<FaultKind, u64>,
}

impl FaultSchedule {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rules: Vec::new(), random: random::stream(seed, "faults"), counts: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, rule: FaultRule, now: Micros) {
        self.rules.retain(|active| !active.is_over(now));
        let left = rule.count.unwrap_or(u64::MAX);
        self.rules.push(ActiveRule { rule, added: now, left });
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// The number of faults of each kind.
    pub(crate) fn counts(&self) -> &BTreeMap<FaultKind, u64> {
        &self.counts
    }

    /// The fault of `call` now: that of the first matching rule, in the order they were added.
    pub(crate) fn decide(&mut self, call: &Call, now: Micros) -> Option<Fault> {
        let mut body = None;
        for active in &mut self.rules {
            let rule = &active.rule;
            if !active.is_on(now)
                || !rule.includes(call, &mut body)
                || self.random.random::<f64>() >= rule.rate
            {
                continue;
            }
            active.left -= 1;
            *self.counts.entry(rule.kind).or_default() += 1;
            let delay = Duration::from_millis(rule.delay_ms);
            let error = rule.error.as_deref().map(|name| {
                let message = rule.message.as_deref().unwrap_or("a scripted fault");
                Reply::error(rule.status.unwrap_or(400), name, message)
            });
            return Some(Fault { kind: rule.kind, delay, error });
        }
        None
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

impl ActiveRule {
    fn is_on(&self, now: Micros) -> bool {
        now >= self.added + Duration::from_millis(self.rule.from_ms) && !self.is_over(now)
    }

    fn is_over(&self, now: Micros) -> bool {
        let until = self.rule.until_ms.map(|ms| self.added + Duration::from_millis(ms));
        self.left == 0 || until.is_some_and(|until| now >= until)
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
