//! Counts of the API.

use std::sync::Arc;

use async_graphql::ServerError;
use async_graphql::parser::types::OperationType;
use gavel_core::metrics::{Counter, CounterVec};
use gavel_core::{labels, metrics};

use super::error::{Code, ReportedErrors};
use super::persisted::Resolved;
use crate::limiter::ClientLimiter;

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

labels! {
    /// What became of a document's id.
    pub Lookup {
        /// Its document was known.
        Found = "found",
        /// It was not; the client sends the document.
        NotFound = "not_found",
        /// It came with its document, and is known from now on.
        Registered = "registered",
        /// Its document may not run here, or has another hash; or ids are not supported.
        Refused = "refused",
    }
}

metrics! {
    /// The counts of an API.
    pub Totals {
        /// GraphQL operations.
        operations: CounterVec<Kind> = "gavel_operations_total" by "kind",
        /// Errors that were sent to clients.
        errors: CounterVec<Code> = "gavel_errors_total" by "code",
        /// Requests with the id of a document.
        lookups: CounterVec<Lookup> = "gavel_persisted_queries_total" by "outcome",
        /// Subscriptions that began with a cursor.
        resumes: Counter = "gavel_resumes_total",
    }
}

/// Counts operations, and the limits that their errors report.
#[derive(Debug)]
pub struct ApiCounts {
    /// The counts.
    pub totals: Totals,
    limiter: ClientLimiter,
}

impl ApiCounts {
    /// Counts that record limits in this client limiter.
    pub fn new(limiter: ClientLimiter) -> Arc<Self> {
        Arc::new(Self { totals: Totals::default(), limiter })
    }

    /// Counts what became of a document's id, or that a document may not run.
    pub fn resolved(&self, has_id: bool, resolved: &Result<Resolved, ServerError>) {
        let lookup = match resolved {
            Ok(Resolved::Given) => return,
            Ok(Resolved::Found) => Lookup::Found,
            Ok(Resolved::Sent) => Lookup::Registered,
            Err(error) if has_id && Code::of(error) == Some(Code::PersistedQueryNotFound) => {
                Lookup::NotFound
            }
            Err(_) => Lookup::Refused,
        };
        self.totals.lookups.inc(lookup);
    }

    /// Counts errors that are sent to a client.
    pub fn tell(&self, errors: &[ServerError]) {
        if !errors.is_empty() {
            self.told(&ReportedErrors::of(errors));
        }
    }

    /// Counts errors that were sent to a client.
    pub fn told(&self, told: &ReportedErrors) {
        for (code, bound) in &told.0 {
            self.totals.errors.inc(*code);
            if let Some(bound) = bound {
                self.limiter.record_limit(*bound);
            }
        }
    }
}
