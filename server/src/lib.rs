//! Gavel: realtime auction bidding on DynamoDB Streams.
//!
//! Modules stand in the order of the data's way: rules, table, stream, broker, lanes, API,
//! sockets. ARCHITECTURE.md follows one bid and one watcher through them.

pub mod version;
pub mod clock;
pub mod limits;
pub mod metrics;
pub mod tasks;
pub mod outage;
pub mod sabotage;
pub mod config;
pub mod auction;
pub mod store;
pub mod broker;
pub mod bidding;
pub mod relay;
pub mod readiness;
pub mod auth;
pub mod guard;
pub mod cost;
pub mod graphql;
pub mod websocket;
pub mod http;
pub mod telemetry;
pub mod demo;
pub mod app;
