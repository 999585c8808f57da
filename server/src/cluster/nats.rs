//! A node's connections to NATS as the core's bus.

use std::collections::HashMap;

use async_nats::{Client, Message, RequestErrorKind, Subscriber};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use gavel_core::auction::AuctionId;
use gavel_core::broker::Interest;
use gavel_core::cluster::{Bus, NodeId, Notice, Replier, Subject};
use gavel_core::tasks::Tasks;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::limits;

/// A message on its way to NATS.
type Outgoing = (String, Vec<u8>);

pub(super) struct Nats {
    events: Client,
    prefix: String,
    /// By connection: events and awaited versions; digests.
    queues: [mpsc::Sender<Outgoing>; 2],
    notices: mpsc::Sender<Notice>,
    /// What each auction's interest ends with.
    interests: Mutex<HashMap<AuctionId, CancellationToken>>,
    tasks: Tasks,
    shutdown: CancellationToken,
}

/// What a node listens to.
struct Listening {
    client: Client,
    subject: String,
    notice: fn(Vec<u8>) -> Notice,
    end: CancellationToken,
    /// Told when NATS knows of the subscription.
    is_heard: Option<oneshot::Sender<()>>,
}

impl Nats {
    /// Sends, and listens to what every node listens to, on `tasks` until shutdown.
    pub(super) fn start(
        [events, digests]: [Client; 2],
        node: &NodeId,
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
        let (interests, tasks, shutdown) = (Mutex::default(), tasks.clone(), shutdown.clone());
        let bus = Self { events, prefix, queues, notices, interests, tasks, shutdown };
        let whole = |client: &Client, subject, notice| Listening {
            client: client.clone(),
            subject: bus.subject(subject),
            notice,
            end: bus.shutdown.clone(),
            is_heard: None,
        };
        bus.listen(whole(&bus.events, Subject::Awaited, Notice::Awaited));
        bus.listen(whole(&digests, Subject::Digests, Notice::Digest));
        bus.serve(bus.subject_of(node));
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

    fn subject_of(&self, node: &NodeId) -> String {
        format!("{}.node.{node}", self.prefix)
    }

    /// Hands on what comes on a subject.
    fn listen(&self, listening: Listening) {
        let Listening { client, subject, notice, end, is_heard } = listening;
        let (notices, shutdown) = (self.notices.clone(), self.shutdown.clone());
        let nobody = format!("{}.nobody", self.prefix);
        self.tasks.spawn("bus listener", async move {
            let Some(mut messages) = subscribe(&client, subject).await else { return };
            let asks = async {
                // NATS takes the commands of a connection in order: when it answers that nobody
                // listens there, it knows of the subscription.
                if let Some(is_heard) = is_heard
                    && let Err(error) = client.request(nobody, Vec::new().into()).await
                    && error.kind() == RequestErrorKind::NoResponders
                {
                    is_heard.send(()).ok();
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = end.cancelled() => {}
                () = shutdown.cancelled() => {}
                () = hand_on(&mut messages, &notices, notice) => {}
                () = asks => {}
            }
            // A connection that is lost forgets it by itself.
            messages.unsubscribe().await.ok();
        });
    }

    /// Hands on what other nodes ask this one, and sends back the answers.
    fn serve(&self, subject: String) {
        let (client, notices) = (self.events.clone(), self.notices.clone());
        let (tasks, shutdown) = (self.tasks.clone(), self.shutdown.clone());
        self.tasks.spawn("bus requests", async move {
            let Some(mut messages) = subscribe(&client, subject).await else { return };
            loop {
                let message = tokio::select! {
                    message = messages.next() => message,
                    () = shutdown.cancelled() => return,
                };
                let Some(Message { reply: Some(reply), payload, .. }) = message else {
                    if message.is_none() {
                        return;
                    }
                    continue;
                };
                let (replier, mut answer) = Replier::new();
                if notices.send(Notice::Request(payload.into(), replier)).await.is_err() {
                    return;
                }
                let client = client.clone();
                // Ends with the answer, or when it is given up: as many as the node serves.
                tasks.spawn("bus answer", async move {
                    if let Some(answer) = answer.recv().await {
                        client.publish(reply, answer.into()).await.ok();
                    }
                });
            }
        });
    }
}

async fn subscribe(client: &Client, subject: String) -> Option<Subscriber> {
    match client.subscribe(subject).await {
        Ok(messages) => Some(messages),
        Err(problem) => {
            warn!(%problem, "cannot subscribe to the bus");
            None
        }
    }
}

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
    let sends =
        async |(subject, message): Outgoing| client.publish(subject, message.into()).await.is_ok();
    loop {
        let outgoing = tokio::select! {
            outgoing = queue.recv() => outgoing,
            () = shutdown.cancelled() => break,
        };
        let Some(outgoing) = outgoing else { break };
        if !sends(outgoing).await {
            break;
        }
    }
    // The last digest says that this node goes; it is on its way when the node has ended.
    while let Ok(Some(outgoing)) = timeout(limits::BUS_LINGER, queue.recv()).await {
        if !sends(outgoing).await {
            break;
        }
    }
    timeout(limits::BUS_JOIN_TIMEOUT, client.flush()).await.ok();
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

    fn request<'a>(&'a self, node: &'a NodeId, message: Vec<u8>) -> BoxFuture<'a, Option<Vec<u8>>> {
        let subject = self.subject_of(node);
        Box::pin(async move {
            let answer = self.events.request(subject, message.into()).await;
            answer.ok().map(|answer| answer.payload.into())
        })
    }
}

impl Interest for Nats {
    fn join<'a>(&'a self, id: &'a AuctionId) -> BoxFuture<'a, bool> {
        let end = CancellationToken::new();
        if let Some(before) = self.interests.lock().insert(id.clone(), end.clone()) {
            before.cancel();
        }
        let (is_heard, heard) = oneshot::channel();
        self.listen(Listening {
            client: self.events.clone(),
            subject: self.subject(Subject::Auction(id)),
            notice: Notice::Event,
            end,
            is_heard: Some(is_heard),
        });
        Box::pin(async move { heard.await.is_ok() })
    }

    fn leave(&self, id: &AuctionId) {
        if let Some(end) = self.interests.lock().remove(id) {
            end.cancel();
        }
    }
}
