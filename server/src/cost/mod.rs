//! The cost of an operation, computed before any of its work is done. Pure.
//!
//! [`size`] measures a document as written, so that parsing and validating it is bounded; [`merge`]
//! drops duplicate selections; [`price()`] estimates the cost of running one of its operations, in
//! points, table reads and bytes; [`variables`] keeps only those variables of a request that the
//! operation declares. docs/LIMITS.md describes the model and who pays.

pub mod rules;
pub mod size;
pub mod merge;
pub mod variables;
pub mod price;
pub mod weights;

pub use price::{Price, price};
pub use size::DocumentSize;
