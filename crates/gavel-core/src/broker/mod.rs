//! The broker: events of any source in, each auction's bids out, once and in order.
//!
//! It owns the topics, one a watched auction. What a topic missed it reads back from the table; it
//! never writes, and never asks who watches or why.

pub mod demand;
pub mod event;
pub mod counts;
pub mod sequencer;
pub mod topic;
mod hole;
pub mod quiet;
mod history;
mod repair;
mod trace;
mod topics;
#[cfg(test)]
mod topics_tests;

pub use event::{Event, PublishedBid, Source, Stamped};
pub use topic::{Mark, Topic};
pub use topics::{Broker, TopicError};
