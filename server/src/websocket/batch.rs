//! What a connection writes at once, taken from its queue.

use std::sync::Arc;

use gavel_core::auction::Timestamp;

use super::counts::SocketCounts;
use super::payload::Payload;
use super::send_queue::{End, Frame, Subscriber};
use crate::limiter::HeldBytes;

/// The messages of some frames.
#[derive(Default)]
pub(super) struct Batch {
    /// The messages, in order.
    pub(super) texts: Vec<String>,
    /// The operations that end with this batch.
    pub(super) ended: Vec<Arc<Subscriber>>,
    /// A group's partial write must be flushed.
    pub(super) flush: bool,
    /// The events among them, whether they are history, and their bytes.
    events: Vec<(Arc<Payload>, bool, usize)>,
    /// Held until the batch is written.
    answers: Vec<Option<HeldBytes>>,
}

impl Batch {
    /// Takes frames from the queue; frames of operations that are over are dropped.
    pub(super) fn of(frames: impl Iterator<Item = Frame>) -> Self {
        let mut batch = Self::default();
        frames.for_each(|frame| batch.take(frame));
        batch
    }

    fn take(&mut self, frame: Frame) {
        match frame {
            Frame::Next { subscriber, payload, number, replay, permits } => {
                // Replays have a bound of their own.
                let bytes = if permits.is_some() { 0 } else { payload.json().len() };
                if subscriber.taken(number, bytes) {
                    let text = payload.text(&subscriber.prefix, replay);
                    self.events.push((payload, replay, Payload::framed(text.len())));
                    self.texts.push(text);
                }
            }
            Frame::Answer { subscriber, payload, held } if !subscriber.is_over() => {
                self.answers.push(held);
                self.texts.push(format!("{}{payload}}}", subscriber.prefix));
                self.texts.extend(subscriber.subprotocol.complete(&subscriber.id));
                self.end(subscriber);
            }
            Frame::End { subscriber, end } if !subscriber.is_over() => {
                let protocol = subscriber.subprotocol;
                match end {
                    End::Complete => self.texts.extend(protocol.complete(&subscriber.id)),
                    End::Error(errors) => self.texts.push(protocol.error(&subscriber.id, &errors)),
                }
                self.end(subscriber);
            }
            Frame::Answer { .. } | Frame::End { .. } => {}
            Frame::Joined(subscriber) => {
                if subscriber.join_taken() {
                    self.texts.extend(subscriber.subprotocol.joined(&subscriber.id));
                }
            }
            Frame::Flush => self.flush = true,
        }
    }

    fn end(&mut self, subscriber: Arc<Subscriber>) {
        subscriber.end();
        self.ended.push(subscriber);
    }

    /// The batch is written: its events count as delivered.
    pub(super) fn written(self, counts: &SocketCounts, now: Timestamp) {
        for (payload, replay, bytes) in self.events {
            counts.delivered(&payload, replay, bytes, now);
        }
    }
}
