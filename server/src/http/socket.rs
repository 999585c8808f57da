//! The upgrades to sockets: who may open one, which protocol it speaks, and how large its buffers are.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{ConnectInfo, Extension, Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use gavel_core::clock;

use super::refusal::{refuse, too_many};
use crate::auth::Credentials;
use crate::graphql::error::Code;
use crate::limiter::Bound;
use crate::limits;
use crate::websocket::Upgrade;
use crate::websocket::appsync::{Dialect, Handshake, handshake};
use crate::websocket::shared_socket::SharedSocket;
use crate::websocket::subprotocol::Subprotocol;

/// GET /graphql/ws: graphql-transport-ws.
pub async fn upgrade(
    state: State<super::State>,
    peer: ConnectInfo<SocketAddr>,
    shared_socket: Extension<Arc<SharedSocket>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let given = match Credentials::of(&headers) {
        Ok(given) => given,
        Err(error) => {
            return refuse(StatusCode::UNAUTHORIZED, Code::Unauthenticated, error.to_string());
        }
    };
    let agreed = (Subprotocol::TransportWs, Ok(given));
    open(state, peer, shared_socket, &headers, upgrade, agreed)
}

/// GET /graphql/realtime and /realtime: AppSync's real-time protocol of GraphQL.
pub async fn realtime(
    state: State<super::State>,
    peer: ConnectInfo<SocketAddr>,
    shared_socket: Extension<Arc<SharedSocket>>,
    headers: HeaderMap,
    uri: Uri,
    upgrade: WebSocketUpgrade,
) -> Response {
    appsync(Dialect::GraphQl, (state, peer, shared_socket), &headers, &uri, upgrade)
}

/// GET /event/realtime: AppSync's real-time protocol of Events.
pub async fn events(
    state: State<super::State>,
    peer: ConnectInfo<SocketAddr>,
    shared_socket: Extension<Arc<SharedSocket>>,
    headers: HeaderMap,
    uri: Uri,
    upgrade: WebSocketUpgrade,
) -> Response {
    appsync(Dialect::Events, (state, peer, shared_socket), &headers, &uri, upgrade)
}

/// POST /event: nothing is published here.
pub async fn publish() -> Response {
    let message = "nothing is published here: bids are placed by the mutation placeBid";
    refuse(StatusCode::FORBIDDEN, Code::Forbidden, message)
}

type Connected = (State<super::State>, ConnectInfo<SocketAddr>, Extension<Arc<SharedSocket>>);

fn appsync(
    dialect: Dialect,
    (state, peer, shared_socket): Connected,
    headers: &HeaderMap,
    uri: &Uri,
    upgrade: WebSocketUpgrade,
) -> Response {
    let parameters = Query::<Vec<(String, String)>>::try_from_uri(uri);
    let parameters = parameters.map(|Query(parameters)| parameters).unwrap_or_default();
    // Refused credentials are answered on the socket: its clients do not see an HTTP status.
    let given = handshake::read(headers, &parameters);
    let agreed = (Subprotocol::AppSync(dialect), given);
    open(state, peer, shared_socket, headers, upgrade, agreed)
}

fn open(
    State(state): State<super::State>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Extension(shared_socket): Extension<Arc<SharedSocket>>,
    headers: &HeaderMap,
    upgrade: WebSocketUpgrade,
    (subprotocol, handshake): (Subprotocol, Handshake),
) -> Response {
    let sockets = state.sockets;
    let limiter = &sockets.limiter;
    if !limiter.origins().admit(headers) {
        let message = "pages of this origin may not open a socket; see --allow-origin, and have a \
                       proxy forward the Host header";
        return refuse(StatusCode::FORBIDDEN, Code::Forbidden, message);
    }
    let address = limiter.address(peer, headers);
    let place = match limiter.open_socket(address, clock::now()) {
        Ok(place) => place,
        Err(refused) => return too_many(refused),
    };
    let Some(room) = sockets.room() else {
        limiter.record_limit(Bound::Sockets);
        let message = "the service has too many open sockets; try again";
        return refuse(StatusCode::SERVICE_UNAVAILABLE, Code::Overloaded, message);
    };
    let opened = Upgrade { address, subprotocol, handshake };
    agreed(upgrade, subprotocol)
        // The default read buffer is 128 KiB per connection, allocated at once (SOURCES.md#sockets).
        .read_buffer_size(limits::SOCKET_READ_BUFFER_BYTES)
        .write_buffer_size(limits::SOCKET_WRITE_BUFFER_BYTES)
        .max_message_size(sockets.limits.message_bytes_max)
        .max_frame_size(sockets.limits.message_bytes_max)
        .on_upgrade(async move |socket| {
            sockets.serve(socket, shared_socket, opened, (place, room));
        })
}

/// Selects the protocol. If a client asks only for others, it is granted one of them: otherwise a
/// browser ends the connection before it has received the reason.
fn agreed(mut upgrade: WebSocketUpgrade, subprotocol: Subprotocol) -> WebSocketUpgrade {
    let name = subprotocol.name();
    let other = upgrade.requested_protocols().find(|of| *of != name).cloned();
    upgrade = upgrade.protocols([name]);
    if let (None, Some(other)) = (upgrade.selected_protocol(), other) {
        upgrade.set_selected_protocol(other);
    }
    upgrade
}
