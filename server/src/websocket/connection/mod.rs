//! One socket: reads, writes and ends it. One task, one bounded queue.

mod admission;
mod start;

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Instant;

use async_graphql::ServerError;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::SinkExt as _;
use gavel_core::auction::UserId;
use gavel_core::clock;
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};
use tungstenite::Error;
use tungstenite::error::ProtocolError;

use self::start::Running;
use super::Sockets;
use super::action::{Action, Close, SocketProtocol};
use super::appsync::Handshake;
use super::batch::Batch;
use super::counts::{End as SocketEnd, bound_of};
use super::expiry::{Due, Expiry};
use super::operation::Capacity;
use super::pacing::Pacing;
use super::send_queue::{Frame, QueueBounds, SendQueue, Subscriber};
use super::shared_socket::{FrameSink, MessageTooSlow, SharedSocket};
use super::subprotocol::Subprotocol;
use crate::auth::Session;
use crate::graphql::error::{Code, api_error, unlocated};
use crate::limiter::unread::{TooManyUnread, UnreadBytes};
use crate::limiter::{Address, Bound, Permit};
use crate::limits;

/// The state of a socket's task.
pub(super) struct Connection {
    sockets: Arc<Sockets>,
    socket: WebSocket,
    /// The same socket, to keep groups from writing to it.
    shared_socket: Arc<SharedSocket>,
    /// The credentials of the handshake, until `connection_init`.
    handshake: Handshake,
    subprotocol: Subprotocol,
    protocol: Box<dyn SocketProtocol>,
    /// Pings sent: the last one's number is its payload.
    pings: u64,
    session: Option<Arc<Session>>,
    expiry: Expiry,
    /// The permit among the sockets of its user.
    place: Option<Permit<UserId>>,
    send_queue: Arc<SendQueue>,
    frames: mpsc::Receiver<Frame>,
    operations: HashMap<Arc<str>, Running>,
    capacity: Arc<Capacity>,
    address: Address,
    pacing: Pacing,
}

/// What is known of a socket at its upgrade.
#[derive(Debug)]
pub struct Upgrade {
    /// The address of the client.
    pub address: Address,
    /// The protocol that was agreed on.
    pub subprotocol: Subprotocol,
    /// The credentials of the handshake.
    pub handshake: Handshake,
}

/// Why the loop ends: with a close frame, or because the socket has gone.
type Ended = Option<Close>;

impl Connection {
    pub(super) fn new(
        sockets: Arc<Sockets>,
        socket: WebSocket,
        shared_socket: Arc<SharedSocket>,
        upgrade: Upgrade,
    ) -> Self {
        let Upgrade { address, subprotocol, handshake } = upgrade;
        let queued = Arc::clone(&sockets.fanout.counts().queued);
        let pacing = Pacing::new(sockets.limiter.clone(), address);
        let sink: Weak<dyn FrameSink> = Arc::<SharedSocket>::downgrade(&shared_socket);
        let (send_queue, frames) =
            SendQueue::new(sink, QueueBounds::default(), queued, sockets.limiter.clone(), address);
        Self {
            socket,
            shared_socket,
            handshake,
            subprotocol,
            protocol: subprotocol.begin(sockets.limits, Instant::now()),
            pings: 0,
            capacity: Arc::new(Capacity::of(&sockets.limits)),
            sockets,
            session: None,
            expiry: Expiry::default(),
            place: None,
            send_queue,
            frames,
            operations: HashMap::new(),
            address,
            pacing,
        }
    }

    /// Serves the socket until it ends.
    pub(super) async fn run(&mut self) {
        self.shared_socket
            .count_unread(UnreadBytes::new(self.sockets.limiter.clone(), self.address));
        let ended = if self.speaks() { self.serve().await } else { Some(Close::SUBPROTOCOL) };
        self.operations.drain().for_each(|(_, running)| running.cut(&self.sockets.resumes));
        self.send_queue.close();
        self.sockets.fanout.counts().ends.inc(SocketEnd::from(ended.as_ref()));
        if let Some(close) = ended {
            if let Some(bound) = bound_of(&close) {
                self.sockets.limiter.record_limit(bound);
            }
            let frame = CloseFrame { code: close.code, reason: close.reason.as_ref().into() };
            let said = self.socket.send(Message::Close(Some(frame)));
            // A peer that reads nothing is reset by dropping the socket.
            if !matches!(timeout(limits::CLOSE_TIMEOUT, said).await, Ok(Ok(()))) {
                return;
            }
        }
        self.drain().await;
    }

    /// Whether the protocol was agreed on. Some clients of AppSync name none.
    fn speaks(&self) -> bool {
        match self.socket.protocol() {
            Some(agreed) => agreed.as_bytes() == self.subprotocol.name().as_bytes(),
            None => self.subprotocol != Subprotocol::TransportWs,
        }
    }

    /// Waits briefly for the peer's close, so that ours is not lost in a reset. If the peer closed
    /// first, this is what writes our answer; without it, the client would report an abnormal end.
    async fn drain(&mut self) {
        let closed = async {
            while let Some(Ok(_)) = self.socket.recv().await {}
            // After an invalid frame there is nothing to receive; but if bytes are left unread, the
            // system resets the connection before our close has arrived.
            self.shared_socket.discard().await;
        };
        timeout(limits::CLOSE_TIMEOUT, closed).await.ok();
    }

    async fn serve(&mut self) -> Ended {
        let shutdown = self.sockets.shutdown.clone();
        let mut batch = Vec::new();
        loop {
            let deadline = self.protocol.deadline();
            let paused = self.pacing.paused_until();
            let step = tokio::select! {
                () = sleep_until(paused.unwrap_or_else(tokio::time::Instant::now)), if paused.is_some() => Ok(()),
                message = self.socket.recv(), if paused.is_none() => match message {
                    Some(Ok(message)) => self.received(message).await,
                    Some(Err(error)) => Err(end_of(error)),
                    None => Err(None),
                },
                _ = self.frames.recv_many(&mut batch, limits::WRITE_BATCH_MAX) => {
                    self.write(&mut batch).await
                }
                overflowed = self.send_queue.overflowed() => self.overflow(overflowed).await,
                () = sleep_until(deadline.into()) => {
                    let action = self.protocol.tick(Instant::now());
                    self.act(action).await
                }
                due = self.expiry.due() => match due {
                    Due::Warn => self.send(vec![self.ping()]).await,
                    Due::Expired => Err(Some(Close::TOKEN_EXPIRED)),
                },
                () = shutdown.cancelled() => Err(Some(Close::RESTART)),
            };
            if let Err(ended) = step {
                return ended;
            }
        }
    }

    async fn received(&mut self, message: Message) -> Result<(), Ended> {
        match &message {
            Message::Ping(payload) | Message::Pong(payload) => {
                self.shared_socket.control_frame_came(payload.len());
            }
            _ => self.shared_socket.message_came(),
        }
        let payer = self.payer();
        self.pacing.message(&payer, clock::now());
        let action = match message {
            Message::Text(text) => self.protocol.text(text.as_str(), Instant::now()),
            Message::Binary(_) => self.protocol.binary(),
            // A ping is answered by the WebSocket layer.
            Message::Ping(_) | Message::Pong(_) => {
                self.confirm(&message);
                self.protocol.heard(Instant::now());
                None
            }
            Message::Close(_) => return Err(None),
        };
        self.act(action).await
    }

    async fn act(&mut self, action: Option<Action>) -> Result<(), Ended> {
        match action {
            None => Ok(()),
            Some(Action::Send(texts)) => self.send(texts).await,
            Some(Action::Ping) => self.send_ping().await,
            Some(Action::Close(close)) => Err(Some(close)),
            Some(Action::Fail(text, close)) => {
                self.send(vec![text]).await?;
                Err(Some(close))
            }
            Some(Action::Admit { payload }) => {
                // Boxed: only at this moment is it larger than the rest of a socket.
                let action = Box::pin(self.admit(payload.as_deref())).await;
                // At most twice: an admission is answered by a send or a close.
                Box::pin(self.act(action)).await
            }
            Some(Action::Start { id, asked, credentials }) => {
                self.start(id, *asked, credentials).await
            }
            Some(Action::Reject(id, error)) => {
                let errors = self.encoded(*error);
                self.send(vec![self.subprotocol.error(&id, &errors)]).await
            }
            Some(Action::Stop(id, reply)) => {
                self.end(&id);
                self.send(reply.into_iter().collect()).await
            }
            Some(Action::Refuse(id)) => {
                // The prepared ones show which kind there are too many of.
                let mut max = self.sockets.limits.operations_max;
                if self.subprotocol.runs_short_operations() {
                    max += self.sockets.limits.short_operations_max;
                }
                self.sockets.limiter.record_limit(Bound::Operations);
                let message = format!("a socket runs at most {max} operations at a time");
                let errors = self.errors_json(Code::Overloaded, &message, None);
                self.send(vec![self.subprotocol.error(&id, &errors)]).await
            }
        }
    }

    /// Writes everything that is ready at once.
    async fn write(&mut self, frames: &mut Vec<Frame>) -> Result<(), Ended> {
        let shared_socket = Arc::clone(&self.shared_socket);
        // Held until this batch is written: frames taken from the queue come before later ones.
        let _held = shared_socket.hold();
        let mut batch = Batch::of(frames.drain(..));
        batch.ended.iter().for_each(|subscriber| self.forget(subscriber));
        let texts = std::mem::take(&mut batch.texts);
        if batch.flush && texts.is_empty() {
            return self.flush().await;
        }
        self.send(texts).await?;
        batch.written(self.sockets.fanout.counts(), clock::now());
        Ok(())
    }

    /// Ends subscriptions that did not keep up; their queued frames are dropped when they are
    /// taken.
    async fn overflow(&mut self, overflowed: Vec<Arc<Subscriber>>) -> Result<(), Ended> {
        let mut texts = Vec::with_capacity(overflowed.len());
        for subscriber in overflowed {
            let current = self.operations.get(&subscriber.id);
            if current.is_some_and(|running| Arc::ptr_eq(&running.subscriber, &subscriber)) {
                let message = "this subscription did not keep up; subscribe again with after";
                self.sockets.limiter.record_limit(Bound::SubscriptionQueue);
                self.sockets.fanout.counts().slow.inc();
                if let Some(close) = self.subprotocol.on_overflow() {
                    return Err(Some(close));
                }
                let after = Some(subscriber.last());
                let errors = self.errors_json(Code::SlowConsumer, message, after);
                texts.push(self.subprotocol.error(&subscriber.id, &errors));
                self.forget(&subscriber);
            }
        }
        self.send(texts).await
    }

    fn errors_json(&self, code: Code, message: &str, resume_after: Option<u64>) -> String {
        let mut error = unlocated(api_error(code, message));
        if let Some(number) = resume_after {
            error.extensions.get_or_insert_default().set("resumeAfter", number);
        }
        self.encoded(error)
    }

    fn encoded(&self, mut error: ServerError) -> String {
        error.locations.clear();
        let errors = [error];
        self.sockets.api.counts().tell(&errors);
        serde_json::to_string(&errors).unwrap_or_default()
    }

    /// Ends an operation for good: it is not resumed.
    fn end(&mut self, id: &str) {
        if let Some(running) = self.operations.remove(id) {
            running.end(&self.sockets.resumes);
        }
    }

    /// Forgets an operation that the server has ended.
    fn forget(&mut self, subscriber: &Subscriber) {
        self.end(&subscriber.id);
        self.protocol.ended(&subscriber.id, Instant::now());
    }

    async fn send(&mut self, texts: Vec<String>) -> Result<(), Ended> {
        if texts.is_empty() {
            return Ok(());
        }
        let write = async {
            for text in texts {
                self.socket.feed(Message::Text(text.into())).await?;
            }
            self.socket.flush().await
        };
        in_time(write).await
    }

    /// Writes the rest of a group's partial write.
    async fn flush(&mut self) -> Result<(), Ended> {
        in_time(self.socket.flush()).await
    }
}

async fn in_time(write: impl Future<Output = Result<(), axum::Error>>) -> Result<(), Ended> {
    match timeout(limits::SOCKET_WRITE_TIMEOUT, write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(None),
        Err(_) => Err(Some(Close::TOO_SLOW)),
    }
}

/// Maps a read error to the end of the socket.
fn end_of(error: axum::Error) -> Ended {
    match *error.into_inner().downcast::<Error>().ok()? {
        Error::Capacity(_) => Some(Close::TOO_BIG),
        Error::Utf8(_) => Some(Close::NOT_UTF8),
        Error::Io(error) => {
            let cause = error.into_inner()?;
            if cause.is::<MessageTooSlow>() {
                return Some(Close::MESSAGE_TIMEOUT);
            }
            cause.is::<TooManyUnread>().then_some(Close::UNFINISHED)
        }
        // Its client left without a close.
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some(Close::BAD_FRAME),
        _ => None,
    }
}
