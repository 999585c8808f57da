//! What metrics are made of: counters, levels and histograms that cost an atomic add, and the page
//! that a scrape gets.
//!
//! Each part of the service owns its counts and hands them to the app, which hands them to the page
//! (`gavel_server::http::metrics`). There is no registry that all can reach, and no label is looked up
//! where bids or deliveries pass. docs/METRICS.md says what each name means.

pub mod number;
pub mod histogram;
pub mod page;

pub use histogram::{Durations, Sizes};
pub use number::{CountBy, Counter, Held, Label, Level};
