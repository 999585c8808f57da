//! The upgrade to graphql-transport-ws.

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::response::Response;

use crate::limits;
use crate::websocket::protocol::SUBPROTOCOL;

/// GET /graphql/ws.
pub async fn upgrade(State(state): State<super::State>, upgrade: WebSocketUpgrade) -> Response {
    let sockets = state.sockets;
    upgrade
        .protocols([SUBPROTOCOL])
        // The default read buffer is 128 KiB a connection, allocated at once (FACTS 8).
        .read_buffer_size(limits::SOCKET_READ_BUFFER_BYTES)
        .write_buffer_size(limits::SOCKET_WRITE_BUFFER_BYTES)
        .max_message_size(limits::SOCKET_MESSAGE_BYTES_MAX)
        .max_frame_size(limits::SOCKET_MESSAGE_BYTES_MAX)
        .on_upgrade(async move |socket| sockets.serve(socket))
}
