//! The accept loop: one task and one permit per connection, and time-outs for slow ones.
//!
//! axum's own loop has no time-out for the head of a request, and no limit on connections.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request};
use axum::response::Response;
use gavel_core::tasks::Tasks;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tracing::{debug, warn};

use super::patience::{Patience, PatientIo, Progress};
use super::refusal;
use super::tls::Tls;
use crate::limiter::{Bound, ClientLimiter, TooMany};
use crate::limits;
use crate::websocket::shared_socket::SharedSocket;

/// Listens on an address, with a kernel queue for many clients that reconnect at once.
///
/// # Errors
/// When the address cannot be bound.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Like tokio's own `bind`: a server that was just stopped leaves the port in TIME_WAIT.
    socket.set_reuseaddr(cfg!(not(windows)))?;
    socket.bind(address)?;
    socket.listen(limits::LISTEN_QUEUE_MAX)
}

/// A listening address, and its TLS.
#[derive(Debug)]
pub struct Listener {
    /// The listening socket.
    pub socket: TcpListener,
    /// Certificate and key. `None`: connections are not encrypted.
    pub tls: Option<Tls>,
}

/// The connection limits of a listening address.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// Concurrent connections.
    pub connections_max: usize,
    /// How long one may stay idle between requests.
    pub keep_alive: Duration,
}

/// Serves a limited number of connections until it is stopped; each then ends after its current
/// request.
pub async fn serve(
    Listener { socket: listener, tls }: Listener,
    router: Router,
    limiter: ClientLimiter,
    bounds: ConnectionLimits,
    tasks: Tasks,
    until: CancellationToken,
) {
    let permits = Arc::new(Semaphore::new(bounds.connections_max));
    let refusals = Arc::new(Semaphore::new(limits::REFUSALS_MAX));
    let keep_alive = bounds.keep_alive;
    let service = Service { router, limiter, permits, keep_alive, tls, until };
    loop {
        let accepted = tokio::select! {
            accepted = service.accept(&listener) => accepted,
            () = service.until.cancelled() => return,
        };
        let Some((stream, peer, permit)) = accepted else { continue };
        match service.limiter.connect(peer) {
            Ok(counted) => {
                let service = service.clone();
                tasks.spawn("connection", async move {
                    service.connection(stream, peer).await;
                    drop((counted, permit));
                });
            }
            // It delays nobody else: neither for a permit nor, in a flood, for an answer.
            Err(refused) => {
                drop(permit);
                let Ok(refusal) = Arc::clone(&refusals).try_acquire_owned() else { continue };
                tasks.spawn("refusal", async move {
                    refuse(stream, refused).await;
                    drop(refusal);
                });
            }
        }
    }
}

type Accepted = (TcpStream, SocketAddr, OwnedSemaphorePermit);

/// What the connections of a listening address share.
#[derive(Clone)]
struct Service {
    router: Router,
    limiter: ClientLimiter,
    permits: Arc<Semaphore>,
    keep_alive: Duration,
    tls: Option<Tls>,
    until: CancellationToken,
}

impl Service {
    /// Accepts the next connection. At the limit nothing is accepted: clients wait in the kernel's
    /// queue.
    async fn accept(&self, listener: &TcpListener) -> Option<Accepted> {
        if self.permits.available_permits() == 0 {
            self.limiter.record_limit(Bound::Connections);
        }
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok()?;
        match listener.accept().await {
            Ok((stream, peer)) => Some((stream, peer, permit)),
            Err(error) => {
                // Usually too many open files: others will end.
                warn!(%error, "cannot accept a connection");
                sleep(limits::ACCEPT_PAUSE).await;
                None
            }
        }
    }

    /// Serves one connection's requests, until it is upgraded or ends.
    async fn connection(self, stream: TcpStream, peer: SocketAddr) {
        let _open = self.limiter.hold_open();
        // Small frames and delayed acknowledgements cost up to 40 ms (SOURCES.md#sockets).
        let set = stream.set_nodelay(true).and_then(|()| {
            SockRef::from(&stream).set_send_buffer_size(limits::SOCKET_SEND_BUFFER_BYTES)
        });
        if let Err(error) = set {
            warn!(%error, "cannot set the options of a connection");
        }
        let Some(tls) = self.tls.clone() else {
            let (shared_socket, io) = SharedSocket::new(stream);
            return self.requests(io, shared_socket, peer).await;
        };
        let (shared_socket, io) = SharedSocket::encrypted(stream);
        let accepted = tokio::select! {
            accepted = tls.accept(io) => accepted,
            () = self.until.cancelled() => None,
        };
        if let Some(io) = accepted {
            self.requests(io, shared_socket, peer).await;
        }
    }

    async fn requests<T>(self, io: T, shared_socket: Arc<SharedSocket>, peer: SocketAddr)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let progress = Arc::new(Progress::default());
        let io = PatientIo::new(io, Arc::clone(&progress));
        let (router, for_sockets) = (self.router, Arc::clone(&shared_socket));
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(Arc::clone(&for_sockets));
            router.clone().oneshot(request)
        });
        let mut builder = http1::Builder::new();
        builder
            .timer(Patience::new(Arc::clone(&progress), self.keep_alive, self.permits))
            .header_read_timeout(limits::HTTP_HEAD_TIMEOUT)
            // A client that has closed its sending side may still wait for the answer.
            .half_close(true)
            .title_case_headers(true)
            .max_buf_size(limits::HTTP_HEAD_BYTES_MAX);
        let connection = builder.serve_connection(TokioIo::new(io), service).with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            () = self.until.cancelled() => {
                connection.as_mut().graceful_shutdown();
                timeout(limits::HTTP_DRAIN_TIMEOUT, connection).await.ok()
            }
        };
        let Some(ended) = ended else {
            debug!("a connection did not close in time");
            shared_socket.reset();
            return;
        };
        if let Err(error) = ended {
            if let Some(bound) = progress.met() {
                self.limiter.record_limit(bound);
                shared_socket.reset();
            } else if error.is_parse_too_large() {
                self.limiter.record_limit(Bound::HttpHead);
            }
            // A peer that went, sent no HTTP, or took too long.
            debug!(%error, "a connection ended");
        }
    }
}

/// Answers one request with the refusal of its connection, whatever it asks for.
async fn refuse(stream: TcpStream, refused: TooMany) {
    let service = service_fn(move |_: Request<Incoming>| async move {
        let mut response: Response = refusal::too_many(refused);
        response.headers_mut().insert("connection", HeaderValue::from_static("close"));
        Ok::<_, Infallible>(response)
    });
    let mut builder = http1::Builder::new();
    builder.keep_alive(false);
    let answered = builder.serve_connection(TokioIo::new(stream), service);
    // Neither success nor an error adds anything to the count of refusals.
    timeout(limits::REFUSAL_TIMEOUT, answered).await.ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_storm_of_connections_waits_to_be_accepted() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        // More than the 128 of tokio's own `bind`; the kernel drops what does not fit.
        let mut waiting = Vec::new();
        for number in 0..300 {
            let connected = timeout(limits::HTTP_HEAD_TIMEOUT, TcpStream::connect(address)).await;
            waiting.push(connected.unwrap_or_else(|_| panic!("{number} got no place")).unwrap());
        }
    }
}
