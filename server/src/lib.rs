//! Gavel: realtime auction bidding on DynamoDB Streams.
//!
//! The server around [`gavel_core`]: settings, tokens, budgets, GraphQL, sockets, HTTP, and the
//! process. ARCHITECTURE.md follows one bid and one watcher through both.

use feature_set as _;

pub mod version;
pub mod limits;
pub mod config;
pub mod readiness;
pub mod compute;
pub mod auth;
pub mod limiter;
pub mod cost;
pub mod graphql;
pub mod websocket;
pub mod http;
pub mod cluster;
pub mod telemetry;
pub mod demo;
pub mod app;
pub mod command;
