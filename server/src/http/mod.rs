//! HTTP: routes, and nothing that decides.

pub mod graphql;
pub mod health;
pub mod metrics;
pub mod playground;
pub mod socket;
pub mod refusal;
pub mod patience;
pub mod serve;
mod body;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State as Shared};
use axum::http::header::{
    ACCESS_CONTROL_REQUEST_HEADERS, CACHE_CONTROL, HOST, ORIGIN, RETRY_AFTER, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use parking_lot::Mutex;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};
use tracing::warn;

use crate::auth::Gate;
use crate::graphql::Api;
use crate::graphql::error::Told;
use crate::guard::{Guard, Origins};
use crate::outage::Outage;
use crate::websocket::Sockets;
use crate::{clock, limits};

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
    /// Pages of other origins that asked.
    pub refused_origins: Arc<Mutex<Outage>>,
}

/// No cache keeps an answer.
const NO_STORE: &str = "no-store";

/// The public routes.
pub fn routes(state: State) -> Router {
    let assets = state.playground.as_deref().map_or_else(Router::new, playground::assets);
    let index = playground::index(state.playground.is_some());
    let cors = cors(state.sockets.guard.origins());
    let compression =
        CompressionLayer::new().compress_when(SizeAbove::new(limits::COMPRESSED_BYTES_MIN));
    Router::new()
        .route("/graphql", get(graphql::get).post(graphql::post))
        .layer(cors)
        .layer(compression)
        .route("/graphql/ws", get(socket::upgrade))
        .layer(from_fn_with_state(state.clone(), around))
        .with_state(state)
        .merge(assets)
        .merge(index)
}

/// Health and metrics on the public address: as often as an address may ask for them.
pub fn bounded(probes: Router, guard: Guard) -> Router {
    probes.layer(from_fn_with_state(guard, probe))
}

async fn probe(Shared(guard): Shared<Guard>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let Some(peer) = peer.map(|ConnectInfo(peer)| *peer) else { return next.run(request).await };
    match guard.probe(guard.address(peer, request.headers()), clock::now()) {
        Ok(()) => next.run(request).await,
        Err(refused) => refusal::too_many(refused),
    }
}

/// What every request and every answer have in common.
async fn around(Shared(state): Shared<State>, request: Request, next: Next) -> Response {
    state.note_origin(request.headers());
    let mut response = next.run(request).await;
    if let Some(told) = response.extensions().get::<Told>() {
        state.api.counts().told(told);
    }
    let headers = response.headers_mut();
    // An answer is its caller's: a cache that keeps it would show a seller's reserve to others.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(NO_STORE));
    headers.append(VARY, HeaderValue::from_static("accept, accept-encoding, authorization"));
    response
}

impl State {
    /// A page that is not let in is told nothing by its browser, so the operator has to be.
    fn note_origin(&self, headers: &HeaderMap) {
        if self.sockets.guard.origins().admit(headers) {
            return;
        }
        if self.refused_origins.lock().failed(Instant::now()) {
            let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
            let (origin, host) = (text(ORIGIN).unwrap_or_default(), text(HOST).unwrap_or_default());
            warn!(
                origin,
                host,
                "a page of another origin asks; name it with --allow-origin, or let the proxy in \
                 front pass on its own Host"
            );
        }
    }
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
        // Libraries add headers of their own, and none of them is looked at but `authorization`.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([RETRY_AFTER])
        .vary([ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS])
        .max_age(limits::CORS_MAX_AGE)
}
