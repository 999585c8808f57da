//! Records of a run and their evaluation: hops, percentiles, checks, objectives.

pub mod path;
pub mod latency;
pub mod attempt;
pub mod delivery;
pub mod seen;
pub mod snapshot;
pub mod live;
pub mod hops;
pub mod series;
pub mod check;
pub mod slo;
pub mod idle_store;
pub mod environment;
pub mod scrape;
