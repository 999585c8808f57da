//! Sockets: accepts connections, serves HTTP/1.1 on each, stops with a deadline.

use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::service_stack::ServiceStack;
use crate::wire;

/// Connections open at once; the next one waits in the kernel's backlog.
const CONNECTIONS_MAX: usize = 4096;
/// How long open requests may take to finish after a stop.
const DRAIN_MAX: Duration = Duration::from_secs(1);
/// How long to wait after `accept` failed, as it does without free descriptors.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// Serves until `stop` is cancelled and open requests have finished, or the
/// drain deadline has passed.
pub(crate) async fn serve(listener: TcpListener, front: ServiceStack, stop: CancellationToken) {
    let connections = TaskTracker::new();
    let free = std::sync::Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &free) => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, permit)) => {
                let (front, stop) = (front.clone(), stop.clone());
                connections.spawn(async move {
                    connection(stream, front, stop).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(DRAIN_MAX, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "stopped with requests still open");
    }
}

async fn accept(
    listener: &TcpListener,
    free: &std::sync::Arc<Semaphore>,
) -> std::io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit =
        std::sync::Arc::clone(free).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, _peer) = listener.accept().await?;
    // Small answers and delayed acknowledgements cost up to 40 ms (SOURCES.md#sockets).
    stream.set_nodelay(true)?;
    Ok((stream, permit))
}

async fn connection(stream: TcpStream, front: ServiceStack, stop: CancellationToken) {
    let service = service_fn(|request| wire::answer(&front, request));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = &mut serving => ended,
        () = front.dropped() => return,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
