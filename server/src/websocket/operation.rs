//! One operation of a socket, from `subscribe` to its answer, or until it has joined its group.

use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{Response, ServerError};
use futures_util::StreamExt as _;
use gavel_core::broker::topic::Reader;
use gavel_core::store::Dynamo;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tracing::Instrument as _;

use super::fanout::Cause;
use super::group::{GroupKey, Subject};
use super::joining::Joining;
use super::lots::Lots;
use super::normalise::normalise;
use super::send_queue::Subscriber;
use super::{SocketLimits, Sockets};
use crate::auth::Principal;
use crate::cost::weights::{READ_POINTS, SUBSCRIPTION_POINTS};
use crate::graphql::counts::Kind;
use crate::graphql::error::{
    Code, api_error, complete, from_read, from_topic, refused, response_of,
};
use crate::graphql::execute::failed;
use crate::graphql::subscription::{Asked, AskedAuction, AskedAuctions, Probe, Topic};
use crate::graphql::types::View;
use crate::graphql::{Caller, Operation, Prepared};
use crate::limiter::Bound;
use crate::limits;

/// What one socket may run concurrently. Subscriptions last and other operations are short, so each
/// kind has its own capacity.
#[derive(Debug)]
pub(super) struct Capacity {
    subscriptions: Arc<Semaphore>,
    short: Arc<Semaphore>,
}

impl Capacity {
    /// The capacity of a socket with these limits.
    pub(super) fn of(limits: &SocketLimits) -> Self {
        let permits = |max| Arc::new(Semaphore::new(max));
        Self {
            subscriptions: permits(limits.operations_max),
            short: permits(limits.short_operations_max),
        }
    }

    /// A permit for one more operation of this kind; the operation holds it until it ends.
    fn take(
        &self,
        kind: OperationType,
        sockets: &Sockets,
    ) -> Result<OwnedSemaphorePermit, Response> {
        let (permits, max, what, bound) = match kind {
            OperationType::Subscription => {
                let max = sockets.limits.operations_max;
                (&self.subscriptions, max, "subscriptions", Bound::Operations)
            }
            OperationType::Query | OperationType::Mutation => {
                let max = sockets.limits.short_operations_max;
                (&self.short, max, "queries and mutations", Bound::ShortOperations)
            }
        };
        Arc::clone(permits).try_acquire_owned().map_err(|_| {
            sockets.limiter.record_limit(bound);
            let message = format!("a socket runs at most {max} {what} at a time");
            response_of(api_error(Code::Overloaded, message))
        })
    }
}

/// A subscription that is being started.
struct Beginning<'a> {
    sockets: &'a Sockets,
    subscriber: &'a Arc<Subscriber>,
    prepared: &'a Prepared,
    caller: &'a Caller,
}

/// What a transport says of an operation, besides the operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms {
    /// Whether it may not write.
    pub reads_only: bool,
}

/// Runs an operation to its end, or until it has joined its group.
pub(super) async fn run(
    sockets: &Sockets,
    capacity: &Capacity,
    subscriber: &Arc<Subscriber>,
    operation: Operation,
    caller: Caller,
    terms: Terms,
) {
    let prepared = match sockets.api.prepare(operation).await {
        Ok(prepared) if terms.reads_only && prepared.kind == OperationType::Mutation => {
            Err(response_of(api_error(Code::BadRequest, "a mutation must be sent by POST")))
        }
        Ok(prepared) => capacity.take(prepared.kind, sockets).map(|permit| {
            subscriber.hold(permit);
            prepared
        }),
        Err(error) => Err(failed(error)),
    };
    let refusal = match prepared {
        Ok(prepared)
            if prepared.kind != OperationType::Subscription
                && !subscriber.subprotocol.runs_short_operations() =>
        {
            let message = "only subscriptions run here; send queries and mutations over HTTP";
            response_of(api_error(Code::BadRequest, message))
        }
        Ok(prepared) if prepared.kind == OperationType::Subscription => {
            sockets.api.counts().totals.operations.inc(Kind::Subscription);
            let span = sockets.api.log_span(&caller);
            let beginning = Beginning { sockets, subscriber, prepared: &prepared, caller: &caller };
            match beginning.subscribe().instrument(span).await {
                Ok(()) => return,
                Err(response) => response,
            }
        }
        Ok(prepared) => {
            let (response, held) = sockets.api.execute(prepared, caller).await;
            let began = response.errors.is_empty()
                || response.errors.iter().any(|error| !error.path.is_empty());
            if began {
                sockets.api.counts().tell(&response.errors);
                let payload = serde_json::to_string(&response).unwrap_or_default();
                subscriber.answer(payload, held).await;
                return;
            }
            response
        }
        Err(response) => response,
    };
    sockets.api.counts().tell(&refusal.errors);
    subscriber.refuse(serde_json::to_string(&refusal.errors).unwrap_or_default()).await;
}

impl Beginning<'_> {
    /// Checks a subscription and joins its group; then makes sure that its view stays what the
    /// caller may see.
    async fn subscribe(&self) -> Result<(), Response> {
        let Self { sockets, caller, .. } = self;
        let Prepared { price, reading_points, .. } = self.prepared;
        self.pay(SUBSCRIPTION_POINTS + price.points + reading_points)?;
        let renewals = caller.session.as_ref().map(|session| session.renewals());
        let mut asked = match self.probe().await? {
            Asked::One(asked) => asked,
            // Boxed: it is larger than the rest, and every bid that waits would hold its room.
            Asked::Many(asked) => return Box::pin(self.enter_lobby(asked)).await,
        };
        if asked.topic == Topic::Bids {
            asked.after = asked.after.max(self.subscriber.resumes_after());
        }
        let topic = sockets
            .broker
            .topic(&asked.auction_id)
            .await
            .map_err(|error| response_of(from_topic(&error)))?;
        if let Some(after) = asked.after {
            refuse_if_ahead(sockets, &topic, after).await?;
            self.subscriber.starts_after(after);
            sockets.api.counts().totals.resumes.inc();
        }
        let view = view_of(&asked, &topic, &caller.principal);
        self.join(&asked, &topic, view).await?;
        match renewals {
            // Bids look the same to all, and an anonymous caller stays one.
            Some(renewals)
                if asked.topic == Topic::Auction && caller.principal.user_id.is_some() =>
            {
                self.follow(&asked, &topic, view, renewals).await
            }
            _ => Ok(()),
        }
    }

    /// Charges the caller.
    fn pay(&self, points: u64) -> Result<(), Response> {
        let Self { sockets, caller, .. } = self;
        let payer = (&caller.payer, caller.address);
        let paid = sockets.limiter.work(payer, points, caller.received_at);
        paid.map_err(|too_many| failed(refused(too_many)))
    }

    /// Joins the lobby of these auctions. The first member pays for opening them.
    async fn enter_lobby(&self, asked: AskedAuctions) -> Result<(), Response> {
        let Self { sockets, subscriber, prepared, caller, .. } = self;
        // One event is paid for; the first ones show all auctions.
        let events = asked.len_max().div_ceil(limits::LOBBY_FRAME_AUCTIONS) as u64;
        self.pay(prepared.price.points.saturating_mul(events.saturating_sub(1)))?;
        let key = self.group_key(Subject::Lobby, View::Public);
        let cause = Cause { address: caller.address, price: prepared.price };
        loop {
            let lots = if sockets.fanout.is_running(&key) {
                None
            } else {
                Some(self.open_lots(&asked).await?)
            };
            if lots.as_ref().is_some_and(Lots::is_empty_for_good) {
                let message = "no auction has one of these ids";
                return Err(response_of(api_error(Code::NotFound, message)));
            }
            let request = || prepared.request();
            let joined = sockets.fanout.join_lobby(&key, request, lots, subscriber, &cause).await;
            if joined.map_err(|too_many| failed(refused(too_many)))? {
                return Ok(());
            }
        }
    }

    /// Opens the auctions of a lobby.
    async fn open_lots(&self, asked: &AskedAuctions) -> Result<Lots<Dynamo>, Response> {
        let sockets = self.sockets;
        self.pay(READ_POINTS.saturating_mul(asked.len_max() as u64))?;
        let (list, status) = match asked {
            AskedAuctions::Ids(ids) => (watch::channel(Arc::from(ids.as_slice())).1, None),
            AskedAuctions::Status(status) => {
                let list = sockets.directory.follow(*status).await;
                (list.map_err(|error| response_of(from_read(&error)))?, Some(*status))
            }
        };
        let opened = Lots::open(&sockets.broker, list, status).await;
        opened.map_err(|error| response_of(from_topic(&error)))
    }

    /// Changes the group whenever a renewed token changes the view. Ends with the operation.
    async fn follow(
        &self,
        asked: &AskedAuction,
        topic: &Reader,
        mut view: View,
        mut renewals: watch::Receiver<Principal>,
    ) -> Result<(), Response> {
        loop {
            let now = view_of(asked, topic, &renewals.borrow_and_update());
            if now != view {
                view = now;
                self.subscriber.leave();
                self.join(asked, topic, view).await?;
            }
            if self.subscriber.is_over() || renewals.changed().await.is_err() {
                return Ok(());
            }
        }
    }

    /// Replays history to a subscriber up to the position of its group, and joins the group.
    async fn join(&self, asked: &AskedAuction, topic: &Reader, view: View) -> Result<(), Response> {
        let Self { sockets, subscriber, prepared, caller, .. } = self;
        let joining = Joining {
            fanout: &sockets.fanout,
            broker: &sockets.broker,
            subscriber,
            key: self.group_key(Subject::One(asked.topic, asked.auction_id.clone()), view),
            request: &|| prepared.request(),
            cause: Cause { address: caller.address, price: prepared.price },
            payer: &caller.payer,
        };
        joining.join(topic, asked.after).await
    }

    /// Runs the operation once as a validation run: it is validated and authorised, and its
    /// arguments are recorded.
    async fn probe(&self) -> Result<Asked, Response> {
        let probe = Probe::default();
        let request = self.prepared.request().data(self.caller.clone()).data(probe.clone());
        let schema = self.sockets.api.schema().clone();
        let validation = async move {
            let mut responses = schema.execute_stream(request);
            while let Some(mut response) = responses.next().await {
                if response.is_err() {
                    complete(&mut response);
                    return Err(response);
                }
            }
            Ok(())
        };
        if self.prepared.is_heavy() {
            self.sockets.api.aside(validation).await?;
        } else {
            validation.await?;
        }
        probe.take().ok_or_else(|| {
            let message = "a subscription must have one root field that is not skipped";
            failed(ServerError::new(message, None))
        })
    }

    fn group_key(&self, subject: Subject, view: View) -> GroupKey {
        let prepared = self.prepared;
        let name = prepared.operation_name.as_deref();
        let normal = normalise(&prepared.query, &prepared.document, name, &prepared.variables);
        GroupKey {
            subject,
            document: normal.document,
            operation_name: prepared.operation_name.clone(),
            variables: normal.variables,
            view,
            form: self.subscriber.subprotocol.form(),
        }
    }
}

fn view_of(asked: &AskedAuction, topic: &Reader, principal: &Principal) -> View {
    match (asked.topic, topic.auction()) {
        (Topic::Auction, Some(auction)) => View::of(principal, &auction),
        _ => View::Public,
    }
}

async fn refuse_if_ahead(sockets: &Sockets, topic: &Reader, after: u64) -> Result<(), Response> {
    match sockets.broker.is_ahead(topic, after).await {
        Ok(false) => Ok(()),
        Ok(true) => {
            let message = "after is beyond the auction's last bid; query sequence first";
            Err(response_of(api_error(Code::CursorAhead, message)))
        }
        Err(error) => Err(response_of(from_topic(&error))),
    }
}
