//! /healthz: the process answers. /readyz: whether it can serve, and what is wrong.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use crate::readiness::{Problem, Readiness};

/// The health routes.
pub fn routes(readiness: Readiness) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .with_state(readiness)
}

/// Does not query the store, however often it is called. Reveals nothing about accounts, roles or
/// tables, because anyone may read it.
async fn readyz(State(readiness): State<Readiness>) -> Response {
    let verdict = readiness.verdict();
    let text = |problem: Option<Problem>| problem.map_or("ok".to_owned(), |p| p.to_string());
    let ready = verdict.state.is_ready();
    let body = json!({
        "ready": ready,
        "state": verdict.state.name(),
        "store": text(verdict.store),
        "relay": text(verdict.relay),
        "bus": text(verdict.bus),
        "clock": text(verdict.clock),
    });
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body)).into_response()
}
