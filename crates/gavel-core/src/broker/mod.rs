//! The broker: events of any source in, each auction's bids out, once and in order.
//!
//! It owns the topics, one a watched auction. What a topic missed it reads back from the table; it
//! never writes, and never asks who watches or why.

pub mod demand;
pub mod event;
pub mod counts;
pub mod sequencer;
pub mod topic;
mod missing_range;
pub mod quiet;
mod history;
mod repair;
mod trace;
mod topics;
#[cfg(test)]
mod topics_tests;

pub use event::{Envelope, Event, PublishedBid, Source};
pub use topic::{Progress, Topic};
pub use topics::{Broker, Interest, TopicError};
