//! Brings a subscriber from its cursor to the position of its group: history first, then the group,
//! without a gap.

use std::sync::Arc;

use async_graphql::{Request, Response};
use gavel_core::broker::Broker;
use gavel_core::broker::topic::Reader;
use gavel_core::clock;
use gavel_core::store::Table;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::execution::Execution;
use super::fanout::{Cause, Fanout};
use super::group::{GroupKey, Joined};
use super::send_queue::Subscriber;
use crate::graphql::error::{Code, api_error, from_topic, refused, response_of};
use crate::graphql::execute::failed;
use crate::graphql::subscription::SourceEvent;
use crate::limiter::Payer;
use crate::limits;

/// A subscriber that is joining a group.
pub(super) struct Joining<'a, T: Table> {
    pub(super) fanout: &'a Fanout,
    pub(super) broker: &'a Broker<T>,
    pub(super) subscriber: &'a Arc<Subscriber>,
    pub(super) key: GroupKey,
    /// Makes the request to execute.
    pub(super) request: &'a (dyn Fn() -> Request + Sync),
    pub(super) cause: Cause,
    /// Who pays for the history.
    pub(super) payer: &'a Payer,
}

impl<T: Table> Joining<'_, T> {
    /// Sends the history between a cursor and the group's position, and joins the group.
    pub(super) async fn join(
        &self,
        topic: &Reader,
        mut after: Option<u64>,
    ) -> Result<(), Response> {
        let Self { fanout, subscriber, key, request, cause, .. } = self;
        loop {
            // What a group has in memory is sent to anyone who joins it.
            let missing = after.map_or(0, |after| topic.mark().position.saturating_sub(after));
            if missing <= limits::GROUP_RING_MAX as u64 {
                self.pay(missing).await;
            }
            let joined = fanout.join(key, request, topic, subscriber, after, cause).await;
            match joined.map_err(|too_many| failed(refused(too_many)))? {
                Joined::Yes => return Ok(()),
                Joined::Behind => {
                    let reached = self.replay(topic, after.unwrap_or(0)).await?;
                    if subscriber.is_over() {
                        return Ok(());
                    }
                    after = Some(reached);
                }
            }
        }
    }

    /// Waits until this many bids of history may be sent for the payer.
    async fn pay(&self, bids: u64) {
        let units = bids.saturating_mul(self.cause.price.bytes.div_ceil(1024).max(1));
        while let Err(too_many) = self.fanout.limiter().replay(self.payer, units, clock::now()) {
            sleep(too_many.retry_after).await;
        }
    }

    /// Sends a page of history to one subscriber only, as fast as it reads; returns the sequence it
    /// has reached.
    async fn replay(&self, topic: &Reader, after: u64) -> Result<u64, Response> {
        let Self { fanout, subscriber, key, request, .. } = self;
        let missing = topic.mark().position.saturating_sub(after);
        self.pay(missing.min(limits::STORE_PAGE_BIDS as u64)).await;
        subscriber.join();
        let counts = Arc::clone(fanout.counts());
        let mut execution = Execution::new(fanout.schema(), request(), counts, key.form);
        let places = Arc::new(Semaphore::new(limits::REPLAY_QUEUE_MAX));
        let mut reached = after;
        let history = self.broker.history(topic, after).await;
        let history = history.map_err(|error| response_of(from_topic(&error)))?;
        for bid in history.bids {
            let number = bid.bid.sequence;
            let Some(payload) = execution.run(SourceEvent::Bid(bid, None)).await else {
                return Err(response_of(api_error(Code::Internal, "internal error")));
            };
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return Ok(reached) };
            if !subscriber.replay(Arc::new(payload), number, place).await {
                return Ok(reached);
            }
            reached = number;
        }
        Ok(history.reached)
    }
}
