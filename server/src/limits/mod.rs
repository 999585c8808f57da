//! Every bound of the server, a file for each part that it bounds, and those of the core; checked
//! against each other at compile time. docs/LIMITS.md says what happens where one is met.
//!
//! Units stand last in the names. A bound that an operator may change is a default here and a field
//! of [`crate::config::Args`].

mod documents;
mod groups;
mod sockets;
mod clients;
mod http;
mod tokens;
mod process;
mod cluster;

pub use clients::*;
pub use cluster::*;
pub use documents::*;
pub use gavel_core::limits::*;
pub use groups::*;
pub use http::*;
pub use process::*;
pub use sockets::*;
pub use tokens::*;
