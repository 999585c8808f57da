//! GraphQL over server-sent events: POST for everything, GET for queries and subscriptions.
//!
//! What is wrong with the request is an HTTP answer; what is wrong with the operation is an event, as
//! the protocol wants it.

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use axum::response::{IntoResponse as _, Response};
use gavel_core::clock;

use super::graphql::{self, PLAIN, Params};
use super::refusal::{refuse, too_many};
use crate::graphql::Caller;
use crate::graphql::error::{Code, refused};
use crate::graphql::execute::failed;
use crate::graphql::request::{self, Asked};
use crate::limiter::Bound;
use crate::limiter::unread::UnreadBytes;
use crate::websocket::Sockets;
use crate::websocket::event_stream::{Place, StreamRequest};
use crate::websocket::operation::Terms;
use crate::websocket::shared_socket::SharedSocket;

const EVENT_STREAM: &str = "text/event-stream";
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Keeps nginx from collecting events before it passes them on.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// POST /graphql/stream.
pub async fn post(
    State(state): State<super::State>,
    Extension(shared_socket): Extension<Arc<SharedSocket>>,
    request: Request,
) -> Response {
    let received_at = clock::now();
    let (parts, body) = request.into_parts();
    let terms = match terms(&parts.headers, false) {
        Ok(terms) => terms,
        Err(response) => return *response,
    };
    if !graphql::is_json(&parts.headers) {
        let message = "send the request as content-type: application/json";
        return graphql::problem(PLAIN, StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
    }
    let caller = match graphql::caller(&state, &parts, received_at).await {
        Ok(caller) => caller,
        Err(refused) => return graphql::reply(PLAIN, StatusCode::UNAUTHORIZED, &refused, None),
    };
    let limiter = &state.sockets.limiter;
    let unread = UnreadBytes::new(limiter.clone(), caller.address);
    let body = match graphql::read(body, PLAIN, state.body_bytes_max, limiter, &unread).await {
        Ok(body) => body,
        Err(response) => return *response,
    };
    let asked = match request::read(&body) {
        Ok(asked) => asked,
        Err(error) => return graphql::not_run(PLAIN, error),
    };
    open(&state, shared_socket, &parts, asked, caller, terms).await
}

/// GET /graphql/stream.
pub async fn get(
    State(state): State<super::State>,
    Extension(shared_socket): Extension<Arc<SharedSocket>>,
    params: Result<Query<Params>, QueryRejection>,
    request: Request,
) -> Response {
    let received_at = clock::now();
    let (parts, _) = request.into_parts();
    let terms = match terms(&parts.headers, true) {
        Ok(terms) => terms,
        Err(response) => return *response,
    };
    let given = match params {
        Ok(Query(params)) => params.given().map_err(str::to_owned),
        Err(rejection) => Err(rejection.body_text()),
    };
    let given = match given {
        Ok(given) => given,
        Err(message) => return graphql::problem(PLAIN, StatusCode::BAD_REQUEST, message),
    };
    let asked = match request::asked(given) {
        Ok(asked) => asked,
        Err(error) => return graphql::not_run(PLAIN, error),
    };
    let caller = match graphql::caller(&state, &parts, received_at).await {
        Ok(caller) => caller,
        Err(refused) => return graphql::reply(PLAIN, StatusCode::UNAUTHORIZED, &refused, None),
    };
    open(&state, shared_socket, &parts, asked, caller, terms).await
}

/// What the request says of its operation, and the last bid that its client has.
fn terms(headers: &HeaderMap, reads_only: bool) -> Result<(Terms, Option<u64>), Box<Response>> {
    let accepts = |media| graphql::accepts(headers, media);
    let may =
        !headers.contains_key(ACCEPT) || [EVENT_STREAM, "text/*", "*/*"].into_iter().any(accepts);
    if !may {
        let message = "answers are text/event-stream";
        return Err(Box::new(graphql::problem(PLAIN, StatusCode::NOT_ACCEPTABLE, message)));
    }
    // A browser sends it empty if the last event had none.
    let last = headers.get(LAST_EVENT_ID).filter(|value| !value.is_empty());
    let resume_after = last.map(|value| value.to_str().ok().and_then(|text| text.parse().ok()));
    match resume_after {
        Some(None) => {
            let message = "last-event-id must be the id of an event: a bid's sequence";
            Err(Box::new(graphql::problem(PLAIN, StatusCode::BAD_REQUEST, message)))
        }
        after => Ok((Terms { reads_only }, after.flatten())),
    }
}

async fn open(
    state: &super::State,
    shared_socket: Arc<SharedSocket>,
    parts: &Parts,
    asked: Asked,
    caller: Caller,
    terms: (Terms, Option<u64>),
) -> Response {
    let sockets = &state.sockets;
    let operation = asked.operation;
    let payer = (&caller.payer, caller.address);
    let paid = sockets.limiter.work(payer, operation.reading_points(), caller.received_at);
    if let Err(error) = paid {
        return graphql::answer(PLAIN, &failed(refused(error)), None).await;
    }
    let place = match place(sockets, &caller) {
        Ok(place) => place,
        Err(response) => return *response,
    };
    let is_chunked = parts.version == Version::HTTP_11;
    let (terms, after) = terms;
    let request = StreamRequest { operation, caller, terms, after, is_chunked };
    let body = sockets.stream(shared_socket, request, place);
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8")),
        (ACCEL_BUFFERING, HeaderValue::from_static("no")),
    ];
    let mut response = (headers, body).into_response();
    response.extensions_mut().insert(super::Paid);
    response
}

/// A stream counts as a socket: of its address, its user, and the service.
fn place(sockets: &Sockets, caller: &Caller) -> Result<Place, Box<Response>> {
    let limiter = &sockets.limiter;
    let of_address = limiter.open_socket(caller.address, caller.received_at);
    let of_address = of_address.map_err(|refused| Box::new(too_many(refused)))?;
    let of_user = caller.principal.user_id.as_ref().map(|user_id| limiter.admit(user_id));
    let of_user = of_user.transpose().map_err(|refused| Box::new(too_many(refused)))?;
    let Some(room) = sockets.room() else {
        limiter.record_limit(Bound::Sockets);
        let message = "the service has too many open sockets; try again";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return Err(Box::new(refuse(status, Code::Overloaded, message)));
    };
    Ok((of_address, of_user, room))
}
