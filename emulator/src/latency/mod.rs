//! The layer that delays calls as a profile says.

mod profile;

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use rand_chacha::ChaCha8Rng;
use tower::{Layer, Service};

use crate::call::{Answer, Call, DroppedConnection, Kind, Operation, Reply};
use crate::random;

pub use profile::{Delay, Latency, Order, Propagation};

/// The part of a delay that comes after the work: within it the stream may
/// show a write before its answer has arrived.
const ANSWER_SHARE: f64 = 0.1;

/// The profile in force, shared with the control.
pub(crate) struct LatencyState {
    inner: Mutex<(Latency, ChaCha8Rng)>,
}

impl LatencyState {
    pub(crate) fn new(latency: Latency, seed: u64) -> Self {
        Self { inner: Mutex::new((latency, random::stream(seed, "latency"))) }
    }

    pub(crate) fn set(&self, latency: Latency) {
        self.inner.lock().0 = latency;
    }

    /// How long a call of `operation` takes.
    pub(crate) fn sample(&self, operation: Operation) -> Duration {
        let (latency, source) = &mut *self.inner.lock();
        let delay = match operation {
            Operation::TransactWriteItems | Operation::ExecuteTransaction => latency.transact,
            Operation::GetRecords => latency.get_records,
            other => match other.kind() {
                Kind::Write => latency.write,
                Kind::Read => latency.read,
                Kind::Stream => latency.describe,
                Kind::Table => Delay::NONE,
            },
        };
        if delay.is_none() { Duration::ZERO } else { delay.sample(source) }
    }
}

/// Puts [`Delayed`] around a service.
#[derive(Clone)]
pub(crate) struct LatencyLayer(pub(crate) Arc<LatencyState>);

impl<S> Layer<S> for LatencyLayer {
    type Service = Delayed<S>;

    fn layer(&self, inner: S) -> Delayed<S> {
        Delayed { inner, state: Arc::clone(&self.0) }
    }
}

/// Delays each call of the inner service.
#[derive(Clone)]
pub(crate) struct Delayed<S> {
    inner: S,
    state: Arc<LatencyState>,
}

impl<S> Service<Call> for Delayed<S>
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
        let delay = self.state.sample(call.operation);
        if delay.is_zero() {
            return self.inner.call(call);
        }
        let mut inner = self.inner.clone();
        Box::pin(async move {
            let after = delay.mul_f64(ANSWER_SHARE);
            tokio::time::sleep(delay.saturating_sub(after)).await;
            let reply = inner.call(call).await;
            tokio::time::sleep(after).await;
            reply
        })
    }
}
