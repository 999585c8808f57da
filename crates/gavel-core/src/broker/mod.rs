//! The broker takes events from any source and publishes each auction's bids, once and in order.
//!
//! It owns the topics, one per watched auction. What a topic missed it reads back from the table.
//! It never writes, and does not know who watches or why.

pub mod demand;
pub mod event;
pub mod counts;
pub mod sequencer;
pub mod topic;
mod missing_range;
mod contradiction;
pub mod quiet;
mod history;
mod repair;
mod trace;
mod topics;
mod checks;
#[cfg(test)]
mod topics_tests;

pub use event::{Envelope, Event, PublishedBid, Source};
pub use topic::{Progress, Topic};
pub use topics::{Broker, Interest, TopicError};
