//! /healthz: the process answers. /readyz: it can serve, or why not.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::time::timeout;

use crate::limits;
use crate::relay::Health;
use crate::store::Dynamo;

/// What readiness looks at.
#[derive(Clone)]
pub struct Readiness {
    /// The table.
    pub store: Arc<Dynamo>,
    /// The relay.
    pub relay: Health,
}

/// The routes of health.
pub fn routes(readiness: Readiness) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .with_state(readiness)
}

async fn readyz(State(readiness): State<Readiness>) -> Response {
    let store = match timeout(limits::READY_TIMEOUT, readiness.store.reachable()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {:?}", limits::READY_TIMEOUT)),
    };
    let relay = readiness.relay.ready();
    let ready = store.is_ok() && relay.is_ok();
    let say = |result: Result<(), String>| result.err().unwrap_or_else(|| "ok".to_owned());
    let body = json!({ "ready": ready, "store": say(store), "relay": say(relay) });
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body)).into_response()
}
