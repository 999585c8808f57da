//! The broker: events of any source in, each auction's bids out, once and in order.
//!
//! It owns the topics. It never writes, and never asks who watches why.

pub mod demand;
pub mod event;

pub use event::{Event, Source, Stamped};
