//! A model of AWS Lambda's event source mapping on a DynamoDB stream, and of the handler that it
//! invokes: pure, time and randomness are arguments. docs/LAMBDA.md lists the rules and where each
//! comes from.

mod mapping;
mod handler;
#[cfg(test)]
mod mapping_tests;
#[cfg(test)]
mod handler_tests;

pub use handler::{Handler, Invocation, Tally};
pub use mapping::{Answer, Failure, Item, Line, Next, Settings};
