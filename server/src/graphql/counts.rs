//! What the API counts.

use std::sync::Arc;

use async_graphql::ServerError;
use async_graphql::parser::types::OperationType;
use gavel_core::labels;
use gavel_core::metrics::{CountBy, Counter};

use super::error::{Code, Told};
use crate::guard::Guard;

labels! {
    /// The kind of an operation.
    pub Kind {
        /// A query.
        Query = "query",
        /// A mutation.
        Mutation = "mutation",
        /// A subscription.
        Subscription = "subscription",
    }
}

impl From<OperationType> for Kind {
    fn from(kind: OperationType) -> Self {
        match kind {
            OperationType::Query => Self::Query,
            OperationType::Mutation => Self::Mutation,
            OperationType::Subscription => Self::Subscription,
        }
    }
}

/// The counts of an API.
#[derive(Debug)]
pub struct ApiCounts {
    /// Operations that were run.
    pub operations: CountBy<Kind>,
    /// Errors that clients were told, by code.
    pub errors: CountBy<Code>,
    /// Subscriptions that began with a cursor.
    pub resumes: Counter,
    guard: Guard,
}

impl ApiCounts {
    /// Counts, and a guard that counts the limits that errors are about.
    pub fn new(guard: Guard) -> Arc<Self> {
        let (operations, errors, resumes) = Default::default();
        Arc::new(Self { operations, errors, resumes, guard })
    }

    /// A client is told these errors.
    pub fn tell(&self, errors: &[ServerError]) {
        if !errors.is_empty() {
            self.told(&Told::of(errors));
        }
    }

    /// A client was told these.
    pub fn told(&self, told: &Told) {
        for (code, bound) in &told.0 {
            self.errors.inc(*code);
            if let Some(bound) = bound {
                self.guard.meets(*bound);
            }
        }
    }
}
