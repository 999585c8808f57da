//! The upgrade to graphql-transport-ws: who may open a socket, and how large its buffers are.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{ConnectInfo, Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use gavel_core::clock;

use super::graphql::authorization;
use super::refusal::{refuse, too_many};
use crate::graphql::error::Code;
use crate::limiter::Bound;
use crate::limits;
use crate::websocket::protocol::SUBPROTOCOL;
use crate::websocket::shared_socket::SharedSocket;

/// GET /graphql/ws.
pub async fn upgrade(
    State(state): State<super::State>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Extension(shared_socket): Extension<Arc<SharedSocket>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let sockets = state.sockets;
    let limiter = &sockets.limiter;
    if !limiter.origins().admit(&headers) {
        let message = "pages of this origin may not open a socket; see --allow-origin, and have a \
                       proxy forward the Host header";
        return refuse(StatusCode::FORBIDDEN, Code::Forbidden, message);
    }
    let authorization = match authorization(&headers) {
        Ok(given) => given.map(str::to_owned),
        Err(error) => {
            return refuse(StatusCode::UNAUTHORIZED, Code::Unauthenticated, error.to_string());
        }
    };
    let address = limiter.address(peer, &headers);
    let place = match limiter.open_socket(address, clock::now()) {
        Ok(place) => place,
        Err(refused) => return too_many(refused),
    };
    let Some(room) = sockets.room() else {
        limiter.record_limit(Bound::Sockets);
        let message = "the service has too many open sockets; try again";
        return refuse(StatusCode::SERVICE_UNAVAILABLE, Code::Overloaded, message);
    };
    agreed(upgrade)
        // The default read buffer is 128 KiB per connection, allocated at once (SOURCES.md#sockets).
        .read_buffer_size(limits::SOCKET_READ_BUFFER_BYTES)
        .write_buffer_size(limits::SOCKET_WRITE_BUFFER_BYTES)
        .max_message_size(sockets.limits.message_bytes_max)
        .max_frame_size(sockets.limits.message_bytes_max)
        .on_upgrade(async move |socket| {
            sockets.serve(socket, shared_socket, (address, authorization), (place, room));
        })
}

/// Selects the only supported protocol. If a client asks only for others, it is granted one of
/// them: otherwise a browser ends the connection before it has received the reason.
fn agreed(mut upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    let other = upgrade.requested_protocols().find(|name| *name != SUBPROTOCOL).cloned();
    upgrade = upgrade.protocols([SUBPROTOCOL]);
    if let (None, Some(other)) = (upgrade.selected_protocol(), other) {
        upgrade.set_selected_protocol(other);
    }
    upgrade
}
