//! Limits how long a connection may keep the service waiting: for a request, for the rest of its
//! head, and for the peer to read an answer.
//!
//! hyper has one time-out for a head, which starts when the previous answer has ended. [`Patience`]
//! is its timer, and distinguishes two waits: between requests a connection may stay idle for as
//! long as a balancer keeps it, but from the first byte of a request its head is due.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Semaphore;

use crate::limiter::Bound;
use crate::limits;

/// The progress of a connection, and the limit that ended it.
#[derive(Debug, Default)]
pub struct Progress {
    reads: AtomicU64,
    met: Mutex<Option<Bound>>,
}

impl Progress {
    /// The limit that has ended the connection.
    pub fn met(&self) -> Option<Bound> {
        *self.met.lock()
    }

    fn meet(&self, bound: Bound) {
        self.met.lock().get_or_insert(bound);
    }
}

/// How long a wait for a head may last.
#[derive(Debug, Clone, Copy)]
struct Wait {
    /// Since when a request is awaited. `None`: the first one is due at once.
    resting_since: Option<Instant>,
    /// How long the connection may stay idle.
    keep_alive: Duration,
}

impl Wait {
    /// When an idle connection ends, or is checked again: while connections are scarce it gets only
    /// the time for a head.
    fn next(self, since: Instant, now: Instant, scarce: bool) -> Option<Instant> {
        let end = since + self.keep_alive;
        if now >= end || (scarce && now >= since + limits::HTTP_HEAD_TIMEOUT) {
            return None;
        }
        Some(end.min(now + limits::HTTP_HEAD_TIMEOUT))
    }
}

/// The timer of one connection.
#[derive(Debug)]
pub struct Patience {
    progress: Arc<Progress>,
    keep_alive: Duration,
    permits: Arc<Semaphore>,
    has_begun: AtomicBool,
}

impl Patience {
    /// A connection that may stay idle for `keep_alive` between requests, as long as there are
    /// permits for others.
    pub fn new(progress: Arc<Progress>, keep_alive: Duration, permits: Arc<Semaphore>) -> Self {
        Self { progress, keep_alive, permits, has_begun: AtomicBool::new(false) }
    }
}

impl Timer for Patience {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(now() + duration)
    }

    /// hyper calls this when it starts to wait for a head.
    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let rests = self.has_begun.swap(true, Relaxed);
        let wait = Wait { resting_since: rests.then(now), keep_alive: self.keep_alive };
        let first = wait.resting_since.and_then(|since| wait.next(since, since, false));
        Box::pin(HeadWait {
            seen: self.progress.reads.load(Relaxed),
            progress: Arc::clone(&self.progress),
            permits: Arc::clone(&self.permits),
            wait,
            sleep: Box::pin(tokio::time::sleep_until(first.unwrap_or(deadline).into())),
        })
    }

    fn now(&self) -> Instant {
        now()
    }
}

/// The runtime's clock, which tests can stop.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Ends when a head has not come in time.
struct HeadWait {
    seen: u64,
    progress: Arc<Progress>,
    permits: Arc<Semaphore>,
    wait: Wait,
    sleep: Pin<Box<tokio::time::Sleep>>,
}

impl Sleep for HeadWait {}

impl Future for HeadWait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            let has_begun = this.progress.reads.load(Relaxed) != this.seen;
            if has_begun && this.wait.resting_since.take().is_some() {
                this.sleep.as_mut().reset((now() + limits::HTTP_HEAD_TIMEOUT).into());
            }
            ready!(this.sleep.as_mut().poll(cx));
            let Some(since) = this.wait.resting_since else {
                this.progress.meet(Bound::HttpHeadTime);
                return Poll::Ready(());
            };
            let scarce = this.permits.available_permits() == 0;
            let Some(next) = this.wait.next(since, now(), scarce) else {
                this.progress.meet(Bound::HttpIdle);
                return Poll::Ready(());
            };
            this.sleep.as_mut().reset(next.into());
        }
    }
}

/// The bytes of a connection: records their progress, and ends a connection whose peer reads
/// nothing.
#[derive(Debug)]
pub struct PatientIo<T> {
    io: T,
    progress: Arc<Progress>,
    /// Runs while the peer reads nothing.
    stalled: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl<T> PatientIo<T> {
    /// These bytes, with their progress noted.
    pub fn new(io: T, progress: Arc<Progress>) -> Self {
        Self { io, progress, stalled: None }
    }

    fn in_time<U>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<U>>,
    ) -> Poll<io::Result<U>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let limit = limits::HTTP_WRITE_TIMEOUT;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(stalled.as_mut().poll(cx));
        self.progress.meet(Bound::HttpWriteTime);
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for PatientIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.progress.reads.fetch_add(1, Relaxed);
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for PatientIo<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let spelled = spelled(bytes);
        let bytes = spelled.as_deref().unwrap_or(bytes);
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.in_time(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.in_time(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.io).poll_shutdown(cx);
        self.in_time(cx, shut)
    }
}

/// The head of an upgrade with header names spelled as in RFC 6455. hyper capitalises each word,
/// but Python's gql looks only for `Sec-WebSocket-Protocol`.
fn spelled(bytes: &[u8]) -> Option<Vec<u8>> {
    const WRITTEN: &[u8] = b"\r\nSec-Websocket-";
    if !bytes.starts_with(b"HTTP/1.1 101 ") {
        return None;
    }
    let mut spelled = bytes.to_vec();
    for at in 0..bytes.len().saturating_sub(WRITTEN.len()) {
        if bytes[at..].starts_with(WRITTEN) {
            spelled[at + 9] = b'S';
        }
    }
    Some(spelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP_ALIVE: Duration = Duration::from_secs(130);
    const HEAD: Duration = limits::HTTP_HEAD_TIMEOUT;

    #[test]
    fn a_connection_rests_for_its_keep_alive_unless_others_need_it() {
        let since = Instant::now();
        let at = |seconds| since + Duration::from_secs(seconds);
        let wait = Wait { resting_since: Some(since), keep_alive: KEEP_ALIVE };
        assert_eq!(wait.next(since, at(10), false), Some(at(10) + HEAD));
        assert_eq!(wait.next(since, at(125), false), Some(at(130)), "never beyond its end");
        assert_eq!(wait.next(since, at(130), false), None);
        assert_eq!(wait.next(since, at(9), true), Some(at(9) + HEAD), "a head has as long");
        assert_eq!(wait.next(since, at(10), true), None, "somebody waits for a connection");
        let short = Wait { keep_alive: Duration::from_secs(1), ..wait };
        assert_eq!(short.next(since, at(0), false), Some(at(1)));
        assert_eq!(short.next(since, at(1), false), None);
    }

    #[test]
    fn the_names_of_an_upgrade_are_spelled_as_clients_look_for_them() {
        let head =
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-Websocket-Protocol: \
                     graphql-transport-ws\r\nSec-Websocket-Accept: Sec-Websocket-x=\r\n\r\n";
        let spelled = String::from_utf8(spelled(head).unwrap()).unwrap();
        assert!(spelled.contains("\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n"));
        assert!(spelled.contains("\r\nSec-WebSocket-Accept: Sec-Websocket-x=\r\n"), "{spelled}");
        assert_eq!(super::spelled(b"HTTP/1.1 200 OK\r\nSec-Websocket-x: 1\r\n\r\n"), None);
    }

    /// Waits for a second head with this timer, a byte of it coming after a while; returns how long
    /// that is taken, and the limit that ended it.
    async fn wait(scarce: bool, byte_after: Option<Duration>) -> (Duration, Option<Bound>) {
        let progress = Arc::new(Progress::default());
        let permits = Arc::new(Semaphore::new(usize::from(!scarce)));
        let patience = Patience::new(Arc::clone(&progress), KEEP_ALIVE, permits);
        let began = now();
        patience.sleep(HEAD).await;
        assert_eq!((now() - began, progress.met()), (HEAD, Some(Bound::HttpHeadTime)), "the first");
        *progress.met.lock() = None;
        let began = now();
        let mut waiting = patience.sleep(HEAD);
        if let Some(after) = byte_after {
            tokio::select! {
                biased;
                () = waiting.as_mut() => return (now() - began, progress.met()),
                () = tokio::time::sleep(after) => {}
            }
            progress.reads.fetch_add(1, Relaxed);
        }
        waiting.await;
        (now() - began, progress.met())
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_is_due_from_its_first_byte_and_a_request_much_later() {
        let second = Duration::from_secs(1);
        let (idle, head) = (Some(Bound::HttpIdle), Some(Bound::HttpHeadTime));
        assert_eq!(wait(false, None).await, (KEEP_ALIVE, idle));
        assert_eq!(wait(false, Some(second)).await, (second + HEAD, head));
        let late = KEEP_ALIVE / 2;
        assert_eq!(wait(false, Some(late)).await, (late + HEAD, head));
        assert_eq!(wait(true, None).await, (HEAD, idle));
    }
}
