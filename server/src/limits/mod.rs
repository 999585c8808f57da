//! Every limit of the server, one file per part that it limits, and those of the core, checked
//! against each other at compile time. docs/LIMITS.md says what happens when one is reached.
//!
//! Units are last in the names. A limit that an operator may change is a default here and a field
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
