//! Every limit of the core, one file per part that it limits, checked against each other at compile
//! time. docs/LIMITS.md says what happens when one is reached.
//!
//! Units are last in the names. A limit that an operator may change is a default here and a field
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
