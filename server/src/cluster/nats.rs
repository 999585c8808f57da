//! A node's connections to NATS as the core's bus.

use std::collections::HashMap;
use std::sync::Arc;

use async_nats::{Client, Subscriber};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use gavel_core::auction::AuctionId;
use gavel_core::broker::Interest;
use gavel_core::cluster::{Bus, Notice, Subject};
use gavel_core::tasks::Tasks;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::limits;

/// A message on its way to NATS.
type Outgoing = (String, Vec<u8>);

/// What an interest ends with.
type Interests = Arc<Mutex<HashMap<AuctionId, CancellationToken>>>;

pub(super) struct Nats {
    events: Client,
    prefix: String,
    /// By connection: events and awaited versions; digests.
    queues: [mpsc::Sender<Outgoing>; 2],
    notices: mpsc::Sender<Notice>,
    interests: Interests,
    tasks: Tasks,
    shutdown: CancellationToken,
}

impl Nats {
    /// Sends, and listens to what every node listens to, on `tasks` until shutdown.
    pub(super) fn start(
        events: Client,
        digests: Client,
        prefix: String,
        notices: mpsc::Sender<Notice>,
        tasks: &Tasks,
        shutdown: &CancellationToken,
    ) -> Self {
        let queue = |client: Client| {
            let (queue, outgoing) = mpsc::channel(limits::BUS_SEND_QUEUE_MAX);
            tasks.spawn("bus sender", send(client, outgoing, shutdown.clone()));
            queue
        };
        let queues = [queue(events.clone()), queue(digests.clone())];
        let (interests, tasks) = (Interests::default(), tasks.clone());
        let shutdown = shutdown.clone();
        let bus = Self { events, prefix, queues, notices, interests, tasks, shutdown };
        let awaited = bus.events.clone();
        bus.listen(
            awaited,
            bus.subject(Subject::Awaited),
            Notice::Awaited,
            bus.shutdown.clone(),
            None,
        );
        bus.listen(
            digests,
            bus.subject(Subject::Digests),
            Notice::Digest,
            bus.shutdown.clone(),
            None,
        );
        bus
    }

    fn subject(&self, subject: Subject<'_>) -> String {
        let prefix = &self.prefix;
        match subject {
            Subject::Auction(id) => format!("{prefix}.auction.{id}"),
            Subject::Digests => format!("{prefix}.digest"),
            Subject::Awaited => format!("{prefix}.awaited"),
        }
    }

    /// Hands on what comes on a subject until `end`; says when NATS knows of the subscription.
    fn listen(
        &self,
        client: Client,
        subject: String,
        notice: fn(Vec<u8>) -> Notice,
        end: CancellationToken,
        is_heard: Option<oneshot::Sender<()>>,
    ) {
        let (notices, shutdown) = (self.notices.clone(), self.shutdown.clone());
        let probe = format!("{}.nobody", self.prefix);
        self.tasks.spawn("bus listener", async move {
            let mut messages = match client.subscribe(subject).await {
                Ok(messages) => messages,
                Err(problem) => {
                    warn!(%problem, "cannot subscribe to the bus");
                    return;
                }
            };
            let listens = async {
                if let Some(is_heard) = is_heard {
                    // NATS takes the commands of a connection in order: it knows of the subscription
                    // when it answers that nobody listens there.
                    let answered = client.request(probe, Vec::new().into()).await;
                    if answered.is_err_and(|error| error.kind() == NO_RESPONDERS) {
                        is_heard.send(()).ok();
                    }
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = end.cancelled() => {}
                () = shutdown.cancelled() => {}
                () = hand_on(&mut messages, &notices, notice) => {}
                () = listens => {}
            }
            messages.unsubscribe().await.ok();
        });
    }
}

const NO_RESPONDERS: async_nats::RequestErrorKind = async_nats::RequestErrorKind::NoResponders;

/// Waits where the node is slow: NATS's client then drops messages, and says so.
async fn hand_on(
    messages: &mut Subscriber,
    to: &mpsc::Sender<Notice>,
    notice: fn(Vec<u8>) -> Notice,
) {
    while let Some(message) = messages.next().await {
        if to.send(notice(message.payload.into())).await.is_err() {
            return;
        }
    }
}

async fn send(client: Client, mut queue: mpsc::Receiver<Outgoing>, shutdown: CancellationToken) {
    loop {
        let outgoing = tokio::select! {
            outgoing = queue.recv() => outgoing,
            () = shutdown.cancelled() => break,
        };
        let Some((subject, message)) = outgoing else { break };
        if client.publish(subject, message.into()).await.is_err() {
            break;
        }
    }
    // The last digest says that this node goes.
    queue.close();
    let last = async {
        while let Some((subject, message)) = queue.recv().await {
            if client.publish(subject, message.into()).await.is_err() {
                break;
            }
        }
        client.flush().await.ok();
    };
    timeout(limits::BUS_JOIN_TIMEOUT, last).await.ok();
}

impl Bus for Nats {
    fn publish(&self, subject: Subject<'_>, message: Vec<u8>) {
        let queue = match subject {
            Subject::Digests => &self.queues[1],
            Subject::Auction(_) | Subject::Awaited => &self.queues[0],
        };
        // Where there is no room it is lost, and the digests say what it was about.
        queue.try_send((self.subject(subject), message)).ok();
    }
}

impl Interest for Nats {
    fn join<'a>(&'a self, id: &'a AuctionId) -> BoxFuture<'a, bool> {
        let end = CancellationToken::new();
        if let Some(before) = self.interests.lock().insert(id.clone(), end.clone()) {
            before.cancel();
        }
        let (is_heard, heard) = oneshot::channel();
        let subject = self.subject(Subject::Auction(id));
        self.listen(self.events.clone(), subject, Notice::Event, end, Some(is_heard));
        Box::pin(async move { heard.await.is_ok() })
    }

    fn leave(&self, id: &AuctionId) {
        if let Some(end) = self.interests.lock().remove(id) {
            end.cancel();
        }
    }
}
