//! The layers between the wire and the engine, outermost first:
//!
//! - faults: what never arrives, is not answered, or goes wrong by itself
//! - tables: what the state of a table does not allow
//! - contention: writes that AWS would turn away
//! - latency: how long the rest takes
//! - streams: shards, and what is visible in them
//!
//! With no option set each of them is one branch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tower::{Service, ServiceBuilder};

use crate::Options;
use crate::call::{Call, DroppedConnection, Reply};
use crate::clock;
use crate::contention::{Contended, ContentionLayer, ContentionState};
use crate::control::{Control, ControlState};
use crate::engine::Engine;
use crate::faults::{FaultLayer, FaultSchedule, Faulty};
use crate::latency::{Delayed, LatencyLayer, LatencyState};
use crate::streams::{Sharded, StreamLayer, Streams};
use crate::tables::{Stated, TableLayer};

/// Concurrent calls, including those whose client is gone.
const CALLS_MAX: usize = 16_384;

type Stack = Faulty<Stated<Contended<Delayed<Sharded<Engine>>>>>;

/// Answers calls through all layers.
#[derive(Clone)]
pub(crate) struct ServiceStack {
    stack: Stack,
    control_state: Arc<ControlState>,
    /// Whether the control endpoint is served.
    control: bool,
    /// Calls continue even if their client is gone, as they would on AWS.
    calls: TaskTracker,
    free: Arc<Semaphore>,
}

impl ServiceStack {
    pub(crate) fn new(engine: Engine, options: &Options, seed: u64) -> Self {
        let (behaviour, latency) = (&options.behaviour, options.latency());
        let now = clock::now();
        let mut schedule = FaultSchedule::new(seed);
        for rule in &behaviour.faults {
            schedule.add(rule.clone(), now);
        }
        let streams = Streams::new(engine.clone(), behaviour.streams, latency.propagation, seed);
        let control_state = Arc::new(ControlState {
            seed,
            began: now,
            calls: AtomicU64::new(0),
            faults: Arc::new(Mutex::new(schedule)),
            latency: Arc::new(LatencyState::new(latency, seed)),
            contention: Arc::new(ContentionState::new(behaviour.limits)),
            streams: Arc::new(streams),
            tables: Arc::default(),
            engine: engine.clone(),
            drop_connections: Notify::new(),
        });
        let stack = ServiceBuilder::new()
            .layer(FaultLayer(Arc::clone(&control_state.faults)))
            .layer(TableLayer(Arc::clone(&control_state.tables)))
            .layer(ContentionLayer {
                state: Arc::clone(&control_state.contention),
                engine: engine.clone(),
            })
            .layer(LatencyLayer(Arc::clone(&control_state.latency)))
            .layer(StreamLayer(Arc::clone(&control_state.streams)))
            .service(engine);
        Self {
            stack,
            control_state,
            control: options.control,
            calls: TaskTracker::new(),
            free: Arc::new(Semaphore::new(CALLS_MAX)),
        }
    }

    pub(crate) fn handle(&self) -> Control {
        Control::new(Arc::clone(&self.control_state))
    }

    /// The control, if its endpoint is served.
    pub(crate) fn endpoint_control(&self) -> Option<Control> {
        self.control.then(|| self.handle())
    }

    /// Returns when connections must be dropped.
    pub(crate) async fn dropped(&self) {
        self.control_state.drop_connections.notified().await;
    }

    /// Answers one call. It is carried out even if this future is dropped.
    pub(crate) async fn call(&self, call: Call) -> Result<Reply, DroppedConnection> {
        self.control_state.calls.fetch_add(1, Ordering::Relaxed);
        let mut stack = self.stack.clone();
        let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() else {
            return Err(DroppedConnection);
        };
        let answer = self.calls.spawn(async move {
            let reply = stack.call(call).await;
            drop(permit);
            reply
        });
        answer.await.unwrap_or(Err(DroppedConnection))
    }
}
