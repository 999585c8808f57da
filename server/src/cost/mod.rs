//! What an operation costs, worked out before any of the work is done. Pure.
//!
//! [`size`] measures a document as it is written, so that parsing and validating it is bounded;
//! [`merge`] drops what it asks for twice; [`price()`] estimates what running one of its operations
//! takes, in points, table reads and bytes; [`variables`] keeps of a request's variables only what
//! the operation declares. docs/LIMITS.md states the model and who pays.

pub mod rules;
pub mod size;
pub mod merge;
pub mod variables;
pub mod price;
pub mod weights;

pub use price::{Price, price};
pub use size::DocumentSize;
