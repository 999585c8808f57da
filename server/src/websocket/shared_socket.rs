//! The bytes of one socket. Its connection reads and writes them through [`SharedSocketIo`]; a
//! group writes whole frames through [`FrameSink::write_whole`] when nothing else is pending, and
//! so wakes nobody.
//!
//! The lock is held for one non-blocking system call, and rarely contended: the connection writes
//! when a client has requested something, the group when there is an event.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use parking_lot::Mutex;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::limiter::unread::UnreadBytes;
use crate::limits;

/// The two ways of writing to a socket.
#[derive(Debug)]
pub struct SharedSocket {
    stream: TcpStream,
    out: Mutex<Out>,
    /// Frames are encrypted on their way: only the connection writes.
    is_encrypted: bool,
    /// Set when the connection becomes a socket.
    unread: OnceLock<UnreadBytes>,
}

/// The two bytes and the mask before the payload of a client's control frame.
const CONTROL_FRAME_HEAD: usize = 6;

/// A message has taken too long from its first byte on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message took too long to arrive")]
pub struct MessageTooSlow;

/// What prevents a group from writing whole frames.
#[derive(Debug, Default)]
struct Out {
    /// The rest of partially written frames: at most one turn of a group.
    pending: Vec<u8>,
    /// The connection has written a part of its data, and will write on.
    partial_write: bool,
    /// The connection is about to write what it took from its queue.
    held: bool,
    /// The body of an answer is an event stream, if it is.
    stream: Option<StreamBody>,
}

/// An answer's body that goes on for a while, in chunks.
#[derive(Debug, Clone, Copy)]
struct StreamBody {
    /// The HTTP connection has a part of it, or of the head, that it has not written yet.
    is_buffered: bool,
}

/// The result of writing frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// The system has accepted all of them.
    Whole,
    /// The system has accepted a part of them; the connection must flush the rest.
    Partly,
    /// Nothing was written: something else is pending, or the system accepts nothing now.
    Not,
}

/// Where a group writes the frames of a subscriber, bypassing its connection: a socket, or memory
/// in the simulation.
pub trait FrameSink: fmt::Debug + Send + Sync {
    /// Writes whole frames if `may` still agrees, and nothing else is pending.
    fn write_whole(&self, frames: &[u8], may: &dyn Fn() -> bool) -> Written;

    /// Returns when no whole frames are being written.
    fn wait_for_writer(&self);
}

impl FrameSink for SharedSocket {
    fn write_whole(&self, frames: &[u8], may: &dyn Fn() -> bool) -> Written {
        self.write_at_once(frames, |_| may())
    }

    fn wait_for_writer(&self) {
        drop(self.out.lock());
    }
}

/// Where a group writes the events of an event stream: chunks of the body of an HTTP answer, between
/// those that the HTTP connection itself writes.
#[derive(Debug)]
pub struct StreamSink(Arc<SharedSocket>);

impl FrameSink for StreamSink {
    fn write_whole(&self, chunk: &[u8], may: &dyn Fn() -> bool) -> Written {
        let may = |out: &Out| out.stream.is_some_and(|body| !body.is_buffered) && may();
        self.0.write_at_once(chunk, may)
    }

    fn wait_for_writer(&self) {
        drop(self.0.out.lock());
    }
}

impl StreamSink {
    /// The body of the answer begins: its head, and whatever the connection is given now, must be
    /// written before a group may write.
    pub fn begin(shared_socket: Arc<SharedSocket>) -> Self {
        shared_socket.out.lock().stream = Some(StreamBody { is_buffered: true });
        Self(shared_socket)
    }

    /// The connection is about to get a part of the body: until it has written that, nobody else
    /// writes.
    pub fn hold(&self) {
        if let Some(body) = &mut self.0.out.lock().stream {
            body.is_buffered = true;
        }
    }
}

impl Drop for StreamSink {
    fn drop(&mut self) {
        self.0.out.lock().stream = None;
    }
}

/// While this lives, only the connection writes.
#[derive(Debug)]
pub struct WriteGuard<'a>(&'a SharedSocket);

impl Drop for WriteGuard<'_> {
    fn drop(&mut self) {
        self.0.out.lock().held = false;
    }
}

impl SharedSocket {
    /// The shared socket of a stream, and its connection's side.
    pub fn new(stream: TcpStream) -> (Arc<Self>, SharedSocketIo) {
        Self::of(stream, false)
    }

    /// The same for a connection with TLS, to which no group writes.
    pub fn encrypted(stream: TcpStream) -> (Arc<Self>, SharedSocketIo) {
        Self::of(stream, true)
    }

    fn of(stream: TcpStream, is_encrypted: bool) -> (Arc<Self>, SharedSocketIo) {
        let (out, unread) = (Mutex::default(), OnceLock::new());
        let shared_socket = Arc::new(Self { stream, out, is_encrypted, unread });
        (Arc::clone(&shared_socket), SharedSocketIo(shared_socket))
    }

    /// Writes whole frames if nothing else is pending and `may` agrees.
    fn write_at_once(&self, frames: &[u8], may: impl FnOnce(&Out) -> bool) -> Written {
        if self.is_encrypted {
            return Written::Not;
        }
        let mut out = self.out.lock();
        if out.held || out.partial_write || !out.pending.is_empty() || !may(&out) {
            return Written::Not;
        }
        // Bypasses the runtime, which has nothing to wait for here: a full socket reports that
        // itself.
        match SockRef::from(&self.stream).send(frames) {
            Ok(length) if length == frames.len() => Written::Whole,
            Ok(length @ 1..) => {
                out.pending.extend_from_slice(&frames[length..]);
                Written::Partly
            }
            // Full, or gone: the connection finds out which.
            Ok(0) | Err(_) => Written::Not,
        }
    }

    /// From now on the bytes of unfinished messages count.
    pub fn count_unread(&self, unread: UnreadBytes) {
        // A connection becomes a socket once.
        self.unread.set(unread).ok();
    }

    /// A whole message has come.
    pub fn message_came(&self) {
        if let Some(unread) = self.unread.get() {
            unread.clear();
        }
    }

    /// A control frame with so many bytes of payload has come, maybe between the frames of a message.
    pub fn control_frame_came(&self, payload: usize) {
        if let Some(unread) = self.unread.get() {
            unread.take_off(CONTROL_FRAME_HEAD + payload);
        }
    }

    fn received(&self, bytes: usize) -> io::Result<()> {
        let Some(unread) = self.unread.get() else { return Ok(()) };
        unread.add(bytes).map_err(io::Error::other)?;
        if unread.age() > limits::SOCKET_MESSAGE_TIMEOUT {
            return Err(io::Error::other(MessageTooSlow));
        }
        Ok(())
    }

    /// Only the connection writes until the guard is dropped.
    pub fn hold(&self) -> WriteGuard<'_> {
        self.out.lock().held = true;
        WriteGuard(self)
    }

    /// Returns when the peer has closed its sending side, unless it has sent something before that.
    pub async fn peer_closed(&self) {
        if matches!(self.stream.peek(&mut [0]).await, Ok(1..)) {
            std::future::pending::<()>().await;
        }
    }

    /// What the peer has not read is dropped with the stream, instead of being kept by the system
    /// until the peer reads it.
    pub fn reset(&self) {
        // Not needed if the peer is gone already.
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).ok();
    }

    /// Shuts down the sending side, and reads until the peer's end.
    pub async fn discard(&self) {
        let mut bytes = [0; 4096];
        if SockRef::from(&self.stream).shutdown(Shutdown::Write).is_err() {
            return;
        }
        while self.stream.readable().await.is_ok() {
            match self.stream.try_read(&mut bytes) {
                Ok(1..) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(0) | Err(_) => return,
            }
        }
    }

    fn poll_rest(&self, out: &mut Out, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !out.pending.is_empty() {
            let length = ready!(self.poll_try(cx, |stream| stream.try_write(&out.pending)))?;
            if length == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            out.pending.drain(..length);
        }
        // Rarely needed, and then not for long.
        out.pending = Vec::new();
        Poll::Ready(Ok(()))
    }

    fn poll_try<T>(
        &self,
        cx: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            match write(&self.stream) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    ready!(self.stream.poll_write_ready(cx))?;
                }
                written => return Poll::Ready(written),
            }
        }
    }
}

/// The connection's side of a shared socket.
#[derive(Debug)]
pub struct SharedSocketIo(Arc<SharedSocket>);

impl AsyncRead for SharedSocketIo {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = &self.0.stream;
        loop {
            ready!(stream.poll_read_ready(cx))?;
            match stream.try_read(buffer.initialize_unfilled()) {
                Ok(length) => {
                    buffer.advance(length);
                    return Poll::Ready(self.0.received(length));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for SharedSocketIo {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let shared_socket = &*self.0;
        let mut out = shared_socket.out.lock();
        // From here on it is the connection's turn, whatever is written at once.
        out.partial_write = true;
        ready!(shared_socket.poll_rest(&mut out, cx))?;
        let length = ready!(shared_socket.poll_try(cx, |stream| stream.try_write(bytes)))?;
        out.partial_write = length < bytes.len();
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shared_socket = &*self.0;
        let mut out = shared_socket.out.lock();
        ready!(shared_socket.poll_rest(&mut out, cx))?;
        // An HTTP connection flushes when it has written all that it was given.
        if let Some(body) = &mut out.stream {
            body.is_buffered = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        match SockRef::from(&self.0.stream).shutdown(Shutdown::Write) {
            // Its peer has gone already.
            Err(error) if error.kind() == ErrorKind::NotConnected => Poll::Ready(Ok(())),
            shut => Poll::Ready(shut),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const ANY: fn() -> bool = || true;

    async fn pair() -> (Arc<SharedSocket>, SharedSocketIo, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, client) = tokio::join!(listener.accept(), TcpStream::connect(address));
        let stream = accepted.unwrap().0;
        SockRef::from(&stream).set_send_buffer_size(8 * 1024).unwrap();
        let (shared_socket, io) = SharedSocket::new(stream);
        // Ready to be written to.
        shared_socket.stream.writable().await.unwrap();
        (shared_socket, io, client.unwrap())
    }

    #[tokio::test]
    async fn whole_frames_are_written_only_where_nothing_else_is_on_its_way() {
        let (shared_socket, mut io, mut client) = pair().await;
        assert_eq!(shared_socket.write_whole(b"ab", &ANY), Written::Whole);
        assert_eq!(
            shared_socket.write_whole(b"xx", &|| false),
            Written::Not,
            "its subscription is over"
        );
        let held = shared_socket.hold();
        assert_eq!(shared_socket.write_whole(b"xx", &ANY), Written::Not, "the connection writes");
        io.write_all(b"cd").await.unwrap();
        drop(held);
        assert_eq!(shared_socket.write_whole(b"ef", &ANY), Written::Whole);
        let mut came = [0; 6];
        client.read_exact(&mut came).await.unwrap();
        assert_eq!(&came, b"abcdef");
    }

    #[tokio::test]
    async fn a_frame_taken_in_part_is_finished_before_anything_else() {
        let (shared_socket, mut io, mut client) = pair().await;
        let frame = vec![b'a'; 64 * 1024];
        let mut whole = 0;
        let cut = loop {
            match shared_socket.write_whole(&frame, &ANY) {
                Written::Whole => whole += 1,
                other => break other,
            }
        };
        let mut expected = frame.len() * whole;
        if cut == Written::Partly {
            expected += frame.len();
            assert_eq!(
                shared_socket.write_whole(b"xx", &ANY),
                Written::Not,
                "a rest is on its way"
            );
        }
        let reading = async {
            let mut came = vec![0; expected + 3];
            client.read_exact(&mut came).await.unwrap();
            came
        };
        let writing = async {
            io.write_all(b"end").await.unwrap();
            io.flush().await.unwrap();
        };
        let (came, ()) = tokio::join!(reading, writing);
        assert!(came[..expected].iter().all(|byte| *byte == b'a'));
        assert_eq!(&came[expected..], b"end");
        assert_eq!(shared_socket.write_whole(b"ok", &ANY), Written::Whole);
    }

    #[tokio::test]
    async fn chunks_are_written_only_while_the_connection_has_written_all_that_it_was_given() {
        let (shared_socket, mut io, mut client) = pair().await;
        let sink = StreamSink::begin(Arc::clone(&shared_socket));
        assert_eq!(sink.write_whole(b"xx", &ANY), Written::Not, "the head is not written");
        io.write_all(b"head").await.unwrap();
        assert_eq!(sink.write_whole(b"xx", &ANY), Written::Not, "maybe not all of it");
        io.flush().await.unwrap();
        assert_eq!(sink.write_whole(b"xx", &|| false), Written::Not, "its subscription is over");
        assert_eq!(sink.write_whole(b"ab", &ANY), Written::Whole);
        sink.hold();
        assert_eq!(sink.write_whole(b"xx", &ANY), Written::Not, "the body has a part of its own");
        io.write_all(b"cd").await.unwrap();
        io.flush().await.unwrap();
        assert_eq!(sink.write_whole(b"ef", &ANY), Written::Whole);
        let mut came = [0; 10];
        client.read_exact(&mut came).await.unwrap();
        assert_eq!(&came, b"headabcdef");
        drop(sink);
        let next = StreamSink::begin(shared_socket);
        assert_eq!(next.write_whole(b"xx", &ANY), Written::Not, "the head of the next answer");
    }

    #[tokio::test]
    async fn what_the_connection_has_begun_it_ends() {
        let (shared_socket, mut io, mut client) = pair().await;
        let begun = vec![b'a'; 8 * 1024 * 1024];
        let writing = async {
            io.write_all(&begun).await.unwrap();
        };
        let reading = async {
            // The first write cannot take all of it.
            tokio::task::yield_now().await;
            assert_eq!(shared_socket.write_whole(b"xx", &ANY), Written::Not);
            let mut came = vec![0; begun.len()];
            client.read_exact(&mut came).await.unwrap();
            assert!(came == begun);
        };
        tokio::join!(writing, reading);
        assert_eq!(shared_socket.write_whole(b"ok", &ANY), Written::Whole);
    }
}
