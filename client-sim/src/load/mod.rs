//! Who sends what, and when.

pub mod scenario;
pub mod fit;
pub mod schedule;
pub mod auction;
pub mod plan;
pub mod course;
mod set_up;
pub mod bidders;
pub mod watchers;
pub mod session;
pub mod chaos;
pub mod rolling;
