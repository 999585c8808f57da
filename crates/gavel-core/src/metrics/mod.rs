//! Building blocks of metrics: counters, gauges and histograms that cost an atomic add, and the
//! text of a scrape.
//!
//! Each part of the service declares its counts with [`metrics!`](crate::metrics!), which names
//! each metric once, and passes them to the app. There is no global registry, and no label is
//! looked up on the path of bids and deliveries. These are not the types of the `prometheus` crate,
//! because here a thousand equal deliveries are one addition. docs/METRICS.md explains each name.

pub mod counter;
pub mod histogram;
pub mod exposition;
mod declare;

pub use counter::{Counter, CounterVec, Gauge, GaugeGuard, Label};
pub use declare::Metric;
pub use histogram::{Durations, Sizes};
