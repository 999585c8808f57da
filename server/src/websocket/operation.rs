//! One operation of a socket, from `subscribe` to its answer or to its place in a group.

use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Response, ServerError};
use futures_util::StreamExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tracing::Instrument as _;

use super::execution::Execution;
use super::group::{GroupKey, Joined};
use super::normalise::normalise;
use super::outbox::Subscriber;
use super::{SocketLimits, Sockets};
use crate::auth::Principal;
use crate::broker::topic::Reader;
use crate::graphql::Caller;
use crate::graphql::counts::Kind;
use crate::graphql::error::{Code, api_error, complete, from_topic, unlocated};
use crate::graphql::execute::{Operation, failed};
use crate::graphql::subscription::{Asked, FeedItem, Probe, Topic};
use crate::graphql::types::View;
use crate::guard::Bound;
use crate::limits;

/// What one socket may run at a time. Subscriptions stay, the others pass: what a socket watches
/// takes nothing from what it does.
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
            sockets.guard.meets(bound);
            let message = format!("a socket runs at most {max} {what} at a time");
            response_of(api_error(Code::Overloaded, message))
        })
    }
}

/// Runs an operation to its end, or to its membership in a group.
pub(super) async fn run(
    sockets: &Sockets,
    capacity: &Capacity,
    subscriber: &Arc<Subscriber>,
    operation: Operation,
    caller: Caller,
) {
    let prepared = match sockets.api.prepare(operation.clone()) {
        Ok((kind, request)) => capacity.take(kind, sockets).map(|permit| {
            subscriber.hold(permit);
            (kind, request)
        }),
        Err(error) => Err(failed(error)),
    };
    let refusal = match prepared {
        Ok((OperationType::Subscription, request)) => {
            sockets.api.counts().operations.inc(Kind::Subscription);
            let span = sockets.api.log_span(&caller);
            let joining = subscribe(sockets, subscriber, &operation, request, caller);
            match joining.instrument(span).await {
                Ok(()) => return,
                Err(response) => response,
            }
        }
        Ok(_) => {
            let response = sockets.api.execute(operation, caller).await;
            let began = response.errors.is_empty()
                || response.errors.iter().any(|error| !error.path.is_empty());
            if began {
                sockets.api.counts().tell(&response.errors);
                let payload = serde_json::to_string(&response).unwrap_or_default();
                subscriber.answer(payload).await;
                return;
            }
            response
        }
        Err(response) => response,
    };
    sockets.api.counts().tell(&refusal.errors);
    subscriber.refuse(serde_json::to_string(&refusal.errors).unwrap_or_default()).await;
}

/// Checks a subscription and joins its group; then sees to it that its view stays what the caller
/// may see.
async fn subscribe(
    sockets: &Sockets,
    subscriber: &Arc<Subscriber>,
    operation: &Operation,
    request: Request,
    caller: Caller,
) -> Result<(), Response> {
    let renewals = caller.session.as_ref().map(|session| session.renewals());
    let principal = caller.principal.clone();
    let asked = probe(sockets, request, caller).await?;
    let topic = sockets
        .broker
        .topic(&asked.auction_id)
        .await
        .map_err(|error| response_of(from_topic(&error)))?;
    if let Some(after) = asked.after {
        refuse_if_ahead(sockets, &topic, after).await?;
        subscriber.starts_after(after);
        sockets.api.counts().resumes.inc();
    }
    let view = view_of(&asked, &topic, &principal);
    join(sockets, subscriber, operation, &asked, &topic, view).await?;
    match renewals {
        // Bids look the same to all; and an anonymous caller stays one.
        Some(renewals) if asked.topic == Topic::Auction && principal.user_id.is_some() => {
            follow(sockets, subscriber, operation, &asked, &topic, view, renewals).await
        }
        _ => Ok(()),
    }
}

fn view_of(asked: &Asked, topic: &Reader, principal: &Principal) -> View {
    match (asked.topic, topic.auction()) {
        (Topic::Auction, Some(auction)) => View::of(principal, &auction),
        _ => View::Public,
    }
}

/// Changes the group whenever a renewed token changes the view. Ends with the operation.
async fn follow(
    sockets: &Sockets,
    subscriber: &Arc<Subscriber>,
    operation: &Operation,
    asked: &Asked,
    topic: &Reader,
    mut view: View,
    mut renewals: watch::Receiver<Principal>,
) -> Result<(), Response> {
    loop {
        let now = view_of(asked, topic, &renewals.borrow_and_update());
        if now != view {
            view = now;
            subscriber.leave();
            join(sockets, subscriber, operation, asked, topic, view).await?;
        }
        if subscriber.is_over() || renewals.changed().await.is_err() {
            return Ok(());
        }
    }
}

/// Brings a subscriber to the position of its group, and joins it.
async fn join(
    sockets: &Sockets,
    subscriber: &Arc<Subscriber>,
    operation: &Operation,
    asked: &Asked,
    topic: &Reader,
    view: View,
) -> Result<(), Response> {
    let key = group_key(operation, asked, view)?;
    let request = || {
        let mut request = Request::new(&operation.query).variables(operation.variables.clone());
        request.operation_name.clone_from(&operation.operation_name);
        request
    };
    let mut after = asked.after;
    loop {
        match sockets.fanout.join(&key, request, topic, subscriber, after).await {
            Joined::Yes => return Ok(()),
            Joined::Behind => {
                let from = after.unwrap_or(0);
                let reached = replay(sockets, subscriber, topic, request(), from).await?;
                if subscriber.is_over() {
                    return Ok(());
                }
                after = Some(reached);
            }
        }
    }
}

/// Runs the operation once as a probe: it is validated and authorised, and its arguments noted.
async fn probe(sockets: &Sockets, request: Request, caller: Caller) -> Result<Asked, Response> {
    let probe = Probe::default();
    let request = request.data(caller).data(probe.clone());
    let mut responses = sockets.api.schema().execute_stream(request);
    while let Some(mut response) = responses.next().await {
        if response.is_err() {
            complete(&mut response);
            return Err(response);
        }
    }
    probe.take().ok_or_else(|| {
        let message = "a subscription has one root field, not in a fragment and not skipped";
        failed(ServerError::new(message, None))
    })
}

async fn refuse_if_ahead(sockets: &Sockets, topic: &Reader, after: u64) -> Result<(), Response> {
    match sockets.broker.is_ahead(topic, after).await {
        Ok(false) => Ok(()),
        Ok(true) => {
            let message = "after lies beyond the auction's last bid; query sequence first";
            Err(response_of(api_error(Code::CursorAhead, message)))
        }
        Err(error) => Err(response_of(from_topic(&error))),
    }
}

fn group_key(operation: &Operation, asked: &Asked, view: View) -> Result<GroupKey, Response> {
    let document = async_graphql::parser::parse_query(&operation.query)
        .map_err(|error| failed(ServerError::new(error.to_string(), None)))?;
    let name = operation.operation_name.as_deref();
    let normal = normalise(&operation.query, &document, name, &operation.variables);
    Ok(GroupKey {
        topic: asked.topic,
        auction_id: asked.auction_id.clone(),
        document: normal.document,
        operation_name: operation.operation_name.clone(),
        variables: normal.variables,
        view,
    })
}

/// Sends a page of history to one subscriber alone, as fast as it takes it; returns the sequence
/// it has reached.
async fn replay(
    sockets: &Sockets,
    subscriber: &Arc<Subscriber>,
    topic: &Reader,
    request: Request,
    after: u64,
) -> Result<u64, Response> {
    let mut execution = Execution::new(sockets.api.schema(), request, sockets.fanout.executions());
    let places = Arc::new(Semaphore::new(limits::REPLAY_QUEUE_MAX));
    let mut reached = after;
    let history = sockets.broker.history(topic, after).await;
    let history = history.map_err(|error| response_of(from_topic(&error)))?;
    for bid in history.bids {
        let number = bid.bid.sequence;
        let Some(payload) = execution.run(FeedItem::Bid(bid, None)).await else {
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

fn response_of(error: async_graphql::Error) -> Response {
    Response::from_errors(vec![unlocated(error)])
}
