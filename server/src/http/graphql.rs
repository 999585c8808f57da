//! GraphQL over HTTP: POST for everything, GET for queries (or the playground, in a browser).

use async_graphql::parser::types::OperationType;
use async_graphql::{Response as GraphqlResponse, ServerError};
use axum::Extension;
use axum::body::{Bytes, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::header::{ACCEPT, ALLOW, AUTHORIZATION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use http_body_util::LengthLimitError;
use serde::Deserialize;
use tokio::time::timeout;

use crate::auth::{AuthError, Principal};
use crate::graphql::Caller;
use crate::graphql::error::{Code, Told, complete_error, from_auth, unlocated};
use crate::graphql::execute::{Operation, failed, is_traceparent};
use crate::graphql::request::{self, Given};
use crate::guard::{Bound, Guard};
use crate::{clock, limits};

const JSON: &str = "application/json";
const GRAPHQL_JSON: &str = "application/graphql-response+json";

/// A query's parameters.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

/// POST /graphql.
pub async fn post(State(state): State<super::State>, request: Request) -> Response {
    let received_at = clock::now();
    let (Parts { headers, .. }, body) = request.into_parts();
    let media = match media_type(&headers) {
        Ok(media) => media,
        Err(response) => return *response,
    };
    // Only this content type: a form or text request needs no preflight, so any page could send it.
    if !is_json(&headers) {
        let message = "send the request as content-type: application/json";
        return problem(media, StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
    }
    let body = match read(body, state.body_bytes_max, &state.sockets.guard).await {
        Ok(body) => body,
        Err((status, message)) => return problem(media, status, message),
    };
    let operation = match request::read(&body) {
        Ok(asked) => asked.operation,
        Err(error) => return not_run(media, error),
    };
    // Boxed: an execution is many times larger than what waits for a body that comes slowly.
    Box::pin(run(&state, media, &headers, operation, received_at)).await
}

/// The whole body, within its size and time.
async fn read(
    body: axum::body::Body,
    max: usize,
    guard: &Guard,
) -> Result<Bytes, (StatusCode, String)> {
    match timeout(limits::HTTP_BODY_TIMEOUT, to_bytes(body, max)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if is_too_large(&error) => {
            guard.meets(Bound::HttpBody);
            Err((StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {max} bytes")))
        }
        Ok(Err(_)) => Err((StatusCode::BAD_REQUEST, "the body ended early".to_owned())),
        Err(_) => {
            guard.meets(Bound::HttpBodyTime);
            let seconds = limits::HTTP_BODY_TIMEOUT.as_secs();
            let message = format!("the body took longer than {seconds} s");
            Err((StatusCode::REQUEST_TIMEOUT, message))
        }
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<LengthLimitError>)
}

/// GET /graphql.
pub async fn get(
    State(state): State<super::State>,
    headers: HeaderMap,
    params: Result<Query<Params>, QueryRejection>,
) -> Response {
    let received_at = clock::now();
    let params = match params {
        Ok(Query(params)) => params,
        Err(rejection) => return problem(JSON, StatusCode::BAD_REQUEST, rejection.body_text()),
    };
    if params.query.is_none()
        && params.extensions.is_none()
        && accepts(&headers, "text/html")
        && let Some(playground) = &state.playground
    {
        return Html(playground.page().to_owned()).into_response();
    }
    let media = match media_type(&headers) {
        Ok(media) => media,
        Err(response) => return *response,
    };
    if params.query.is_none() && params.extensions.is_none() {
        let message = "give the parameter query, or send POST; a browser gets the playground";
        return problem(media, StatusCode::BAD_REQUEST, message);
    }
    let object = |text: Option<String>| match text.as_deref() {
        None | Some("") => Ok(None),
        Some(text) => serde_json::from_str(text),
    };
    let (Ok(variables), Ok(extensions)) = (object(params.variables), object(params.extensions))
    else {
        let message = "the parameters variables and extensions must be JSON objects";
        return problem(media, StatusCode::BAD_REQUEST, message);
    };
    let (query, operation_name) = (params.query, params.operation_name);
    let given = Given { query, operation_name, variables, extensions };
    let operation = match request::asked(given) {
        Ok(asked) => asked.operation,
        Err(error) => return not_run(media, error),
    };
    if let Ok((OperationType::Mutation, _)) = state.api.prepare(operation.clone()) {
        let message = "a mutation must be sent by POST";
        let mut response = problem(media, StatusCode::METHOD_NOT_ALLOWED, message);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    run(&state, media, &headers, operation, received_at).await
}

async fn run(
    state: &super::State,
    media: &'static str,
    headers: &HeaderMap,
    operation: Operation,
    received_at: crate::auction::Timestamp,
) -> Response {
    let principal = match caller(state, headers).await {
        Ok(principal) => principal,
        Err(response) => return reply(media, StatusCode::UNAUTHORIZED, &response),
    };
    let traceparent = headers.get("traceparent").and_then(|value| value.to_str().ok());
    let traceparent = traceparent.filter(|text| is_traceparent(text)).map(str::to_owned);
    let caller = Caller { principal, received_at, traceparent, session: None };
    let response = state.api.execute(operation, caller).await;
    // A request that could not begin has no data; the older media type says 200 all the same.
    let began = response.errors.is_empty() || response.errors.iter().any(|e| !e.path.is_empty());
    let status = if began || media == JSON { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    reply(media, status, &response)
}

async fn caller(state: &super::State, headers: &HeaderMap) -> Result<Principal, GraphqlResponse> {
    let admitted = match authorization(headers) {
        Ok(given) => state.gate.admit(given, clock::now()).await,
        Err(error) => Err(error),
    };
    admitted.map_err(|error| failed(unlocated(from_auth(&error))))
}

/// The one `Authorization` of a request. Of two, a proxy may have checked the other.
pub(super) fn authorization(headers: &HeaderMap) -> Result<Option<&str>, AuthError> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let first = given.next().map(|value| value.to_str().unwrap_or_default());
    if given.next().is_some() { Err(AuthError::Several) } else { Ok(first) }
}

/// The media type of the answer: what the client accepts, the older one if it does not say.
fn media_type(headers: &HeaderMap) -> Result<&'static str, Box<Response>> {
    let any = ["*/*", "application/*"].iter().any(|media| accepts(headers, media));
    if accepts(headers, GRAPHQL_JSON) {
        Ok(GRAPHQL_JSON)
    } else if !headers.contains_key(ACCEPT) || any || accepts(headers, JSON) {
        Ok(JSON)
    } else {
        let message = "answers are application/graphql-response+json or application/json";
        Err(Box::new(problem(JSON, StatusCode::NOT_ACCEPTABLE, message)))
    }
}

fn accepts(headers: &HeaderMap, media: &str) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|part| part.split(';').next().is_some_and(|m| m.trim().eq_ignore_ascii_case(media)))
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value
        .and_then(|value| value.split(';').next())
        .is_some_and(|media| media.trim().eq_ignore_ascii_case(JSON))
}

/// A request that cannot be run. The older media type says 200 all the same where it has an operation.
fn not_run(media: &'static str, error: ServerError) -> Response {
    let has_fallback = Code::of(&error) == Some(Code::PersistedQueryNotSupported);
    let is_ok = has_fallback && media == JSON;
    let status = if is_ok { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    reply(media, status, &GraphqlResponse::from_errors(vec![error]))
}

/// A request that was not run.
fn problem(media: &'static str, status: StatusCode, message: impl Into<String>) -> Response {
    let mut error = ServerError::new(message, None);
    Code::BadRequest.extend(error.extensions.get_or_insert_default());
    complete_error(&mut error);
    reply(media, status, &GraphqlResponse::from_errors(vec![error]))
}

fn reply(media: &'static str, status: StatusCode, response: &GraphqlResponse) -> Response {
    let content_type = match media {
        GRAPHQL_JSON => "application/graphql-response+json; charset=utf-8",
        _ => "application/json; charset=utf-8",
    };
    match encode(response) {
        Ok(body) => {
            let told = Extension(Told::of(&response.errors));
            (status, [(CONTENT_TYPE, content_type)], told, body).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a response cannot be encoded");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A response as JSON, without `data` if the request could not begin.
fn encode(response: &GraphqlResponse) -> Result<Vec<u8>, serde_json::Error> {
    let not_begun = response.data == async_graphql::Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty());
    if not_begun {
        return serde_json::to_vec(&serde_json::json!({ "errors": response.errors }));
    }
    serde_json::to_vec(response)
}
