//! An embedded DynamoDB with Streams, for tests and single machines.
//!
//! The engine is dynoxide (SQLite), called in process on a thread of its own. This crate adds an
//! HTTP server, keeps its streams fast, and on request makes it as slow, as sharded and as
//! unreliable as AWS can be. Clients reach it with the plain AWS SDK at [`Emulator::endpoint`],
//! with any region and any credentials. docs/EMULATOR.md describes the options.
//!
//! Modules, in the order of a request's way:
//! - `server`: sockets; reads one request, writes one answer.
//! - `wire`: HTTP to `call::Call` and back.
//! - `arn`: resource names, and the region in them.
//! - `front`: the layers between the wire and the engine:
//!   `faults`, `tables`, `contention`, `latency`, `streams`.
//! - `engine`: runs a call on dynoxide.
//! - `store`: where the database file lives, who may open it, and its streams.
//! - `maintenance`: old stream records and expired items go.
//! - `control`: the levers of the layers, from Rust, HTTP and scripts.
//!
//! Decisions (fault schedule, claims, buckets, delays, shard lineage, visibility, the log, scripts)
//! are pure and take the time as an argument; only `clock` reads it.
//!
//! It never reaches another host, and keeps nothing outside its directory.

mod options;
mod emulator;
mod server;
mod wire;
mod arn;
mod call;
mod service_stack;
mod faults;
mod tables;
mod contention;
mod latency;
mod streams;
mod engine;
mod store;
mod control;
mod maintenance;
mod clock;
mod random;

pub use contention::{Limits, Refusals};
pub use control::{Command, CommandError, Control, ShardStatus, Status, Step, StreamStatus};
pub use emulator::{Emulator, StartError};
pub use faults::{FaultKind, FaultRule, FaultTextError, Target};
pub use latency::{Delay, Latency, Order, Propagation};
pub use options::{Behaviour, Options};
pub use streams::{ShardError, StreamOptions};
pub use tables::TableState;
