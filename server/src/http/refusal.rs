//! Answers to requests that were not run.

use std::time::Duration;

use async_graphql::{Response as GraphqlResponse, ServerError};
use axum::Extension;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};

use crate::graphql::error::{Code, ReportedErrors, rate_limited, unlocated};
use crate::limiter::TooMany;
use crate::limits;

/// A refusal as JSON, for clients that have not said what they accept.
pub fn refuse(status: StatusCode, code: Code, message: impl Into<String>) -> Response {
    let mut error = ServerError::new(message, None);
    code.extend(error.extensions.get_or_insert_default());
    respond(status, error)
}

/// 429, with the time to wait before a retry.
pub fn too_many(refused: TooMany) -> Response {
    let mut response = respond(StatusCode::TOO_MANY_REQUESTS, unlocated(rate_limited(refused)));
    response.headers_mut().insert(RETRY_AFTER, seconds(refused.retry_after));
    response
}

/// The same after a pause.
pub(super) async fn too_many_late(refused: TooMany) -> Response {
    pause(refused.retry_after).await;
    too_many(refused)
}

/// Pauses the connection of a client that asks for too much.
pub(super) async fn pause(retry_after: Duration) {
    let pause = retry_after.clamp(limits::REFUSAL_PAUSE_MIN, limits::REFUSAL_PAUSE_MAX);
    tokio::time::sleep(pause).await;
}

/// The value of `Retry-After`.
pub(super) fn seconds(wait: Duration) -> HeaderValue {
    HeaderValue::from(wait.saturating_add(Duration::from_millis(999)).as_secs().max(1))
}

fn respond(status: StatusCode, error: ServerError) -> Response {
    let errors = GraphqlResponse::from_errors(vec![error]).errors;
    let body = serde_json::json!({ "errors": errors }).to_string();
    let told = ReportedErrors::of(&errors);
    let head =
        [(CONTENT_TYPE, "application/json; charset=utf-8"), (CACHE_CONTROL, super::NO_STORE)];
    (status, head, Extension(told), body).into_response()
}
