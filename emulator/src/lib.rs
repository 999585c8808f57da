//! An embedded DynamoDB with Streams, for tests and single machines.
//!
//! The engine is dynoxide (SQLite), called in process on a thread of its own;
//! this crate puts the HTTP front before it and keeps its stream fast. Clients
//! reach it with the plain AWS SDK at [`Emulator::endpoint`]: any region, any
//! credentials.
//!
//! Modules, in the order of a request's way:
//! - `server`: sockets; reads one request, writes one answer.
//! - `wire`: HTTP to [`call::Call`] and back.
//! - `front`: what stands between the wire and the engine.
//! - `engine`: runs a call on dynoxide.
//! - `store`: where the database file lives, who may open it, its indexes.
//!
//! What it never does: reach another host, or keep anything outside its
//! directory.

mod options;
mod emulator;
mod server;
mod wire;
mod call;
mod front;
mod engine;
mod store;

pub use emulator::{Emulator, StartError};
pub use options::Options;
