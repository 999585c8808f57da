//! Running queries and mutations, for any transport.

use std::sync::Arc;

use async_graphql::parser::types::{ExecutableDocument, OperationType};
use async_graphql::{Request, Response, ServerError, Variables};
use gavel_trace::{Tracer, log_span};
use tokio::sync::oneshot;
use tracing::{Instrument as _, Span};

use super::caller::Caller;
use super::counts::ApiCounts;
use super::error::{self, Code};
use super::mutation::Mutation;
use super::query::Query;
use super::rules::QueryRules;
use super::shape;
use super::subscription::SubscriptionRoot;
use crate::bidding::Lanes;
use crate::guard::Guard;
use crate::limits;
use crate::store::Dynamo;
use crate::tasks::Tasks;

/// The schema.
pub type Schema = async_graphql::Schema<Query, Mutation, SubscriptionRoot>;

/// An operation as a client sends it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Operation {
    /// The document.
    pub query: String,
    /// Which of its operations to run.
    pub operation_name: Option<String>,
    /// Its variables.
    pub variables: Variables,
}

/// The API. Clones share it.
#[derive(Clone)]
pub struct Api {
    schema: Schema,
    rules: QueryRules,
    tasks: Tasks,
    tracer: Tracer,
    counts: Arc<ApiCounts>,
}

/// The schema without anything behind it: for its SDL.
fn builder(rules: QueryRules) -> async_graphql::SchemaBuilder<Query, Mutation, SubscriptionRoot> {
    Schema::build(Query, Mutation, SubscriptionRoot)
        .limit_depth(rules.depth_max)
        .limit_complexity(rules.complexity_max)
        .limit_recursive_depth(limits::QUERY_RECURSION_MAX)
        .limit_directives(rules.directives_max)
}

/// The schema as SDL: the contract, in schema.graphql.
pub fn sdl() -> String {
    let mut sdl = builder(QueryRules::default()).finish().sdl();
    if !sdl.ends_with('\n') {
        sdl.push('\n');
    }
    sdl
}

impl Api {
    /// The API over a store and its lanes. Mutations run on `tasks`.
    pub fn new(
        store: Arc<Dynamo>,
        lanes: Lanes<Dynamo>,
        guard: Guard,
        rules: QueryRules,
        tasks: Tasks,
        tracer: Tracer,
    ) -> Self {
        let counts = ApiCounts::new(guard.clone());
        let mut builder = builder(rules).data(store).data(lanes).data(guard).data(tracer.clone());
        if !rules.introspection {
            builder = builder.disable_introspection();
        }
        Self { schema: builder.finish(), rules, tasks, tracer, counts }
    }

    /// What it counts.
    pub fn counts(&self) -> Arc<ApiCounts> {
        Arc::clone(&self.counts)
    }

    /// The schema, for the executions of the fan-out.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// What is logged within it tells the caller's trace, if it came with one that is kept.
    pub fn log_span(&self, caller: &Caller) -> Span {
        let given = caller.traceparent.as_deref().and_then(|text| self.tracer.enter(Some(text)));
        log_span(given.filter(|(_, parent)| parent.is_some()).map(|(context, _)| context))
    }

    /// Parses an operation once, measures it, and says of what kind it is.
    pub fn prepare(&self, operation: Operation) -> Result<(OperationType, Request), ServerError> {
        prepare(operation, &self.rules)
    }

    /// The library answers with nothing; a client is told why.
    fn check_introspection(&self, request: &mut Request) -> Result<(), ServerError> {
        if self.rules.introspection || !shape::introspects(request.parsed_query()?) {
            return Ok(());
        }
        let mut error = ServerError::new("the schema may not be asked for here", None);
        Code::Forbidden.extend(error.extensions.get_or_insert_default());
        Err(error)
    }

    /// Runs a query or mutation. Every error of the response has a code.
    ///
    /// A mutation that began is finished even if this future is dropped.
    pub async fn execute(&self, operation: Operation, caller: Caller) -> Response {
        let (kind, request) = match self.prepare(operation) {
            Err(error) => return failed(error),
            Ok((OperationType::Subscription, _)) => {
                let message = "subscriptions run over graphql-transport-ws at /graphql/ws";
                return failed(ServerError::new(message, None));
            }
            Ok((kind, mut request)) => match self.check_introspection(&mut request) {
                Err(error) => return failed(error),
                Ok(()) => (kind, request),
            },
        };
        self.counts.operations.inc(kind.into());
        let schema = self.schema.clone();
        let span = self.log_span(&caller);
        let execution = async move {
            let mut response = schema.execute(request.data(caller)).await;
            error::complete(&mut response);
            response
        };
        let execution = execution.instrument(span);
        if kind == OperationType::Query {
            return execution.await;
        }
        let (reply, response) = oneshot::channel();
        self.tasks.spawn("mutation", async move {
            // The client may have gone; what was written stands.
            reply.send(execution.await).ok();
        });
        response.await.unwrap_or_else(|_| {
            let mut error = ServerError::new("internal error", None);
            Code::Internal.extend(error.extensions.get_or_insert_default());
            Response::from_errors(vec![error])
        })
    }
}

/// Parses an operation once, measures it, and says of what kind it is.
pub fn prepare(
    operation: Operation,
    rules: &QueryRules,
) -> Result<(OperationType, Request), ServerError> {
    let name = operation.operation_name.filter(|name| !name.is_empty());
    let mut request = Request::new(operation.query).variables(operation.variables);
    request.operation_name.clone_from(&name);
    let document = request.parsed_query()?;
    check_shape(document, rules)?;
    let kind = kind_of(document, name.as_deref())?;
    Ok((kind, request))
}

fn check_shape(document: &ExecutableDocument, rules: &QueryRules) -> Result<(), ServerError> {
    let problem = match shape::measure(document) {
        Some(shape) => shape.problem(rules),
        None => Some("the document nests too deep, or its fragments spread each other".to_owned()),
    };
    problem.map_or(Ok(()), |problem| {
        let mut error = ServerError::new(format!("{problem}; ask for less in one request"), None);
        Code::QueryTooComplex.extend(error.extensions.get_or_insert_default());
        Err(error)
    })
}

fn kind_of(
    document: &ExecutableDocument,
    name: Option<&str>,
) -> Result<OperationType, ServerError> {
    let mut operations = document.operations.iter();
    let found = match name {
        Some(name) => operations.find(|(found, _)| found.is_some_and(|found| found == name)),
        None => {
            let first = operations.next();
            if operations.next().is_some() {
                let message = "the document has several operations; say which with operationName";
                return Err(ServerError::new(message, None));
            }
            first
        }
    };
    found.map(|(_, operation)| operation.node.ty).ok_or_else(|| {
        ServerError::new("no operation of the document has this operationName", None)
    })
}

/// A response of one error, with a code.
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
