//! GraphQL over server-sent events: one operation, and what comes of it as the body of an HTTP answer.
//!
//! Follows PROTOCOL.md of enisdenjo/graphql-sse, in its mode of distinct connections. A stream is a
//! member of the same groups as sockets are. Its body gets what is queued; while nothing is, groups
//! write whole chunks past it.

use std::convert::Infallible;
use std::sync::{Arc, Weak};

use async_graphql::ServerError;
use axum::body::{Body, Bytes};
use futures_util::{FutureExt as _, stream};
use gavel_core::auction::UserId;
use gavel_core::clock;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Sockets;
use super::counts::End as SocketEnd;
use super::expiry::{Due, Expiry};
use super::operation::{self, Capacity, Terms};
use super::payload::Payload;
use super::send_queue::{End, Frame, QueueBounds, SendQueue, Subscriber};
use super::shared_socket::{FrameSink, SharedSocket, StreamSink};
use crate::auth::Session;
use crate::graphql::error::{Code, api_error, unlocated};
use crate::graphql::{Caller, Operation};
use crate::limiter::{Address, Bound, HeldBytes, Permit};
use crate::limits;

/// A comment: it keeps proxies from closing the connection, and shows a client that left.
const COMMENT: &[u8] = b":\n\n";
const COMPLETE: &[u8] = b"event: complete\ndata:\n\n";

/// What a stream holds among the service's limits: its address, its user, the service.
pub type Place = (Permit<Address>, Option<Permit<UserId>>, OwnedSemaphorePermit);

/// A request for a stream.
pub struct StreamRequest {
    /// The operation.
    pub operation: Operation,
    /// Its caller.
    pub caller: Caller,
    /// What else is said of it.
    pub terms: Terms,
    /// The last bid that its client has.
    pub after: Option<u64>,
    /// Whether the answer is chunked, so that groups can write to it.
    pub is_chunked: bool,
}

/// A stream; dropping it ends its operation.
struct EventStream {
    sockets: Arc<Sockets>,
    /// Groups refer to it: with the stream it ends.
    sink: Option<Arc<StreamSink>>,
    shared_socket: Arc<SharedSocket>,
    send_queue: Arc<SendQueue>,
    frames: mpsc::Receiver<Frame>,
    subscriber: Arc<Subscriber>,
    expiry: Expiry,
    /// Its expiry is that of this session.
    _session: Session,
    keep_alive: Instant,
    /// How it has ended; `None`: it goes on.
    end: Option<SocketEnd>,
    /// The bytes of an answer, until it is written.
    held: Option<HeldBytes>,
    _task: DropGuard,
    _place: Place,
}

impl Sockets {
    /// Runs an operation; what comes of it is the body of an answer.
    pub fn stream(
        self: &Arc<Self>,
        shared_socket: Arc<SharedSocket>,
        request: StreamRequest,
        place: Place,
    ) -> Body {
        let StreamRequest { operation, caller, terms, after, is_chunked } = request;
        let sink = Arc::new(StreamSink::begin(Arc::clone(&shared_socket)));
        let weak: Weak<dyn FrameSink> = Arc::<StreamSink>::downgrade(&sink);
        let queued = Arc::clone(&self.fanout.counts().queued);
        let limiter = self.limiter.clone();
        let bounds = QueueBounds::default();
        let (send_queue, frames) = SendQueue::new(weak, bounds, queued, limiter, caller.address);
        let subscriber = Subscriber::of_stream(Arc::clone(&send_queue), after);
        let session = Session::new(self.authenticator.clone(), caller.principal.clone());
        let expiry = Expiry::of(&session);
        let (sockets, stop) = (Arc::clone(self), CancellationToken::new());
        let stream = EventStream {
            sockets: Arc::clone(self),
            // Without chunks, all goes through the body.
            sink: Some(sink).filter(|_| is_chunked),
            shared_socket,
            send_queue,
            frames,
            subscriber: Arc::clone(&subscriber),
            expiry,
            _session: session,
            keep_alive: Instant::now(),
            end: None,
            held: None,
            _task: stop.clone().drop_guard(),
            _place: place,
        };
        self.tasks.spawn("operation", async move {
            let capacity = Capacity::of(&sockets.limits);
            tokio::select! {
                () = stop.cancelled() => {}
                () = operation::run(&sockets, &capacity, &subscriber, operation, caller, terms) => {}
            }
        });
        let parts = stream::unfold(stream, async |mut stream| {
            let part = stream.next().await?;
            Some((Ok::<_, Infallible>(part), stream))
        });
        Body::from_stream(parts)
    }
}

impl EventStream {
    /// The next part of the body; `None` after its end.
    async fn next(&mut self) -> Option<Bytes> {
        let shutdown = self.sockets.shutdown.clone();
        let mut batch = Vec::new();
        self.held = None;
        while self.end.is_none() {
            let part = tokio::select! {
                _ = self.frames.recv_many(&mut batch, limits::WRITE_BATCH_MAX) => {
                    self.take(&mut batch)
                }
                _ = self.send_queue.overflowed() => self.overflow(),
                due = self.expiry.due() => match due {
                    Due::Warn => Vec::new(),
                    Due::Expired => self.expire(),
                },
                () = sleep_until(self.keep_alive) => {
                    self.keep_alive = Instant::now() + limits::PING_EVERY;
                    COMMENT.to_vec()
                }
                // Unlike with other answers, closing only its sending side means that it leaves.
                () = self.shared_socket.peer_closed() => {
                    self.end = Some(SocketEnd::Gone);
                    Vec::new()
                }
                // Without `complete`: the client comes back.
                () = shutdown.cancelled() => {
                    self.end = Some(SocketEnd::Restart);
                    Vec::new()
                }
            };
            if !part.is_empty() {
                self.hold();
                return Some(part.into());
            }
        }
        None
    }

    /// What the body is given next is written before anything of a group.
    fn hold(&self) {
        if let Some(sink) = &self.sink {
            sink.hold();
        }
    }

    /// The events of some frames.
    fn take(&mut self, frames: &mut Vec<Frame>) -> Vec<u8> {
        // Before the frames count as taken: from then on groups need not queue.
        self.hold();
        let (mut part, mut delivered) = (Vec::new(), Vec::new());
        for frame in frames.drain(..) {
            match frame {
                Frame::Next { subscriber, payload, number, replay, permits } => {
                    let bytes = if permits.is_some() { 0 } else { payload.json().len() };
                    if subscriber.taken(number, bytes) {
                        let from = part.len();
                        payload.write_event(number, replay, &mut part);
                        delivered.push((payload, replay, part.len() - from));
                    }
                }
                Frame::Answer { payload, held, .. } if self.end.is_none() => {
                    self.held = held;
                    self.finish(&payload, SocketEnd::Completed, &mut part);
                }
                Frame::End { end, .. } if self.end.is_none() => match end {
                    End::Complete => self.complete(SocketEnd::Completed, &mut part),
                    End::Error(errors) => {
                        let payload = format!(r#"{{"errors":{errors}}}"#);
                        self.finish(&payload, SocketEnd::Completed, &mut part);
                    }
                },
                Frame::Answer { .. } | Frame::End { .. } | Frame::Flush | Frame::Joined(_) => {}
            }
        }
        let (counts, now) = (self.sockets.fanout.counts(), clock::now());
        for (payload, replay, bytes) in delivered {
            counts.delivered(&payload, replay, bytes, now);
        }
        part
    }

    fn count_slow(&self) {
        self.sockets.limiter.record_limit(Bound::SubscriptionQueue);
        self.sockets.fanout.counts().slow.inc();
    }

    fn overflow(&mut self) -> Vec<u8> {
        self.count_slow();
        let message = "this subscription did not keep up; subscribe again with after";
        let mut error = unlocated(api_error(Code::SlowConsumer, message));
        error.extensions.get_or_insert_default().set("resumeAfter", self.subscriber.last());
        self.fail(error, SocketEnd::TryAgain)
    }

    fn expire(&mut self) -> Vec<u8> {
        self.sockets.limiter.record_limit(Bound::TokenExpiry);
        let message = "the token has expired; connect again with a new one";
        self.fail(unlocated(api_error(Code::Unauthenticated, message)), SocketEnd::Forbidden)
    }

    /// Ends the stream with an error.
    fn fail(&mut self, mut error: ServerError, end: SocketEnd) -> Vec<u8> {
        error.locations.clear();
        let errors = [error];
        self.sockets.api.counts().tell(&errors);
        let payload = serde_json::json!({ "errors": errors }).to_string();
        let mut part = Vec::new();
        self.finish(&payload, end, &mut part);
        part
    }

    /// One last result, then the end.
    fn finish(&mut self, payload: &str, end: SocketEnd, part: &mut Vec<u8>) {
        Payload::new(payload.to_owned()).write_event(0, false, part);
        self.complete(end, part);
    }

    fn complete(&mut self, end: SocketEnd, part: &mut Vec<u8>) {
        self.subscriber.end();
        part.extend_from_slice(COMPLETE);
        self.end = Some(end);
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        // Its client may read nothing until the connection is reset, and is never told.
        if self.end.is_none() && self.send_queue.overflowed().now_or_never().is_some() {
            self.count_slow();
        }
        // In this order: a group that is writing has finished when the first returns.
        self.subscriber.end();
        self.send_queue.close();
        self.sink = None;
        self.sockets.fanout.counts().ends.inc(self.end.unwrap_or(SocketEnd::Gone));
    }
}
