//! Runs queries and mutations, for any transport.

use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{Response, SDLExportOptions, ServerError};
use gavel_core::bidding::Bidding;
use gavel_core::store::Dynamo;
use gavel_core::tasks::Tasks;
use gavel_trace::{Tracer, log_span};
use tokio::sync::{Semaphore, oneshot};
use tracing::{Instrument as _, Span};

use super::absent;
use super::caller::Caller;
use super::counts::ApiCounts;
use super::error::{self, Code, coded, refused};
use super::mutation::Mutation;
use super::persisted::{Documents, Resolved};
use super::prepare::{Operation, Prepared, prepare};
use super::query::Query;
use super::subscription::SubscriptionRoot;
use crate::compute::ComputePool;
use crate::cost::rules::QueryRules;
use crate::cost::size;
use crate::cost::weights::OPERATION_POINTS;
use crate::limiter::{ClientLimiter, HeldBytes};
use crate::limits;

/// The schema.
pub type Schema = async_graphql::Schema<Query, Mutation, SubscriptionRoot>;

/// The API. Clones share it.
#[derive(Clone)]
pub struct Api {
    schema: Schema,
    rules: QueryRules,
    limiter: ClientLimiter,
    tasks: Tasks,
    tracer: Tracer,
    counts: Arc<ApiCounts>,
    compute: ComputePool,
    /// Permits for heavy operations.
    heavy: Arc<Semaphore>,
    documents: Arc<Documents>,
}

/// The schema without any data. Documents are measured before they get here (`prepare`), so the
/// library's own limits are not used.
fn builder() -> async_graphql::SchemaBuilder<Query, Mutation, SubscriptionRoot> {
    Schema::build(Query, Mutation, SubscriptionRoot)
        .limit_recursive_depth(limits::QUERY_RECURSION_MAX)
}

/// The schema without any data.
#[cfg(test)]
pub(crate) fn schema() -> Schema {
    builder().finish()
}

/// The schema as SDL, as in schema.graphql.
pub fn sdl() -> String {
    let options = SDLExportOptions::new().include_specified_by();
    let mut sdl = builder().finish().sdl_with_options(options);
    if !sdl.ends_with('\n') {
        sdl.push('\n');
    }
    sdl
}

impl Api {
    /// The API over a store and its lanes. Mutations run on `tasks`.
    pub fn new(
        store: Arc<Dynamo>,
        bidding: Bidding,
        limiter: ClientLimiter,
        rules: QueryRules,
        tasks: Tasks,
        tracer: Tracer,
        compute: ComputePool,
    ) -> Self {
        let counts = ApiCounts::new(limiter.clone());
        let mut builder =
            builder().data(store).data(bidding).data(limiter.clone()).data(tracer.clone());
        if !rules.introspection {
            builder = builder.disable_introspection();
        }
        let heavy = Arc::new(Semaphore::new(limits::HEAVY_OPERATIONS_MAX));
        let (schema, documents) = (builder.finish(), Arc::default());
        Self { schema, rules, limiter, tasks, tracer, counts, compute, heavy, documents }
    }

    /// The same API that knows these documents by their ids.
    pub fn knowing(self, documents: Documents) -> Self {
        Self { documents: Arc::new(documents), ..self }
    }

    /// The documents that are known by an id.
    pub fn documents(&self) -> &Documents {
        &self.documents
    }

    /// The counts of the API.
    pub fn counts(&self) -> Arc<ApiCounts> {
        Arc::clone(&self.counts)
    }

    /// The schema, for the fan-out.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// A span that adds the caller's trace to log lines, if the caller came with one that is kept.
    pub fn log_span(&self, caller: &Caller) -> Span {
        let given = caller.traceparent.as_deref().and_then(|text| self.tracer.enter(Some(text)));
        log_span(given.filter(|(_, parent)| parent.is_some()).map(|(context, _)| context))
    }

    /// Parses, measures and prices an operation. Its caller has already paid for reading it.
    pub async fn prepare(&self, mut operation: Operation) -> Result<Prepared, ServerError> {
        let has_id = operation.document.is_some();
        let resolved = self.documents.resolve(&mut operation);
        self.counts.resolved(has_id, &resolved);
        let resolved = resolved?;
        let reading_points = match resolved {
            Resolved::Found => operation.reading_points() - OPERATION_POINTS,
            Resolved::Given | Resolved::Sent => 0,
        };
        let document = operation.document.take();
        let mut prepared = self.read(operation).await?;
        prepared.reading_points = reading_points;
        if let (Resolved::Sent, Some(document)) = (resolved, document) {
            self.documents.register(&document.id, &prepared.query);
        }
        Ok(prepared)
    }

    async fn read(&self, operation: Operation) -> Result<Prepared, ServerError> {
        if operation.query.len() < limits::HEAVY_BYTES
            || operation.query.len() > self.rules.bytes_max
        {
            return prepare(operation, &self.rules);
        }
        let rules = self.rules;
        self.aside(async move { prepare(operation, &rules) }).await
    }

    /// Runs a future on the threads for work that computes for milliseconds between two awaits.
    pub async fn aside<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> T {
        self.compute.run(future).await
    }

    /// The same for an execution, only a few at a time: each holds the parts of its answer.
    async fn execute_aside(
        &self,
        execution: impl Future<Output = Response> + Send + 'static,
    ) -> Response {
        let _permit = self.heavy.acquire().await;
        self.aside(execution).await
    }

    /// Runs a query or mutation. Every error of the response has a code.
    ///
    /// A started mutation is finished even if this future is dropped. The caller is charged first
    /// for the work and for the bytes of the answer; the returned guard holds the bytes until the
    /// answer is written.
    pub async fn execute(
        &self,
        prepared: Prepared,
        caller: Caller,
    ) -> (Response, Option<HeldBytes>) {
        match self.admit(&prepared, &caller) {
            Err(error) => (failed(error), None),
            Ok(held) => (self.run(prepared, caller).await, Some(held)),
        }
    }

    fn admit(&self, prepared: &Prepared, caller: &Caller) -> Result<HeldBytes, ServerError> {
        if prepared.kind == OperationType::Subscription {
            let message = "subscriptions run over graphql-transport-ws at /graphql/ws, or as \
                           server-sent events at /graphql/stream";
            return Err(coded(Code::BadRequest, message));
        }
        // The library answers with nothing; here the client learns why.
        if !self.rules.introspection && size::introspects(&prepared.document) {
            return Err(coded(Code::Forbidden, "introspection is disabled"));
        }
        let price = prepared.price;
        let payer = (&caller.payer, caller.address);
        let points = price.points.saturating_add(prepared.reading_points);
        self.limiter.work(payer, points, caller.received_at).map_err(refused)?;
        self.limiter.answer(&caller.payer, price.bytes as usize).map_err(refused)
    }

    async fn run(&self, prepared: Prepared, caller: Caller) -> Response {
        let kind = prepared.kind;
        self.counts.totals.operations.inc(kind.into());
        let schema = self.schema.clone();
        let span = self.log_span(&caller);
        let is_heavy = prepared.is_heavy();
        let execution = async move {
            let mut response = schema.execute(prepared.request().data(caller)).await;
            if kind == OperationType::Query {
                absent::propagate(&mut response);
            }
            error::complete(&mut response);
            response
        };
        let execution = execution.instrument(span);
        if kind == OperationType::Query {
            return if is_heavy { self.execute_aside(execution).await } else { execution.await };
        }
        let (reply, response) = oneshot::channel();
        let api = self.clone();
        self.tasks.spawn("mutation", async move {
            let response =
                if is_heavy { api.execute_aside(execution).await } else { execution.await };
            // The client may be gone; what was written stands.
            reply.send(response).ok();
        });
        response.await.unwrap_or_else(|_| failed(coded(Code::Internal, "internal error")))
    }
}

/// A response with one error, which has a code.
pub fn failed(mut error: ServerError) -> Response {
    error::complete_error(&mut error);
    Response::from_errors(vec![error])
}

/// Whether a text is a W3C `traceparent` of version 00.
pub fn is_traceparent(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut hex = |length: usize| {
        parts.next().is_some_and(|part| {
            part.len() == length
                && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        })
    };
    text.starts_with("00-") && hex(2) && hex(32) && hex(16) && hex(2) && parts.next().is_none()
}
