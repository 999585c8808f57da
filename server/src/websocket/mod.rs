//! Sockets: the fan-out of subscriptions.

pub mod payload;
pub mod outbox;
pub mod execution;
pub mod normalise;
pub mod group;
pub mod fanout;
