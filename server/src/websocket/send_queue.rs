//! The frames on their way to one socket: a bounded queue that many groups fill and one connection
//! empties. While nothing is pending, a group writes to the socket itself.
//!
//! A subscription that does not keep up loses its queued frames and is sent the point where to
//! resume; its end needs no free space in the queue.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use gavel_core::metrics::Gauge;
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};

use super::payload::{Framing, Payload};
use super::queued_bytes::QueuedBytes;
use super::resume::Delivered;
use super::shared_socket::{FrameSink, Written};
use super::subprotocol::Subprotocol;
use crate::limiter::{Address, ClientLimiter, HeldBytes};
use crate::limits;

/// A frame on its way.
#[derive(Debug)]
pub enum Frame {
    /// An event of a subscription.
    Next {
        /// The subscription.
        subscriber: Arc<Subscriber>,
        /// The event, encoded once for all.
        payload: Arc<Payload>,
        /// The sequence (or version) of the event.
        number: u64,
        /// Whether it comes from history.
        replay: bool,
        /// Held while the frame is queued, to bound replays: by frames, and by bytes.
        permits: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
    },
    /// The end of a subscription.
    End {
        /// The subscription.
        subscriber: Arc<Subscriber>,
        /// How it ends.
        end: End,
    },
    /// A subscription has joined: for protocols with a message for that.
    Joined(Arc<Subscriber>),
    /// A group has written frames partially: the rest must be flushed.
    Flush,
    /// The answer to a query or mutation: a payload, then complete.
    Answer {
        /// The operation.
        subscriber: Arc<Subscriber>,
        /// The response as JSON.
        payload: String,
        /// The budget for its bytes, held until it is written.
        held: Option<HeldBytes>,
    },
}

/// How a subscription ends.
#[derive(Debug)]
pub enum End {
    /// The auction has ended and its last bid was sent.
    Complete,
    /// With these errors, as JSON.
    Error(String),
}

/// The sending side of a socket, shared by all of its operations.
#[derive(Debug)]
pub struct SendQueue {
    queue: mpsc::Sender<Frame>,
    /// Most live frames of each subscription.
    subscription_max: usize,
    /// Subscriptions that overflowed: at most one entry per operation. `None`: the connection has
    /// ended, and nobody would read them.
    overflowed: Mutex<Option<Vec<Arc<Subscriber>>>>,
    wake: Notify,
    /// Owned by the connection: a socket ends with its connection, whoever still refers to it.
    sink: Weak<dyn FrameSink>,
    /// The frames that are queued in all send queues.
    level: Arc<Gauge>,
    bytes: QueuedBytes,
}

/// The bounds of one socket's queue.
#[derive(Debug, Clone, Copy)]
pub struct QueueBounds {
    /// Most frames of all its operations.
    pub frames: usize,
    /// Most live frames of each subscription.
    pub subscription: usize,
}

impl Default for QueueBounds {
    fn default() -> Self {
        Self { frames: limits::SOCKET_QUEUE_MAX, subscription: limits::SUBSCRIPTION_QUEUE_MAX }
    }
}

impl SendQueue {
    /// A queue in front of a sink, and the receiving side for its connection.
    pub fn new(
        sink: Weak<dyn FrameSink>,
        bounds: QueueBounds,
        level: Arc<Gauge>,
        limiter: ClientLimiter,
        address: Address,
    ) -> (Arc<Self>, mpsc::Receiver<Frame>) {
        let (queue, frames) = mpsc::channel(bounds.frames);
        let (overflowed, wake) = (Mutex::new(Some(Vec::new())), Notify::new());
        let bytes = QueuedBytes::new(limiter, address);
        let subscription_max = bounds.subscription;
        let send_queue = Self { queue, subscription_max, overflowed, wake, sink, level, bytes };
        (Arc::new(send_queue), frames)
    }

    /// Queues a frame, waiting for space; returns false if the connection has ended.
    pub async fn send(&self, frame: Frame) -> bool {
        self.queue.send(frame).await.is_ok()
    }

    /// Waits until a subscription has overflowed; returns those that have.
    pub async fn overflowed(&self) -> Vec<Arc<Subscriber>> {
        loop {
            let overflowed = self.overflowed.lock().as_mut().map(std::mem::take);
            if let Some(overflowed) = overflowed.filter(|overflowed| !overflowed.is_empty()) {
                return overflowed;
            }
            self.wake.notified().await;
        }
    }

    /// Marks the connection as ended. Overflowed subscriptions hold this queue: without this,
    /// neither would ever be dropped.
    pub fn close(&self) {
        self.overflowed.lock().take();
    }
}

/// How a subscription goes on after a cut.
#[derive(Debug)]
pub struct Resumption {
    /// How far it has been delivered.
    pub delivered: Arc<Delivered>,
    /// Where the one before it was cut.
    pub after: Option<u64>,
}

/// One operation of one socket, usually a subscription.
#[derive(Debug)]
pub struct Subscriber {
    /// The id of the operation.
    pub id: Arc<str>,
    /// The protocol of its socket.
    pub subprotocol: Subprotocol,
    /// The start of each frame, up to `"payload":`.
    pub prefix: String,
    /// How it goes on after a cut, if it can.
    resumption: Option<Resumption>,
    /// Whether its client was sent that it has joined.
    joined: AtomicBool,
    /// How its events are framed.
    pub framing: Framing,
    send_queue: Arc<SendQueue>,
    /// The sink of the queue.
    sink: Weak<dyn FrameSink>,
    /// Frames that a group has queued.
    queued: AtomicUsize,
    /// Whether it is over: no further frame is queued or written.
    over: AtomicBool,
    /// The last number written to the socket: where the client resumes.
    last: AtomicU64,
    /// Raised when it changes its group: the previous group then drops it.
    membership: AtomicU64,
    /// Its share of the socket's capacity, released at its end.
    permit: Mutex<Option<OwnedSemaphorePermit>>,
    /// Wakes the group when the subscription is over.
    pub(super) left: Mutex<Option<Arc<Notify>>>,
}

impl Subscriber {
    /// An operation of a socket.
    pub fn new(
        id: Arc<str>,
        subprotocol: Subprotocol,
        send_queue: Arc<SendQueue>,
        resumption: Option<Resumption>,
    ) -> Arc<Self> {
        Self::framed(Framing::WebSocket, id, subprotocol, send_queue, resumption)
    }

    /// The operation of an event stream, whose client has everything up to a number.
    pub fn of_stream(send_queue: Arc<SendQueue>, after: Option<u64>) -> Arc<Self> {
        let resumption = Resumption { delivered: Arc::default(), after };
        let framing = Framing::EventStream;
        // Apart from its framing, it is as on a socket.
        let subprotocol = Subprotocol::TransportWs;
        Self::framed(framing, "stream".into(), subprotocol, send_queue, Some(resumption))
    }

    fn framed(
        framing: Framing,
        id: Arc<str>,
        subprotocol: Subprotocol,
        send_queue: Arc<SendQueue>,
        resumption: Option<Resumption>,
    ) -> Arc<Self> {
        Arc::new(Self {
            prefix: subprotocol.next_prefix(&id),
            id,
            subprotocol,
            resumption,
            joined: AtomicBool::new(false),
            framing,
            sink: Weak::clone(&send_queue.sink),
            send_queue,
            queued: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            last: AtomicU64::new(0),
            membership: AtomicU64::new(0),
            permit: Mutex::default(),
            left: Mutex::default(),
        })
    }

    /// Holds a permit until it has ended.
    pub fn hold(&self, permit: OwnedSemaphorePermit) {
        let mut held = self.permit.lock();
        if !self.is_over() {
            *held = Some(permit);
        }
    }

    /// Whether it has ended: completed by the client, overflowed, or its socket is gone.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Ends it: the connection drops its queued frames.
    pub fn end(&self) {
        self.over.store(true, Ordering::Release);
        self.permit.lock().take();
        // A group that checked earlier has finished writing when this returns.
        self.wait_for_writer();
        if let Some(group) = &*self.left.lock() {
            group.notify_one();
        }
    }

    /// Returns when no group is writing to its socket.
    fn wait_for_writer(&self) {
        if let Some(sink) = self.sink.upgrade() {
            sink.wait_for_writer();
        }
    }

    /// The number of its current membership: a group keeps a member while this stays the same.
    pub fn membership(&self) -> u64 {
        self.membership.load(Ordering::Acquire)
    }

    /// Leaves its group, to join another. Queued frames are still written.
    pub fn leave(&self) {
        self.membership.fetch_add(1, Ordering::AcqRel);
        self.wait_for_writer();
        if let Some(group) = self.left.lock().take() {
            group.notify_one();
        }
    }

    /// The last number written, or the one it started after.
    pub fn last(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    /// Sets where it starts.
    pub fn starts_after(&self, number: u64) {
        self.last.fetch_max(number, Ordering::Relaxed);
        if let Some(resumption) = &self.resumption {
            resumption.delivered.begins(number);
        }
    }

    /// Where the subscription that it continues was cut.
    pub fn resumes_after(&self) -> Option<u64> {
        self.resumption.as_ref().and_then(|resumption| resumption.after)
    }

    /// From now on it misses nothing: its client is sent that before any event, where the protocol
    /// has a message for it.
    pub fn join(self: &Arc<Self>) {
        if !self.subprotocol.says_joined() || self.joined.swap(true, Ordering::Relaxed) {
            return;
        }
        self.queue_one();
        if self.send_queue.queue.try_send(Frame::Joined(Arc::clone(self))).is_err() {
            self.unqueue(1);
            self.overflow();
        }
    }

    /// Records that the message of its joining has left the queue; returns false if it must not be
    /// written.
    pub fn join_taken(&self) -> bool {
        self.unqueue(1);
        !self.is_over()
    }

    /// Reads what [`Self::write`] reads first, to bring it into the cache; the value means nothing.
    pub fn prefetch(&self) -> usize {
        self.sink.strong_count()
    }

    /// Writes whole frames up to this number at once, if nothing is pending before them and this is
    /// still a member. False: they must be queued.
    pub fn write(&self, frames: &[u8], number: u64, membership: u64) -> bool {
        let may = || {
            self.queued.load(Ordering::Acquire) == 0
                && !self.is_over()
                && self.membership() == membership
        };
        let Some(sink) = self.sink.upgrade() else { return false };
        match sink.write_whole(frames, &may) {
            Written::Not => return false,
            Written::Whole => {}
            Written::Partly => {
                // If the queue is full, the connection is writing, and flushes as it goes.
                self.send_queue.queue.try_send(Frame::Flush).ok();
            }
        }
        self.last.fetch_max(number, Ordering::Relaxed);
        true
    }

    /// Queues a live event, or ends the subscription if its queue is full; returns false if it is
    /// over.
    pub fn push(self: &Arc<Self>, payload: &Arc<Payload>, number: u64, replay: bool) -> bool {
        if self.is_over() {
            return false;
        }
        let frame = Frame::Next {
            subscriber: Arc::clone(self),
            payload: Arc::clone(payload),
            number,
            replay,
            permits: None,
        };
        let bytes = payload.json().len();
        let is_full = self.queue_one() >= self.send_queue.subscription_max;
        if !is_full && self.send_queue.bytes.add(bytes) {
            if self.send_queue.queue.try_send(frame).is_ok() {
                return true;
            }
            self.send_queue.bytes.remove(bytes);
        }
        self.overflow();
        self.unqueue(1);
        false
    }

    /// Queues a replayed event, waiting for space: one watcher's history is read as fast as that
    /// watcher reads. Returns false if it is over.
    pub async fn replay(
        self: &Arc<Self>,
        payload: Arc<Payload>,
        number: u64,
        permit: OwnedSemaphorePermit,
    ) -> bool {
        let Some(bytes) = self.send_queue.bytes.replay(payload.json().len()).await else {
            return false;
        };
        self.queue_one();
        let frame = Frame::Next {
            subscriber: Arc::clone(self),
            payload,
            number,
            replay: true,
            permits: Some((permit, bytes)),
        };
        !self.is_over() && self.send_queue.send(frame).await
    }

    /// Queues the answer to a query or mutation, waiting for space.
    pub async fn answer(self: &Arc<Self>, payload: String, mut held: Option<HeldBytes>) {
        if let Some(held) = &mut held {
            held.shrink_to(payload.len());
        }
        // The connection may be gone, and its client with it.
        self.send_queue.send(Frame::Answer { subscriber: Arc::clone(self), payload, held }).await;
    }

    /// Queues a refusal, waiting for space.
    pub async fn refuse(self: &Arc<Self>, errors: String) {
        let end = End::Error(errors);
        self.send_queue.send(Frame::End { subscriber: Arc::clone(self), end }).await;
    }

    /// Queues the end after everything queued before it.
    pub fn finish(self: &Arc<Self>, end: End) {
        let frame = Frame::End { subscriber: Arc::clone(self), end };
        if self.send_queue.queue.try_send(frame).is_err() {
            // No space for the end: the client resumes, and receives it then.
            self.overflow();
        }
    }

    /// Records that a frame has left the queue; returns false if it must not be written.
    pub fn taken(&self, number: u64, bytes: usize) -> bool {
        self.unqueue(1);
        self.send_queue.bytes.remove(bytes);
        if self.is_over() {
            return false;
        }
        self.last.fetch_max(number, Ordering::Relaxed);
        true
    }

    /// Counts one more queued frame; returns how many there were before.
    fn queue_one(&self) -> usize {
        self.send_queue.level.add(1);
        self.queued.fetch_add(1, Ordering::Relaxed)
    }

    fn unqueue(&self, count: usize) {
        self.queued.fetch_sub(count, Ordering::Relaxed);
        self.send_queue.level.add(-i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Ends it because it does not keep up; its client is sent the point where to resume.
    pub fn overflow(self: &Arc<Self>) {
        if !self.over.swap(true, Ordering::AcqRel) {
            if let Some(overflowed) = &mut *self.send_queue.overflowed.lock() {
                overflowed.push(Arc::clone(self));
            }
            self.send_queue.wake.notify_one();
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        // The frames that its connection has dropped with the queue.
        self.unqueue(self.queued.load(Ordering::Relaxed));
    }
}
