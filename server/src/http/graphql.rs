//! GraphQL over HTTP: POST for everything, GET for queries (or the playground, in a browser).

use std::net::SocketAddr;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use async_graphql::{Response as GraphqlResponse, ServerError};
use axum::Extension;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, Query, Request, State};
use axum::http::header::{ACCEPT, ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use gavel_core::auction::Timestamp;
use gavel_core::clock;
use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::refusal::{pause, seconds, too_many_late};
use crate::auth::Credentials;
use crate::cost::weights::READ_POINTS;
use crate::graphql::error::{Code, ReportedErrors, complete_error, from_auth, refused, unlocated};
use crate::graphql::execute::{failed, is_traceparent};
use crate::graphql::request::{self, Given};
use crate::graphql::{Caller, Operation};
use crate::limiter::unread::{TooManyUnread, UnreadBytes};
use crate::limiter::{Bound, ClientLimiter, HeldBytes, Payer, TooMany};
use crate::limits;
use crate::websocket::appsync::message::add_error_type;

const JSON: &str = "application/json";
const GRAPHQL_JSON: &str = "application/graphql-response+json";

/// The parameters of a query.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
    document_id: Option<String>,
}

impl Params {
    /// Whether there is anything to run.
    fn are_empty(&self) -> bool {
        self.query.is_none() && self.extensions.is_none() && self.document_id.is_none()
    }

    /// The members of a request.
    pub(super) fn given(self) -> Result<Given, &'static str> {
        let json = |text: Option<String>| match text.filter(|text| !text.is_empty()) {
            None => Ok(None),
            Some(text) => RawValue::from_string(text).map(Some),
        };
        let (Ok(variables), Ok(extensions)) = (json(self.variables), json(self.extensions)) else {
            return Err("the parameters variables and extensions must be JSON objects");
        };
        let Self { query, operation_name, document_id, .. } = self;
        Ok(Given { query, operation_name, variables, extensions, document_id })
    }
}

/// POST /graphql.
pub async fn post(State(state): State<super::State>, request: Request) -> Response {
    let received_at = clock::now();
    let (parts, body) = request.into_parts();
    let form = match Form::of(&parts.headers) {
        Ok(form) => form,
        Err(response) => return *response,
    };
    // Only this content type: a form or text request needs no preflight, so any page could send
    // one.
    if !is_json(&parts.headers) {
        let message = "send the request as content-type: application/json";
        return problem(form, StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
    }
    let caller = match caller(&state, &parts, received_at).await {
        Ok(caller) => caller,
        Err(refused) => return reply(form, StatusCode::UNAUTHORIZED, &refused, None),
    };
    let limiter = &state.sockets.limiter;
    let unread = UnreadBytes::new(limiter.clone(), caller.address);
    let body = match read(body, form, state.body_bytes_max, limiter, &unread).await {
        Ok(body) => body,
        Err(response) => return *response,
    };
    let operation = match request::read(&body) {
        Ok(asked) => asked.operation,
        Err(error) => return not_run(form, error),
    };
    // Not kept while the operation runs.
    drop((parts, body, unread));
    // Boxed: an execution is many times larger than the wait for a slow body.
    Box::pin(run(&state, form, caller, operation, Method::POST)).await
}

/// Reads the whole body, within its limits of size and time.
pub(super) async fn read(
    body: Body,
    form: Form,
    max: usize,
    limiter: &ClientLimiter,
    unread: &UnreadBytes,
) -> Result<Vec<u8>, Box<Response>> {
    let problem = |status, message| Err(Box::new(problem(form, status, message)));
    match timeout(limits::HTTP_BODY_TIMEOUT, whole(body, max, unread)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(Cut::TooLarge)) => {
            limiter.record_limit(Bound::HttpBody);
            let message = format!("the body is larger than {max} bytes");
            problem(StatusCode::PAYLOAD_TOO_LARGE, message)
        }
        Ok(Err(Cut::TooMany(refused))) => Err(Box::new(too_many_late(refused).await)),
        Ok(Err(Cut::Short)) => problem(StatusCode::BAD_REQUEST, "the body ended early".to_owned()),
        Err(_) => {
            limiter.record_limit(Bound::HttpBodyTime);
            let seconds = limits::HTTP_BODY_TIMEOUT.as_secs();
            let message = format!("the body took longer than {seconds} s");
            problem(StatusCode::REQUEST_TIMEOUT, message)
        }
    }
}

/// Why a body was not read to its end.
enum Cut {
    /// It is larger than allowed.
    TooLarge,
    /// With it, unfinished bodies and messages exceed the budget of its address.
    TooMany(TooMany),
    /// It ended early.
    Short,
}

/// Copies a body out of the connection's buffers: kept as a list of chunks, each byte that arrives
/// alone would hold a buffer of 8 KiB.
async fn whole(mut body: Body, max: usize, unread: &UnreadBytes) -> Result<Vec<u8>, Cut> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(part) = frame.map_err(|_| Cut::Short)?.into_data() else { continue };
        if whole.len() + part.len() > max {
            return Err(Cut::TooLarge);
        }
        unread.add(part.len()).map_err(|TooManyUnread(refused)| Cut::TooMany(refused))?;
        whole.extend_from_slice(&part);
    }
    Ok(whole)
}

/// GET /graphql.
pub async fn get(
    State(state): State<super::State>,
    params: Result<Query<Params>, QueryRejection>,
    request: Request,
) -> Response {
    let received_at = clock::now();
    let (parts, _) = request.into_parts();
    let headers = &parts.headers;
    let params = match params {
        Ok(Query(params)) => params,
        Err(rejection) => return problem(PLAIN, StatusCode::BAD_REQUEST, rejection.body_text()),
    };
    if params.are_empty()
        && accepts(headers, "text/html")
        && let Some(playground) = &state.playground
    {
        return Html(playground.page().to_owned()).into_response();
    }
    let form = match Form::of(headers) {
        Ok(form) => form,
        Err(response) => return *response,
    };
    if params.are_empty() {
        let message = match state.playground {
            Some(_) => "add the parameter query, or use POST; browsers get the playground",
            None => "add the parameter query, or use POST",
        };
        return problem(form, StatusCode::BAD_REQUEST, message);
    }
    let given = match params.given() {
        Ok(given) => given,
        Err(message) => return problem(form, StatusCode::BAD_REQUEST, message),
    };
    let operation = match request::asked(given) {
        Ok(asked) => asked.operation,
        Err(error) => return not_run(form, error),
    };
    let caller = match caller(&state, &parts, received_at).await {
        Ok(caller) => caller,
        Err(refused) => return reply(form, StatusCode::UNAUTHORIZED, &refused, None),
    };
    drop(parts);
    run(&state, form, caller, operation, Method::GET).await
}

async fn run(
    state: &super::State,
    form: Form,
    caller: Caller,
    operation: Operation,
    method: Method,
) -> Response {
    let limiter = &state.sockets.limiter;
    let payer = (&caller.payer, caller.address);
    if let Err(error) = limiter.work(payer, operation.reading_points(), caller.received_at) {
        return answer(form, &failed(refused(error)), None).await;
    }
    let prepared = match state.api.prepare(operation).await {
        Ok(prepared) => prepared,
        Err(error) => return answer(form, &failed(error), None).await,
    };
    if method == Method::GET && prepared.kind == OperationType::Mutation {
        let message = "a mutation must be sent by POST";
        let mut response = problem(form, StatusCode::METHOD_NOT_ALLOWED, message);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    let (response, held) = state.api.execute(prepared, caller).await;
    answer(form, &response, held).await
}

/// The answer to an operation.
pub(super) async fn answer(
    form: Form,
    response: &GraphqlResponse,
    held: Option<HeldBytes>,
) -> Response {
    let mut response = answered(form, response, held).await;
    response.extensions_mut().insert(super::Paid);
    response
}

async fn answered(form: Form, response: &GraphqlResponse, held: Option<HeldBytes>) -> Response {
    // A request that could not start has no data; the older media type still answers 200.
    let began = response.errors.is_empty() || response.errors.iter().any(|e| !e.path.is_empty());
    let busy = response.errors.iter().find_map(|error| match Code::of(error)? {
        Code::RateLimited if !began => Some((StatusCode::TOO_MANY_REQUESTS, retry_after(error))),
        Code::Overloaded if !began => Some((StatusCode::SERVICE_UNAVAILABLE, retry_after(error))),
        _ => None,
    });
    if let Some((status, wait)) = busy {
        pause(wait).await;
        let mut response = reply(form, status, response, held);
        response.headers_mut().insert(RETRY_AFTER, seconds(wait));
        return response;
    }
    let status = if began || form.media == JSON { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    reply(form, status, response, held)
}

fn retry_after(error: &ServerError) -> Duration {
    let ms = error.extensions.as_ref().and_then(|extensions| extensions.get("retryAfterMs"));
    let ms = match ms {
        Some(async_graphql::Value::Number(number)) => number.as_u64(),
        _ => None,
    };
    Duration::from_millis(ms.unwrap_or(1000))
}

pub(super) async fn caller(
    state: &super::State,
    parts: &Parts,
    received_at: Timestamp,
) -> Result<Caller, GraphqlResponse> {
    let headers = &parts.headers;
    let limiter = &state.sockets.limiter;
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(SocketAddr::from(([0, 0, 0, 0], 0)), |ConnectInfo(peer)| *peer);
    let address = limiter.address(peer, headers);
    let admitted = match Credentials::of(headers) {
        Ok(given) => state.authenticator.admit(&given, received_at).await,
        Err(error) => Err(error),
    };
    let principal = match admitted {
        Ok(principal) => principal,
        Err(error) => {
            // A request with an invalid token is charged to its address.
            let payer = Payer::Address(address);
            if let Err(refused) = limiter.work((&payer, address), READ_POINTS, received_at) {
                pause(refused.retry_after).await;
            }
            return Err(failed(unlocated(from_auth(&error))));
        }
    };
    let traceparent = headers.get("traceparent").and_then(|value| value.to_str().ok());
    let traceparent = traceparent.filter(|text| is_traceparent(text)).map(str::to_owned);
    let payer = Payer::of(&principal, address);
    Ok(Caller { principal, address, payer, received_at, traceparent, session: None })
}

/// The form of an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    media: &'static str,
    /// Errors carry the names that AppSync's clients look for.
    has_error_types: bool,
}

/// The form of answers to requests that cannot be read.
pub(super) const PLAIN: Form = Form { media: JSON, has_error_types: false };

impl Form {
    /// The media type that the client accepts, or the older one by default.
    fn of(headers: &HeaderMap) -> Result<Self, Box<Response>> {
        let any = ["*/*", "application/*"].iter().any(|media| accepts(headers, media));
        let media = if accepts(headers, GRAPHQL_JSON) {
            GRAPHQL_JSON
        } else if !headers.contains_key(ACCEPT) || any || accepts(headers, JSON) {
            JSON
        } else {
            let message = "answers are application/graphql-response+json or application/json";
            return Err(Box::new(problem(PLAIN, StatusCode::NOT_ACCEPTABLE, message)));
        };
        Ok(Self { media, has_error_types: headers.contains_key("x-amz-user-agent") })
    }
}

pub(super) fn accepts(headers: &HeaderMap, media: &str) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|part| part.split(';').next().is_some_and(|m| m.trim().eq_ignore_ascii_case(media)))
}

pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value
        .and_then(|value| value.split(';').next())
        .is_some_and(|media| media.trim().eq_ignore_ascii_case(JSON))
}

/// The answer to a request that cannot be read.
pub(super) fn not_run(form: Form, error: ServerError) -> Response {
    let response = GraphqlResponse::from_errors(vec![error]);
    reply(form, StatusCode::BAD_REQUEST, &response, None)
}

/// The answer to a request that was not run.
pub(super) fn problem(form: Form, status: StatusCode, message: impl Into<String>) -> Response {
    let mut error = ServerError::new(message, None);
    Code::BadRequest.extend(error.extensions.get_or_insert_default());
    complete_error(&mut error);
    reply(form, status, &GraphqlResponse::from_errors(vec![error]), None)
}

pub(super) fn reply(
    form: Form,
    status: StatusCode,
    response: &GraphqlResponse,
    held: Option<HeldBytes>,
) -> Response {
    let content_type = match form.media {
        GRAPHQL_JSON => "application/graphql-response+json; charset=utf-8",
        _ => "application/json; charset=utf-8",
    };
    match encode(response, form.has_error_types) {
        Ok(body) => {
            let told = Extension(ReportedErrors::of(&response.errors));
            let body = super::body::held(body, held);
            (status, [(CONTENT_TYPE, content_type)], told, body).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a response cannot be encoded");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Encodes a response as JSON, without `data` if the request could not start.
fn encode(response: &GraphqlResponse, has_error_types: bool) -> Result<Vec<u8>, serde_json::Error> {
    if has_error_types && !response.errors.is_empty() {
        let mut json: serde_json::Value = serde_json::from_slice(&encode(response, false)?)?;
        let errors = json["errors"].as_array_mut();
        errors.into_iter().flatten().for_each(add_error_type);
        return serde_json::to_vec(&json);
    }
    let not_begun = response.data == async_graphql::Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty());
    if not_begun {
        return serde_json::to_vec(&serde_json::json!({ "errors": response.errors }));
    }
    serde_json::to_vec(response)
}
