//! The pace at which one socket is read. A client that sends too fast is not read for a while, and
//! waits in its own send queue; nothing received is lost.

use std::time::Duration;

use gavel_core::auction::Timestamp;
use tokio::time::Instant;

use crate::graphql::Operation;
use crate::limiter::{Address, Bound, ClientLimiter, Payer, TooMany};
use crate::limits;

/// The pace of a socket.
#[derive(Debug)]
pub(super) struct Pacing {
    limiter: ClientLimiter,
    address: Address,
    /// When its full allowance of operations, and of messages, is available again.
    operations_whole_at: Option<Timestamp>,
    messages_whole_at: Option<Timestamp>,
    /// Nothing is read before this.
    reads_from: Instant,
}

impl Pacing {
    pub(super) fn new(limiter: ClientLimiter, address: Address) -> Self {
        let (operations_whole_at, messages_whole_at) = Default::default();
        let reads_from = Instant::now();
        Self { limiter, address, operations_whole_at, messages_whole_at, reads_from }
    }

    /// When reading resumes; `None`: now.
    pub(super) fn paused_until(&self) -> Option<Instant> {
        (self.reads_from > Instant::now()).then_some(self.reads_from)
    }

    /// Records a received message.
    pub(super) fn message(&mut self, payer: &Payer, now: Timestamp) {
        if self.limiter.message(payer, now).is_err() {
            self.pause(limits::REFUSAL_PAUSE_MIN);
            return;
        }
        let Some(rate) = self.limiter.message_rate() else { return };
        match rate.decide(self.messages_whole_at, now, 1) {
            Ok(whole_at) => self.messages_whole_at = Some(whole_at),
            Err(wait) => {
                self.limiter.record_limit(Bound::MessageRate);
                // The message is accepted all the same, once it is due.
                let due = rate.decide(self.messages_whole_at, now.plus(wait), 1);
                self.messages_whole_at = due.ok().or(self.messages_whole_at);
                self.pause(wait);
            }
        }
    }

    /// Whether an operation may be parsed: then its payer has paid for that. If not, the socket is
    /// not read for a while.
    pub(super) fn afford(
        &mut self,
        payer: &Payer,
        operation: &Operation,
        now: Timestamp,
    ) -> Result<(), TooMany> {
        let afforded = self.take(payer, operation, now);
        if let Err(too_many) = afforded {
            self.pause(too_many.retry_after.max(limits::REFUSAL_PAUSE_MIN));
        }
        afforded
    }

    fn take(
        &mut self,
        payer: &Payer,
        operation: &Operation,
        now: Timestamp,
    ) -> Result<(), TooMany> {
        if let Some(rate) = self.limiter.operation_rate() {
            match rate.decide(self.operations_whole_at, now, 1) {
                Ok(whole_at) => self.operations_whole_at = Some(whole_at),
                Err(wait) => return Err(self.limiter.too_many_operations(wait)),
            }
        }
        self.limiter.work((payer, self.address), operation.reading_points(), now)
    }

    fn pause(&mut self, wait: Duration) {
        self.reads_from = Instant::now() + wait.min(limits::REFUSAL_PAUSE_MAX);
    }
}
