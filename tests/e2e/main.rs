//! Gavel end to end.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bidding;
mod lots;
mod watching;
mod front_ends;
mod lobby;
mod event_streams;
mod persisted;
mod standings;
mod foreign_writes;
mod bad_input;
mod protocol;
mod process;
mod servers;
mod streams;
mod stream_changes;
mod readiness;
mod outage;
mod denied;
mod environment;
mod clock;
mod misbehaving;
mod http;
mod auth;
mod appsync;
mod black_box;
mod identity;
mod tls;
mod limits;
mod metrics;
mod security;
mod latency;
mod measuring;
mod tracing;
mod pages;
