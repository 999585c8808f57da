//! What metrics are made of: counters, gauges and histograms that cost an atomic add, and the text that
//! a scrape gets.
//!
//! Each part of the service declares its counts by [`metrics!`](crate::metrics!), which names each metric
//! once, and hands them to the app. There is no registry that all can reach, and no label is looked up
//! where bids or deliveries pass. They are not the `prometheus` crate's own because a thousand equal
//! deliveries are one addition here. docs/METRICS.md says what each name means.

pub mod counter;
pub mod histogram;
pub mod exposition;
mod declare;

pub use counter::{Counter, CounterVec, Gauge, GaugeGuard, Label};
pub use declare::Metric;
pub use histogram::{Durations, Sizes};
