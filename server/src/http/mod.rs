//! HTTP: routes, without decisions.

pub mod graphql;
pub mod health;
pub mod metrics;
pub mod playground;
pub mod page;
pub mod socket;
pub mod stream;
pub mod refusal;
pub mod patience;
pub mod tls;
pub mod serve;
mod body;
mod compress;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State as Shared};
use axum::http::header::{
    ACCEPT, ACCESS_CONTROL_REQUEST_HEADERS, CACHE_CONTROL, HOST, ORIGIN, RETRY_AFTER, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use gavel_core::clock;
use gavel_core::outage::Outage;
use parking_lot::Mutex;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};
use tracing::warn;

use crate::auth::Authenticator;
use crate::cost::weights::OPERATION_POINTS;
use crate::graphql::Api;
use crate::graphql::error::ReportedErrors;
use crate::limiter::{ClientLimiter, Origins, Payer};
use crate::limits;
use crate::websocket::Sockets;

/// The state that handlers share.
#[derive(Clone)]
pub struct State {
    /// Runs queries and mutations.
    pub api: Api,
    /// Authenticates callers by their tokens.
    pub authenticator: Authenticator,
    /// Accepts WebSockets.
    pub sockets: Arc<Sockets>,
    /// The playground page, built at start; `None` if it is disabled.
    pub playground: Option<Arc<playground::Playground>>,
    /// The page for bidders; `None` if it is disabled.
    pub page: Option<Arc<page::Page>>,
    /// Largest request body, in bytes.
    pub body_bytes_max: usize,
    /// Requests from pages of other origins, for the log.
    pub refused_origins: Arc<Mutex<Outage>>,
}

/// No cache may keep an answer.
const NO_STORE: &str = "no-store";

/// The public routes, with health and metrics if these are public too.
pub fn routes(state: State, probes: Option<Router>) -> Router {
    let assets = state.playground.as_deref().map_or_else(Router::new, playground::assets);
    let index = index(state.page.clone(), state.playground.is_some());
    let page = state.page.as_ref().map_or_else(Router::new, page::routes);
    let cors = cors(state.sockets.limiter.origins());
    let limiter = state.sockets.limiter.clone();
    // Not for the fallback: an unknown path is no probe.
    let bounded = |probes: Router| probes.route_layer(from_fn_with_state(limiter.clone(), probe));
    let probes = probes.map_or_else(Router::new, bounded);
    // The page's modules are for pages of allowed origins, too: they bring gavel-client.
    let page = page.layer(cors.clone());
    let graphql = Router::new().route("/graphql", get(graphql::get).post(graphql::post));
    let streams = get(stream::get).post(stream::post);
    // Compressed, events would wait for each other.
    let streams = Router::new().route("/graphql/stream", streams).layer(cors.clone());
    compress::compressed(graphql.layer(cors))
        .merge(streams)
        .route("/graphql/ws", get(socket::upgrade))
        .route("/graphql/realtime", get(socket::realtime))
        .route("/realtime", get(socket::realtime))
        .route("/event/realtime", get(socket::events))
        .route("/event", post(socket::publish))
        .layer(from_fn_with_state(state.clone(), around))
        .with_state(state)
        .merge(assets)
        .merge(compress::compressed(page.merge(index)))
        .merge(probes)
        .layer(from_fn_with_state(limiter, paid))
}

/// The text that clients other than browsers get at `/`.
const INDEX: &str = "Gavel: realtime auction bidding.\n\n\
    POST /graphql         queries and mutations; GET for queries, too\n\
    GET  /graphql/ws      all of them, graphql-transport-ws over WebSocket\n\
    POST /graphql/stream  one of them, as server-sent events; GET for all but mutations\n\n\
    A token goes into the header `authorization: Bearer ...`, or into connection_init.\n";

/// The route `GET /`: a browser gets the page, or else the playground, if there is one; other
/// clients get a list of paths.
fn index(page: Option<Arc<page::Page>>, has_playground: bool) -> Router {
    let answer = async move |headers: HeaderMap| {
        let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
        let mut response = match &page {
            _ if !accept.is_some_and(|accept| accept.contains("text/html")) => {
                INDEX.into_response()
            }
            Some(page) => page.index(&headers),
            None if has_playground => Redirect::temporary("/graphql").into_response(),
            None => INDEX.into_response(),
        };
        response.headers_mut().append(VARY, HeaderValue::from_static("accept"));
        response
    };
    Router::new().route("/", get(answer))
}

/// Limits how often an address may request health and metrics on the public address.
async fn probe(Shared(limiter): Shared<ClientLimiter>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let Some(peer) = peer.map(|ConnectInfo(peer)| *peer) else { return next.run(request).await };
    let mut response = match limiter.probe(limiter.address(peer, request.headers()), clock::now()) {
        Ok(()) => next.run(request).await,
        Err(refused) => refusal::too_many_late(refused).await,
    };
    response.extensions_mut().insert(Paid);
    response
}

/// Charges any other request to the address that it came from.
async fn paid(Shared(limiter): Shared<ClientLimiter>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0);
    let address = peer.map(|peer| limiter.address(peer, request.headers()));
    let response = next.run(request).await;
    let is_paid = response.status() == StatusCode::SWITCHING_PROTOCOLS
        || response.extensions().get::<Paid>().is_some();
    let Some(address) = address.filter(|_| !is_paid) else { return response };
    let payer = (&Payer::Address(address), address);
    match limiter.work(payer, OPERATION_POINTS, clock::now()) {
        Ok(()) => response,
        Err(refused) => refusal::too_many_late(refused).await,
    }
}

/// Marks the answer to an operation or a probe, which was charged before it ran.
#[derive(Debug, Clone, Copy)]
struct Paid;

/// Applies to every request and answer.
async fn around(Shared(state): Shared<State>, request: Request, next: Next) -> Response {
    state.note_origin(request.headers());
    let mut response = next.run(request).await;
    if let Some(told) = response.extensions().get::<ReportedErrors>() {
        state.api.counts().told(told);
    }
    let headers = response.headers_mut();
    // An answer belongs to its caller: a cache that keeps it would show a seller's reserve to
    // others.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(NO_STORE));
    headers.append(VARY, HeaderValue::from_static("accept, accept-encoding, authorization"));
    response
}

impl State {
    /// Logs a page that is not allowed: its browser gives no reason, so the operator must learn of
    /// it here.
    fn note_origin(&self, headers: &HeaderMap) {
        if self.sockets.limiter.origins().admit(headers) {
            return;
        }
        if self.refused_origins.lock().failed(tokio::time::Instant::now()) {
            let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
            let (origin, host) = (text(ORIGIN).unwrap_or_default(), text(HOST).unwrap_or_default());
            warn!(
                origin,
                host,
                "request from a page of another origin; allow it with --allow-origin, or let the \
                 proxy in front forward the Host header"
            );
        }
    }
}

/// The CORS headers: without a setting there are none, so that only the service's own pages get
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
        // Libraries add their own headers, of which only `authorization` is read.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([RETRY_AFTER])
        .vary([ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS])
        .max_age(limits::CORS_MAX_AGE)
}
