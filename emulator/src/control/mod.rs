//! Control of a running emulator, for Rust, for flags and scripts, and for the control endpoint:
//! one [`Command`] for all of them.

mod http;
mod script;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::arn::DEFAULT_REGION;
use crate::clock::{self, Micros};
use crate::contention::{ContentionState, Limits, Refusals};
use crate::engine::Engine;
use crate::faults::{FaultKind, FaultRule, FaultSchedule};
use crate::latency::{Latency, LatencyState};
use crate::streams::{ShardError, StreamState, Streams};
use crate::tables::{TableState, TableStates};

pub(crate) use http::{answer, is_control};
pub(crate) use script::Script;
pub use script::Step;

/// A command to a running emulator.
///
/// In JSON the name is in `command`: `{"command": "stall", "for_ms": 30000}`. `table` and `shard`
/// narrow a command; absent: all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Replaces a shard with two, each with half its keys.
    Split {
        /// The open shard; absent: the widest of each stream.
        #[serde(default)]
        shard: Option<String>,
        /// The table of the stream.
        #[serde(default)]
        table: Option<String>,
    },
    /// Replaces a shard with one, as AWS does every few hours.
    Roll {
        /// The open shard; absent: the widest of each stream, the oldest first.
        #[serde(default)]
        shard: Option<String>,
        /// The table of the stream.
        #[serde(default)]
        table: Option<String>,
    },
    /// Stalls the stream: nothing new becomes visible.
    Stall {
        /// How long, in milliseconds.
        for_ms: u64,
        /// The shard.
        #[serde(default)]
        shard: Option<String>,
        /// The table of the stream.
        #[serde(default)]
        table: Option<String>,
    },
    /// Ends every stall.
    Resume,
    /// Expires every shard iterator issued so far.
    ExpireIterators,
    /// Trims records that have been visible for longer.
    Trim {
        /// The time kept, in milliseconds; 0 keeps nothing that is visible.
        #[serde(default)]
        keep_ms: u64,
        /// The table of the stream.
        #[serde(default)]
        table: Option<String>,
    },
    /// Removes closed shards from `DescribeStream`; their iterators stay valid.
    ForgetClosedShards,
    /// Disables a table's stream, as `UpdateTable` does.
    DisableStream {
        /// The table; absent: every table that has one.
        #[serde(default)]
        table: Option<String>,
    },
    /// Enables a stream for the tables whose last one was disabled, as `UpdateTable` does: it has a
    /// new ARN.
    EnableStream {
        /// The table; absent: all of them.
        #[serde(default)]
        table: Option<String>,
    },
    /// Puts a table, or one of its indexes, in a state, and refuses what the state does not allow.
    TableState {
        /// The table.
        table: String,
        /// The index of the table; absent: the table itself.
        #[serde(default)]
        index: Option<String>,
        /// The state; `ACTIVE` ends it.
        state: TableState,
        /// How long, in milliseconds; absent: until it is `ACTIVE` again.
        #[serde(default)]
        for_ms: Option<u64>,
    },
    /// Deletes items whose time to live is over, which otherwise happens once an hour.
    SweepTtl,
    /// Forgets every transaction token received so far.
    ForgetTokens,
    /// Adds a fault.
    Fault(FaultRule),
    /// Ends every fault.
    ClearFaults,
    /// Changes how long things take from now on.
    Latency(Latency),
    /// Changes what limits writes from now on.
    Limits(Limits),
    /// Closes every connection, even with requests in progress.
    DropConnections,
}

impl Command {
    /// Whether it needs streams with shards of their own.
    pub(crate) fn needs_shards(&self) -> bool {
        match self {
            Self::Split { .. }
            | Self::Roll { .. }
            | Self::Stall { .. }
            | Self::Resume
            | Self::ExpireIterators
            | Self::ForgetClosedShards => true,
            Self::Latency(latency) => !latency.propagation.is_none(),
            // Without shards of their own, records go from the engine.
            Self::Trim { .. }
            | Self::DisableStream { .. }
            | Self::EnableStream { .. }
            | Self::TableState { .. }
            | Self::SweepTtl
            | Self::ForgetTokens
            | Self::Fault(_)
            | Self::ClearFaults
            | Self::Limits(_)
            | Self::DropConnections => false,
        }
    }

    /// Whether its numbers are in their ranges.
    pub(crate) fn is_valid(&self) -> bool {
        match self {
            Self::Fault(rule) => rule.is_valid(),
            Self::Latency(latency) => latency.is_valid(),
            _ => true,
        }
    }
}

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The emulator runs with the engine's own streams.
    #[error("the emulator was started without shards")]
    NoShards,
    /// A shard could not be closed.
    #[error("{0}")]
    Shard(#[from] ShardError),
    /// The command is for a stream that was not read yet.
    #[error("no such stream, or it was not read yet")]
    NoStream,
    /// A number is out of its range.
    #[error("{0}")]
    Invalid(&'static str),
    /// A stream was not disabled or enabled.
    #[error("{0}")]
    Refused(String),
}

/// The current state of a shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShardStatus {
    /// The id of the shard.
    pub id: String,
    /// The shard it continues.
    pub parent: Option<String>,
    /// Whether it still receives records.
    pub open: bool,
    /// Whether `DescribeStream` lists it now.
    pub described: bool,
}

/// The current state of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StreamStatus {
    /// The ARN of the stream.
    pub arn: String,
    /// Its shards, oldest first.
    pub shards: Vec<ShardStatus>,
    /// Records kept, visible or not.
    pub records: usize,
}

/// What an emulator has done so far.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// The seed of everything random.
    pub seed: u64,
    /// The time since the start, in milliseconds.
    pub uptime_ms: u64,
    /// Calls received.
    pub calls: u64,
    /// Faults injected, by kind.
    pub faults: BTreeMap<FaultKind, u64>,
    /// Writes refused by limits.
    pub refusals: Refusals,
    /// Streams that were read.
    pub streams: Vec<StreamStatus>,
}

/// State that the layers share with the control.
pub(crate) struct ControlState {
    pub(crate) seed: u64,
    pub(crate) began: Micros,
    pub(crate) calls: AtomicU64,
    pub(crate) faults: Arc<Mutex<FaultSchedule>>,
    pub(crate) latency: Arc<LatencyState>,
    pub(crate) contention: Arc<ContentionState>,
    pub(crate) streams: Arc<Streams>,
    pub(crate) tables: Arc<TableStates>,
    pub(crate) engine: Engine,
    /// Notified when connections must be dropped.
    pub(crate) drop_connections: Notify,
}

/// A handle on a running emulator: cheap to clone, usable from any thread.
#[derive(Clone)]
pub struct Control {
    control_state: Arc<ControlState>,
}

impl fmt::Debug for Control {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Control")
            .field("seed", &self.control_state.seed)
            .finish_non_exhaustive()
    }
}

impl Control {
    pub(crate) fn new(control_state: Arc<ControlState>) -> Self {
        Self { control_state }
    }

    /// The seed of everything random: the same seed, the same faults.
    pub fn seed(&self) -> u64 {
        self.control_state.seed
    }

    /// Carries `command` out at once.
    pub fn apply(&self, command: Command) -> Result<(), CommandError> {
        tracing::info!(?command, "control");
        let control_state = &self.control_state;
        let now = clock::now();
        match command {
            Command::Split { shard, table } => self.close(shard.as_deref(), table.as_deref(), 2),
            Command::Roll { shard, table } => self.close(shard.as_deref(), table.as_deref(), 1),
            Command::Stall { for_ms, shard, table } => {
                let span = Duration::from_millis(for_ms);
                self.each(table.as_deref(), |stream| stream.stall(shard.clone(), span, now))
            }
            Command::Resume => self.each(None, StreamState::resume),
            Command::ExpireIterators => self.each(None, |stream| stream.expire_iterators(now)),
            Command::Trim { keep_ms, table } if !control_state.streams.is_on() => {
                let oldest = now.minus(Duration::from_millis(keep_ms));
                control_state.engine.prune_streams(table.as_deref(), oldest);
                Ok(())
            }
            Command::Trim { keep_ms, table } => {
                let keep = Duration::from_millis(keep_ms);
                self.each(table.as_deref(), |stream| {
                    stream.trim(keep, now);
                })
            }
            Command::ForgetClosedShards => self.each(None, |stream| {
                stream.forget_closed(now);
            }),
            Command::DisableStream { table } => self.switch_stream(table.as_deref(), false),
            Command::EnableStream { table } => self.switch_stream(table.as_deref(), true),
            Command::TableState { table, index, state, for_ms } => {
                let span = for_ms.map(Duration::from_millis);
                control_state.tables.set(table, index, state, span, now);
                Ok(())
            }
            Command::SweepTtl => {
                control_state.engine.sweep_expired_items();
                Ok(())
            }
            Command::ForgetTokens => {
                control_state.contention.forget_tokens();
                Ok(())
            }
            Command::Fault(rule) => {
                if let Some(problem) = rule.problem() {
                    return Err(CommandError::Invalid(problem));
                }
                control_state.faults.lock().add(rule, now);
                Ok(())
            }
            Command::ClearFaults => {
                control_state.faults.lock().clear();
                Ok(())
            }
            Command::Latency(latency) => self.set_latency(latency),
            Command::Limits(limits) => {
                control_state.contention.set_limits(limits);
                Ok(())
            }
            Command::DropConnections => {
                control_state.drop_connections.notify_waiters();
                Ok(())
            }
        }
    }

    /// What the emulator has done so far.
    pub fn status(&self) -> Status {
        let control_state = &self.control_state;
        let now = clock::now();
        let mut streams = Vec::new();
        control_state.streams.each(None, |stream| {
            let shards = stream.lineage.shards().iter().map(|shard| ShardStatus {
                id: shard.id.clone(),
                parent: shard.parent.clone(),
                open: shard.ends.is_none(),
                described: shard.is_described(now),
            });
            streams.push(StreamStatus {
                arn: stream.name().arn(DEFAULT_REGION),
                shards: shards.collect(),
                records: stream.record_count(),
            });
        });
        Status {
            seed: control_state.seed,
            uptime_ms: now.since(control_state.began).as_millis() as u64,
            calls: control_state.calls.load(Ordering::Relaxed),
            faults: control_state.faults.lock().counts().clone(),
            refusals: control_state.contention.refusals(),
            streams,
        }
    }

    fn switch_stream(&self, table: Option<&str>, enable: bool) -> Result<(), CommandError> {
        self.control_state.engine.switch_streams(table, enable).map_err(CommandError::Refused)
    }

    fn set_latency(&self, latency: Latency) -> Result<(), CommandError> {
        if !latency.is_valid() {
            return Err(CommandError::Invalid(
                "a delay must be a finite number that is not negative",
            ));
        }
        let streams = &self.control_state.streams;
        if !latency.propagation.is_none() && !streams.is_on() {
            return Err(CommandError::NoShards);
        }
        streams.set_propagation(latency.propagation);
        self.control_state.latency.set(latency);
        Ok(())
    }

    fn close(
        &self,
        shard: Option<&str>,
        table: Option<&str>,
        children: u32,
    ) -> Result<(), CommandError> {
        let now = clock::now();
        let mut closed = Err(ShardError::NotOpen);
        self.each(table, |stream| {
            let this = stream.close(shard, children, now).map(|_| ());
            // With a named shard one stream has it, and the others do not.
            if closed.is_err() {
                closed = this;
            }
        })?;
        Ok(closed?)
    }

    fn each(
        &self,
        table: Option<&str>,
        mut change: impl FnMut(&mut StreamState),
    ) -> Result<(), CommandError> {
        let streams = &self.control_state.streams;
        if !streams.is_on() {
            return Err(CommandError::NoShards);
        }
        let mut changed = 0;
        streams.each(table, |stream| {
            change(stream);
            changed += 1;
        });
        if changed == 0 { Err(CommandError::NoStream) } else { Ok(()) }
    }
}

/// Carries `script` out until `stop`.
pub(crate) async fn follow(script: Vec<Step>, control: Control, stop: CancellationToken) {
    let began = tokio::time::Instant::now();
    let mut script = Script::new(script);
    while let Some(next_ms) = script.next_ms() {
        tokio::select! {
            () = tokio::time::sleep_until(began + Duration::from_millis(next_ms)) => {}
            () = stop.cancelled() => return,
        }
        for command in script.due(began.elapsed().as_millis() as u64) {
            if let Err(error) = control.apply(command) {
                tracing::warn!(%error, "a step of the script failed");
            }
        }
    }
}
