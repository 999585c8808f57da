//! Every bound of the core, a file for each part that it bounds; checked against each other at compile
//! time. docs/LIMITS.md says what happens where one is met.
//!
//! Units stand last in the names. A bound that an operator may change is a default here and a field
//! of `gavel_server::config::Args`.

mod auction;
mod lanes;
mod schedule;
mod store;
mod broker;
mod cluster;
mod relay;

pub use auction::*;
pub use broker::*;
pub use cluster::*;
pub use lanes::*;
pub use relay::*;
pub use schedule::*;
pub use store::*;
