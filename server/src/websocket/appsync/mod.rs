//! AppSync's real-time protocols, of GraphQL and of Events: the same operations, groups and limits
//! behind other messages.
//!
//! docs/APPSYNC.md says who speaks it, and what differs from AppSync.

mod channel;
pub mod handshake;
pub mod message;
mod protocol;
#[cfg(test)]
mod protocol_tests;

pub use handshake::Handshake;
pub use message::Dialect;
pub use protocol::AppSync;
