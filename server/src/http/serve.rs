//! The accept loop: one task a connection, a place for each, and no patience for slow requests.
//!
//! axum's own loop has no time-out for the head of a request, and no bound on connections.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tracing::{debug, warn};

use super::refusal;
use crate::guard::{Bound, Guard, TooMany};
use crate::limits;
use crate::tasks::Tasks;
use crate::websocket::wire::Wire;

/// Listens on an address, with a queue in the kernel for a storm of clients that come back.
///
/// # Errors
/// When the address cannot be bound.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // As tokio's own `bind`: a server that was just stopped leaves the port in TIME_WAIT.
    socket.set_reuseaddr(cfg!(not(windows)))?;
    socket.bind(address)?;
    socket.listen(limits::LISTEN_QUEUE_MAX)
}

/// Serves connections, so many at a time, until it is told to stop; each then ends after what it has
/// begun.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    guard: Guard,
    places: usize,
    tasks: Tasks,
    until: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(places));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places, &guard) => accepted,
            () = until.cancelled() => return,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        let (router, guard, until) = (router.clone(), guard.clone(), until.clone());
        tasks.spawn("connection", async move {
            match guard.connect(peer) {
                Ok(_held) => connection(stream, peer, router, &guard, until).await,
                Err(refused) => refuse(stream, refused).await,
            }
            drop(place);
        });
    }
}

type Accepted = (TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit);

/// The next connection. At the bound nothing is accepted: clients wait in the kernel's queue.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    guard: &Guard,
) -> Option<Accepted> {
    if places.available_permits() == 0 {
        guard.meets(Bound::Connections);
    }
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, place)),
        Err(error) => {
            // Most often too many open files: others will end.
            warn!(%error, "cannot accept a connection");
            sleep(limits::ACCEPT_PAUSE).await;
            None
        }
    }
}

/// Serves one connection's requests, until it is upgraded or ends.
async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    guard: &Guard,
    until: CancellationToken,
) {
    let _open = guard.hold_open();
    // Small frames and delayed acknowledgements cost up to 40 ms (FACTS 8).
    let set = stream.set_nodelay(true).and_then(|()| {
        SockRef::from(&stream).set_send_buffer_size(limits::SOCKET_SEND_BUFFER_BYTES)
    });
    if let Err(error) = set {
        warn!(%error, "a connection's options cannot be set");
    }
    let (wire, io) = Wire::new(stream);
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(Arc::clone(&wire));
        router.clone().oneshot(request)
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HTTP_HEAD_TIMEOUT)
        .max_buf_size(limits::HTTP_HEAD_BYTES_MAX);
    let connection = builder.serve_connection(TokioIo::new(io), service).with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = until.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        if error.is_timeout() {
            guard.meets(Bound::HttpHeadTime);
        } else if error.is_parse_too_large() {
            guard.meets(Bound::HttpHead);
        }
        // A peer that went, sent no HTTP, or took too long.
        debug!(%error, "a connection ended");
    }
}

/// Answers one request with the refusal of its connection, whatever it asks.
async fn refuse(stream: TcpStream, refused: TooMany) {
    let service = service_fn(move |_: Request<Incoming>| async move {
        let mut response: Response = refusal::too_many(refused);
        response.headers_mut().insert("connection", HeaderValue::from_static("close"));
        Ok::<_, Infallible>(response)
    });
    let mut builder = http1::Builder::new();
    builder.keep_alive(false);
    let answered = builder.serve_connection(TokioIo::new(stream), service);
    // Neither an end nor an error says more than the count of refusals does.
    timeout(limits::REFUSAL_TIMEOUT, answered).await.ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_storm_of_connections_waits_to_be_accepted() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        // More than the 128 of tokio's own `bind`; the kernel drops what has no place.
        let mut waiting = Vec::new();
        for number in 0..300 {
            let connected = timeout(limits::HTTP_HEAD_TIMEOUT, TcpStream::connect(address)).await;
            waiting.push(connected.unwrap_or_else(|_| panic!("{number} got no place")).unwrap());
        }
    }
}
