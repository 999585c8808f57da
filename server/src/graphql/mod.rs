//! The API: GraphQL over the lanes (mutations), the store (queries) and the broker (subscriptions).
//!
//! A mutation never uses the broker; a subscription never uses a lane. [`Api::execute`] runs
//! queries and mutations for any transport; subscriptions run in groups, see
//! [`crate::websocket::fanout`].

pub mod caller;
pub mod counts;
pub mod error;
pub mod scalar;
pub mod cursor;
pub mod types;
mod standings;
pub mod query;
pub mod mutation;
pub mod subscription;
pub mod prepare;
mod absent;
pub mod execute;
pub mod document;
pub mod persisted;
pub mod request;
pub mod root;

pub use caller::Caller;
pub use execute::{Api, Schema};
pub use prepare::{Operation, Prepared};
