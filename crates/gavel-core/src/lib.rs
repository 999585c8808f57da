//! The path of a bid, from the rules to the watchers' topics: no HTTP, no GraphQL, no sockets.
//!
//! Modules stand in the order in which they may import, each those above it: rules, table, broker,
//! other nodes, lanes, stream.

pub mod clock;
pub mod limits;
pub mod metrics;
pub mod tasks;
pub mod outage;
pub mod fault_injection;
pub mod auction;
pub mod store;
pub mod broker;
pub mod cluster;
pub mod bidding;
pub mod relay;
#[cfg(any(test, feature = "simulation"))]
pub mod simulation;
