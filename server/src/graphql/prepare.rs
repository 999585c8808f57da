//! Turns what a client sent into an operation that can be run: parsed once, measured and priced
//! before anything is validated or run. Pure.

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, OperationDefinition, OperationType};
use async_graphql::{Request, ServerError, Variables};
use serde_json::value::RawValue;

use super::document::nests_over;
use super::error::{Code, coded, limit_error};
use super::persisted::DocumentId;
use super::root;
use crate::cost::rules::QueryRules;
use crate::cost::weights::{DOCUMENT_POINTS, OPERATION_POINTS};
use crate::cost::{DocumentSize, Price, merge, price, size, variables};
use crate::limiter::Bound;
use crate::limits;

/// An operation as a client sends it.
#[derive(Debug, Clone, Default)]
pub struct Operation {
    /// The document.
    pub query: String,
    /// Which of its operations to run.
    pub operation_name: Option<String>,
    /// Its variables as JSON, not parsed yet: most of a flood never is.
    pub variables: Option<Box<RawValue>>,
    /// The id of the document; without the document, which is empty then, or beside it.
    pub document: Option<DocumentId>,
    /// Whether the service has written the document itself.
    pub is_own: bool,
}

impl PartialEq for Operation {
    fn eq(&self, other: &Self) -> bool {
        let text = |of: &Self| of.variables.as_ref().map(|raw| raw.get().to_owned());
        self.query == other.query
            && (&self.document, self.is_own) == (&other.document, other.is_own)
            && self.operation_name == other.operation_name
            && text(self) == text(other)
    }
}

impl Operation {
    /// The points for reading and parsing it, known in advance.
    pub fn reading_points(&self) -> u64 {
        OPERATION_POINTS + self.query.len() as u64 / 64 * DOCUMENT_POINTS
    }
}

/// An operation that was parsed, measured and priced.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Query, mutation or subscription.
    pub kind: OperationType,
    /// The size of its document.
    pub size: DocumentSize,
    /// The price of running it.
    pub price: Price,
    /// The points for reading the document that are not paid for, because its request had only an
    /// id.
    pub reading_points: u64,
    /// The document as it was sent.
    pub query: String,
    /// Which of its operations runs.
    pub operation_name: Option<String>,
    /// The variables that it declares.
    pub variables: Variables,
    /// The document as it runs.
    pub document: ExecutableDocument,
}

impl Prepared {
    /// A request for the executor.
    pub fn request(&self) -> Request {
        let mut request = Request::new(self.query.as_str()).variables(self.variables.clone());
        request.operation_name.clone_from(&self.operation_name);
        request.set_parsed_query(self.document.clone());
        request
    }

    /// Whether it computes for so long that others must not wait for it.
    pub fn is_heavy(&self) -> bool {
        self.price.fields >= limits::HEAVY_FIELDS || self.size.nodes >= limits::HEAVY_NODES
    }
}

/// Parses, measures and prices an operation.
pub fn prepare(operation: Operation, rules: &QueryRules) -> Result<Prepared, ServerError> {
    let Operation { query, operation_name, variables: given, .. } = operation;
    if query.len() > rules.bytes_max {
        let message = format!("the document is larger than {} bytes", rules.bytes_max);
        return Err(limit_error(Code::QueryTooComplex, Bound::QueryBytes, message));
    }
    let operation_name = operation_name.filter(|name| !name.is_empty());
    // The parser recurses for each, before it counts any.
    if nests_over(limits::DOCUMENT_BRACKETS_MAX, &query) {
        return Err(too_nested());
    }
    let mut document = parse_query(&query).map_err(|error| match error {
        async_graphql::parser::Error::RecursionLimitExceeded => too_nested(),
        error => ServerError::from(error),
    })?;
    let size = size::measure(&document).ok_or_else(too_nested)?;
    if let Some((bound, problem)) = size.problem(rules) {
        let message = format!("{problem}; ask for less in one request");
        return Err(limit_error(Code::QueryTooComplex, bound, message));
    }
    root::write_out(&mut document);
    merge::merge(&mut document);
    let operation = select(&document, operation_name.as_deref())?;
    let kind = operation.ty;
    let given_bytes = given.as_ref().map_or(0, |raw| raw.get().len());
    let variables = variables::declared(given.as_deref(), operation, rules.variables_bytes_max)
        .map_err(|error| match error {
            variables::VariablesError::TooLarge(_) | variables::VariablesError::TooMany(_) => {
                limit_error(Code::QueryTooComplex, Bound::Variables, error.to_string())
            }
            _ => coded(Code::BadRequest, error.to_string()),
        })?;
    let variables = with_defaults(variables, operation);
    let price = price(&document, operation, &variables);
    if kind == OperationType::Subscription {
        let kept = query.len() + if variables.is_empty() { 0 } else { given_bytes };
        check_subscription(&price, kept, rules)?;
    } else {
        check_price(&price, rules)?;
    }
    let reading_points = 0;
    Ok(Prepared { kind, size, price, reading_points, query, operation_name, variables, document })
}

/// Adds default values: the library's `@skip` and `@include` know only variables that were sent.
fn with_defaults(mut variables: Variables, operation: &OperationDefinition) -> Variables {
    for definition in &operation.variable_definitions {
        if let Some(default) = &definition.node.default_value {
            let name = definition.node.name.node.clone();
            variables.entry(name).or_insert_with(|| default.node.clone());
        }
    }
    variables
}

fn too_nested() -> ServerError {
    let message = "the document is nested too deeply, or its fragments form a cycle; \
                   ask for less in one request";
    limit_error(Code::QueryTooComplex, Bound::QueryNesting, message)
}

fn check_price(price: &Price, rules: &QueryRules) -> Result<(), ServerError> {
    if price.points > rules.complexity_max as u64 {
        let message = format!(
            "the operation costs {} points, and {} are allowed; ask for less in one request",
            price.points, rules.complexity_max
        );
        return Err(limit_error(Code::QueryTooComplex, Bound::QueryComplexity, message));
    }
    if price.bytes > rules.answer_bytes_max as u64 {
        let message = format!(
            "the answer could take {} bytes, and {} are allowed; ask for less in one request",
            price.bytes, rules.answer_bytes_max
        );
        return Err(limit_error(Code::QueryTooComplex, Bound::AnswerBytes, message));
    }
    Ok(())
}

/// Checks the price of a subscription, which is paid for at each event, and is kept in memory, for
/// as long as it lasts.
fn check_subscription(price: &Price, kept: usize, rules: &QueryRules) -> Result<(), ServerError> {
    let code = Code::QueryTooComplex;
    if kept > rules.subscription_bytes_max {
        let max = rules.subscription_bytes_max;
        let message =
            format!("a subscription's document and variables may have at most {max} bytes");
        return Err(limit_error(code, Bound::SubscriptionBytes, message));
    }
    if price.reads > 0 {
        let message = "a subscription cannot select bids or myStanding: every event would read the \
                       table; query them, or subscribe to bidCreated with after";
        return Err(limit_error(code, Bound::SubscriptionReads, message));
    }
    let max = rules.subscription_complexity_max;
    if price.points > max as u64 {
        let message =
            format!("each event costs {} points, and {max} are allowed; select less", price.points);
        return Err(limit_error(code, Bound::SubscriptionComplexity, message));
    }
    let max = rules.event_bytes_max;
    if price.bytes > max as u64 {
        let message = format!(
            "each event could take {} bytes, and {max} are allowed; select less",
            price.bytes
        );
        return Err(limit_error(code, Bound::EventBytes, message));
    }
    Ok(())
}

fn select<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<&'a OperationDefinition, ServerError> {
    let mut operations = document.operations.iter();
    let found = match name {
        Some(name) => operations.find(|(found, _)| found.is_some_and(|found| found == name)),
        None => {
            let first = operations.next();
            if operations.next().is_some() {
                let message = "the document has several operations; choose one with operationName";
                return Err(coded(Code::BadRequest, message));
            }
            first
        }
    };
    found.map(|(_, operation)| &operation.node).ok_or_else(|| {
        coded(Code::BadRequest, "no operation in the document has this operationName")
    })
}
