//! The harness of the end-to-end tests: a whole Gavel in this process, and clients for it.
//!
//! The store is the embedded DynamoDB, or the one at GAVEL_TEST_DYNAMODB (a URL), with a table of
//! its own for each server: `tests/stores/run` runs the same suite against other projects' stores.

use feature_set as _;

pub mod collector;
pub mod gavel;
pub mod child;
pub mod between;
pub mod control_client;
pub mod limit_case;
pub mod hook;
pub mod issuer;
pub mod log;
pub mod raw;
pub mod socket;
pub mod event_stream;

pub use gavel::{Gavel, code, soon};
pub use socket::{Event, Socket};
