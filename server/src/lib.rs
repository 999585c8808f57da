//! Gavel: realtime auction bidding on DynamoDB Streams.
//!
//! Modules stand in the order of the data's way: rules, table, lane, stream, broker, API, sockets.
//! ARCHITECTURE.md follows one bid and one watcher through them.

pub mod clock;
pub mod limits;
pub mod auction;
pub mod store;
pub mod broker;
pub mod relay;
