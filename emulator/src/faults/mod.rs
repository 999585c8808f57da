//! The layer that injects faults.

mod schedule;
mod scope;
mod text;

use std::future::pending;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use tower::{Layer, Service};

use crate::call::{Answer, Call, DroppedConnection, Kind, Operation, Reply, at_once};
use crate::clock;
use crate::contention::items;

pub(crate) use schedule::{Fault, FaultSchedule};
pub use schedule::{FaultKind, FaultRule, Target};
pub(crate) use scope::names_table;
pub use text::FaultTextError;

/// How long a call that gets no answer keeps its connection.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Puts [`Faulty`] around a service.
#[derive(Clone)]
pub(crate) struct FaultLayer(pub(crate) Arc<Mutex<FaultSchedule>>);

impl<S> Layer<S> for FaultLayer {
    type Service = Faulty<S>;

    fn layer(&self, inner: S) -> Faulty<S> {
        Faulty { inner, schedule: Arc::clone(&self.0) }
    }
}

/// Makes calls of the inner service fail as the schedule says.
#[derive(Clone)]
pub(crate) struct Faulty<S> {
    inner: S,
    schedule: Arc<Mutex<FaultSchedule>>,
}

impl<S> Service<Call> for Faulty<S>
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

    fn call(&mut self, call: Call) -> Answer {
        let fault = {
            let mut schedule = self.schedule.lock();
            if schedule.is_empty() { None } else { schedule.decide(&call, clock::now()) }
        };
        match fault {
            None => self.inner.call(call),
            Some(fault) => meet(fault, call, self.inner.clone()),
        }
    }
}

/// The outcome of `call` under `fault`.
fn meet<S>(fault: Fault, mut call: Call, mut inner: S) -> Answer
where
    S: Service<Call, Response = Reply, Error = DroppedConnection, Future = Answer> + Send + 'static,
{
    tracing::debug!(operation = ?call.operation, kind = ?fault.kind, "a fault");
    if let Some(error) = fault.error {
        return at_once(error);
    }
    match fault.kind {
        FaultKind::InternalError => at_once(Reply::internal_error("a scripted fault")),
        FaultKind::Throttled => at_once(throttled(&call)),
        FaultKind::DropConnection => Box::pin(std::future::ready(Err(DroppedConnection))),
        FaultKind::LostRequest => Box::pin(silence()),
        FaultKind::TransactionInProgress => at_once(Reply::refused(
            "TransactionInProgressException",
            "The transaction with the given request token is already in progress.",
        )),
        FaultKind::TransactionConflict => {
            let reason = Some(("TransactionConflict", "Transaction is ongoing for the item"));
            at_once(Reply::cancelled(&vec![reason; items::action_count(&call.body)]))
        }
        FaultKind::ExpiredIterator => at_once(Reply::expired_iterator()),
        FaultKind::TrimmedData => at_once(Reply::trimmed_data()),
        FaultKind::EmptyPage => {
            call.marks.empty_page = true;
            inner.call(call)
        }
        FaultKind::ForgottenToken => {
            call.marks.forgotten_token = true;
            inner.call(call)
        }
        FaultKind::SlowRequest => Box::pin(async move {
            tokio::time::sleep(fault.delay).await;
            inner.call(call).await
        }),
        kind => Box::pin(async move {
            let reply = inner.call(call).await?;
            match kind {
                FaultKind::InternalErrorAfter => Ok(Reply::internal_error("a scripted fault")),
                FaultKind::DropAnswer => Err(DroppedConnection),
                FaultKind::LostAnswer => silence().await,
                _ => {
                    tokio::time::sleep(fault.delay).await;
                    Ok(reply)
                }
            }
        }),
    }
}

/// No answer until the client has long given up.
async fn silence() -> Result<Reply, DroppedConnection> {
    match tokio::time::timeout(SILENCE_MAX, pending()).await {
        Ok(never) => never,
        Err(_) => Err(DroppedConnection),
    }
}

fn throttled(call: &Call) -> Reply {
    if call.operation == Operation::TransactWriteItems {
        let reason = Some(("ThrottlingError", THROTTLED));
        Reply::cancelled(&vec![reason; items::action_count(&call.body)])
    } else if call.operation.kind() == Kind::Stream {
        Reply::refused("LimitExceededException", THROTTLED)
    } else {
        Reply::refused("ThrottlingException", THROTTLED)
    }
}

/// DynamoDB's message when it throttles.
pub(crate) const THROTTLED: &str =
    "Throughput exceeds the current capacity of your table or index.";
