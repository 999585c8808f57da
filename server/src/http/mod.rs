//! HTTP: routes, and nothing that decides.

pub mod graphql;
pub mod health;
pub mod metrics;
pub mod playground;
pub mod socket;
pub mod refusal;
pub mod serve;

use std::sync::Arc;

use axum::Router;
use axum::extract::State as Counts;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, ORIGIN, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::map_response_with_state;
use axum::response::Response;
use axum::routing::get;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::auth::Gate;
use crate::graphql::Api;
use crate::graphql::counts::ApiCounts;
use crate::graphql::error::Told;
use crate::guard::Origins;
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
    pub sockets: Arc<Sockets>,
    /// The playground page, made at start; `None` if it is switched off.
    pub playground: Option<Arc<playground::Playground>>,
    /// The body of a request, in bytes.
    pub body_bytes_max: usize,
}

/// The public routes.
pub fn routes(state: State) -> Router {
    let assets = state.playground.as_deref().map_or_else(Router::new, playground::assets);
    let cors = cors(state.sockets.guard.origins());
    let compression =
        CompressionLayer::new().compress_when(SizeAbove::new(limits::COMPRESSED_BYTES_MIN));
    Router::new()
        .route("/graphql", get(graphql::get).post(graphql::post))
        .layer(cors)
        .layer(compression)
        .route("/graphql/ws", get(socket::upgrade))
        .layer(map_response_with_state(state.api.counts(), count))
        .with_state(state)
        .merge(assets)
}

/// Counts the errors that an answer tells of.
async fn count(Counts(counts): Counts<Arc<ApiCounts>>, response: Response) -> Response {
    if let Some(told) = response.extensions().get::<Told>() {
        counts.told(told);
    }
    response
}

/// What browsers are told: without a setting nothing, so that only the service's own pages get
/// answers. Tokens travel in a header, never in a cookie, so credentials are not allowed.
fn cors(origins: &Origins) -> CorsLayer {
    let allowed = match origins {
        Origins::Own => return CorsLayer::new(),
        Origins::Any => AllowOrigin::any(),
        Origins::These(origins) => {
            AllowOrigin::list(origins.iter().filter_map(|of| HeaderValue::from_str(of).ok()))
        }
    };
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, HeaderName::from_static("traceparent")])
        .expose_headers([RETRY_AFTER])
        .vary([ORIGIN])
        .max_age(limits::CORS_MAX_AGE)
}
