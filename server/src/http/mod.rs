//! HTTP: routes, and nothing that decides.

pub mod graphql;
pub mod health;
pub mod playground;
pub mod socket;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;

use crate::auth::Gate;
use crate::graphql::Api;
use crate::limits;
use crate::websocket::Sockets;

/// What the handlers share.
#[derive(Clone)]
pub struct State {
    /// Runs queries and mutations.
    pub api: Api,
    /// Knows callers by their tokens.
    pub gate: Gate,
    /// Takes WebSockets.
    pub sockets: Sockets,
    /// The playground page, made at start.
    pub playground: Arc<playground::Playground>,
}

/// The public routes.
pub fn routes(state: State) -> Router {
    let assets = playground::assets(&state.playground);
    Router::new()
        .route("/graphql", get(graphql::get).post(graphql::post))
        .route("/graphql/ws", get(socket::upgrade))
        .layer(DefaultBodyLimit::max(limits::HTTP_BODY_BYTES_MAX))
        .with_state(state)
        .merge(assets)
}
