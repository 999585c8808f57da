//! Connections, handshakes, and requests that never end.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::attacker::{Attacker, CONNECTION_BYTES, code_in};
use super::http::{self, Request};
use super::socket::{read, upgraded};

const GET: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
const AGAIN: Duration = Duration::from_millis(50);

/// What comes on a connection, to its end.
async fn listen(attacker: &Attacker, mut stream: impl AsyncRead + Unpin) {
    let mut buffer = vec![0; 4096];
    while let Ok(n @ 1..) = stream.read(&mut buffer).await {
        let text = &buffer[..n];
        let status = || Some(format!("http {}", std::str::from_utf8(text.get(9..12)?).ok()?));
        let answer = code_in(text).or_else(|| status().filter(|_| text.starts_with(b"HTTP/1.1 ")));
        attacker.tally(answer.as_deref().unwrap_or(""), n);
    }
}

/// Opened and closed.
pub(super) fn flood(attacker: &Arc<Attacker>) {
    attacker.workers(64, |attacker, worker| async move {
        loop {
            attacker.pace(CONNECTION_BYTES).await;
            drop(attacker.connect(worker, None).await);
        }
    });
}

/// Opened and held, thousands of them; what is answered is read.
pub(super) fn hold(attacker: &Arc<Attacker>) {
    attacker.workers(600, |attacker, worker| async move {
        loop {
            attacker.pace(CONNECTION_BYTES + GET.len()).await;
            if let Some(mut stream) = attacker.connect(worker, None).await
                && stream.write_all(GET).await.is_ok()
            {
                listen(&attacker, stream).await;
            }
            sleep(AGAIN).await;
        }
    });
}

/// Upgrades, each given up at once.
pub(super) fn handshakes(attacker: &Arc<Attacker>) {
    attacker.workers(64, |attacker, worker| async move {
        loop {
            drop(upgraded(&attacker, worker, None).await);
        }
    });
}

/// Sockets that never say `connection_init`.
pub(super) fn idle(attacker: &Arc<Attacker>) {
    attacker.workers(600, |attacker, worker| async move {
        loop {
            if let Some(stream) = upgraded(&attacker, worker, None).await {
                let (_sink, source) = stream.split();
                read(&attacker, source, &Semaphore::new(0)).await;
            }
            sleep(AGAIN).await;
        }
    });
}

/// Heads and bodies of which a byte comes now and then.
pub(super) fn half(attacker: &Arc<Attacker>) {
    dripped(attacker, 300, Duration::from_millis(300), false);
}

/// Bodies whose bytes come one by one, each in a packet of its own, as fast as they go so.
pub(super) fn byte_bodies(attacker: &Arc<Attacker>) {
    dripped(attacker, 200, Duration::from_millis(2), true);
}

/// A byte after each pause: of a head by every second worker, or of bodies only.
fn dripped(attacker: &Arc<Attacker>, workers: usize, pause: Duration, bodies_only: bool) {
    attacker.workers(workers, move |attacker, worker| async move {
        loop {
            attacker.pace(CONNECTION_BYTES).await;
            let Some(stream) = attacker.connect(worker, None).await else {
                sleep(AGAIN).await;
                continue;
            };
            let (reading, mut writing) = stream.into_split();
            let begun: &[u8] = if worker.is_multiple_of(2) && !bodies_only {
                b"POST /graphql HTTP/1.1\r\nhost: x\r\nx: "
            } else {
                b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                  content-length: 200000\r\n\r\n"
            };
            let mut sent = writing.write_all(begun).await;
            let listener = Arc::clone(&attacker);
            let reader = attacker.tasks.spawn(async move {
                let mut reading = reading;
                let mut buffer = vec![0; 4096];
                while let Ok(n @ 1..) = reading.read(&mut buffer).await {
                    let text = &buffer[..n];
                    let status =
                        text.get(9..12).and_then(|status| std::str::from_utf8(status).ok());
                    listener.tally(&format!("http {}", status.unwrap_or("?")), n);
                }
            });
            while sent.is_ok() && !reader.is_finished() {
                attacker.pace(1).await;
                sent = writing.write_all(b"x").await;
                sleep(pause).await;
            }
            reader.abort();
            sleep(AGAIN).await;
        }
    });
}

/// Requests one behind the other in one write, a hundred at a time; what comes is read.
pub(super) fn pipelined(attacker: &Arc<Attacker>) {
    attacker.workers(16, |attacker, worker| async move {
        let bytes = GET.repeat(100);
        loop {
            attacker.pace(CONNECTION_BYTES).await;
            let Some(stream) = attacker.connect(worker, None).await else {
                sleep(AGAIN).await;
                continue;
            };
            let (reading, mut writing) = stream.into_split();
            let listener = Arc::clone(&attacker);
            let reader = attacker.tasks.spawn(async move { listen(&listener, reading).await });
            while !reader.is_finished() {
                attacker.pace(bytes.len()).await;
                if writing.write_all(&bytes).await.is_err() {
                    break;
                }
            }
            reader.abort();
        }
    });
}

/// What is refused before it is read: no such path, method or content type, no JSON, no parameter.
pub(super) fn errors(attacker: &Arc<Attacker>) {
    http::flood(attacker, 64, |_, _, number| match number % 4 {
        0 => Request { path: format!("/{}", "x".repeat(300)), ..Request::default() },
        1 => Request { path: "/graphql?variables=%5B".to_owned(), ..Request::default() },
        2 => Request { body: "{".repeat(300), ..Request::default() },
        _ => Request { path: "/graphql/ws".to_owned(), ..Request::default() },
    });
}

/// What operators ask, asked by a stranger.
pub(super) fn health(attacker: &Arc<Attacker>) {
    http::flood(attacker, 64, |_, worker, _| {
        let path = if worker.is_multiple_of(2) { "/readyz" } else { "/metrics" };
        Request { path: path.to_owned(), ..Request::default() }
    });
}
