//! A client: it subscribes at some server, reads as it likes, leaves, and comes back with its cursor.

use std::sync::{Arc, Weak};
use std::time::Duration;

use async_graphql::Request;
use gavel_core::simulation::{Course, Server, World};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::Value;
use tokio::sync::mpsc::Receiver;
use tokio::time::{sleep, timeout};

use super::super::batch::Batch;
use super::super::fanout::{Cause, Fanout};
use super::super::group::{GroupKey, Subject};
use super::super::joining::Joining;
use super::super::payload::Form;
use super::super::send_queue::{Frame, QueueBounds, SendQueue, Subscriber};
use super::super::shared_socket::FrameSink;
use super::super::subprotocol::Subprotocol;
use super::socket::{MemorySocket, messages};
use super::{ADDRESS, QUEUE_MAX};
use crate::cost::Price;
use crate::graphql::subscription::Topic;
use crate::graphql::types::View;
use crate::limiter::{Address, ClientLimiter, ClientLimits, Payer};
use crate::limits;

/// What a client has read.
pub(super) struct Client {
    random: StdRng,
    /// The position after which it is to be told everything; known with its first bid.
    pub(super) from: Option<u64>,
    /// The auction's position when it had joined last.
    pub(super) joined_at: u64,
    /// Sequence and amount of each bid, in the order in which it read them.
    pub(super) bids: Vec<(u64, String)>,
    /// How many of them came live.
    pub(super) live: usize,
    pub(super) completed: bool,
    pub(super) resumed: usize,
    pub(super) overflowed: usize,
    pub(super) closed: usize,
}

/// How a connection ends.
enum Gone {
    /// Nothing could be written for too long.
    Closed,
    /// The subscription could not begin, or did not keep up.
    Ended,
    /// The auction has ended.
    Completed,
    /// The client has left.
    Left,
}

impl Client {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let from = random.random::<bool>().then_some(0);
        Self {
            random,
            from,
            joined_at: 0,
            bids: Vec::new(),
            live: 0,
            completed: false,
            resumed: 0,
            overflowed: 0,
            closed: 0,
        }
    }

    /// Watches until the course is over.
    pub(super) async fn watch(
        mut self,
        world: &World,
        fanouts: &[Fanout],
        course: &Course,
    ) -> Self {
        self.pause(2000).await;
        while !course.over.is_cancelled() && !self.completed {
            let at = self.random.random_range(0..fanouts.len());
            let (server, fanout) = (&world.servers()[at], &fanouts[at]);
            match self.connect(world, server, fanout, course).await {
                Gone::Closed => self.closed += 1,
                Gone::Completed => self.completed = true,
                Gone::Ended | Gone::Left => {}
            }
            if !course.calm.is_cancelled() {
                self.pause(1000).await;
            }
        }
        course.over.cancelled().await;
        self
    }

    /// Up to so many milliseconds.
    async fn pause(&mut self, ms_max: u64) {
        sleep(Duration::from_millis(self.random.random_range(0..ms_max))).await;
    }

    /// The cursor that it comes back with.
    fn cursor(&self) -> Option<u64> {
        self.bids.last().map(|(sequence, _)| *sequence).or(self.from)
    }

    /// One connection with one subscription, to its end.
    async fn connect(
        &mut self,
        world: &World,
        server: &Server,
        fanout: &Fanout,
        course: &Course,
    ) -> Gone {
        let Ok(topic) = server.broker.topic(&world.id).await else {
            sleep(Duration::from_millis(50)).await;
            return Gone::Ended;
        };
        let capacity = self.random.random_range(100..2_000);
        let socket = Arc::new(MemorySocket::new(capacity));
        let sink: Weak<dyn FrameSink> = Arc::<MemorySocket>::downgrade(&socket);
        let limiter = ClientLimiter::new(ClientLimits::default());
        let address = Address::from(ADDRESS);
        let bounds = QueueBounds { frames: 64, subscription: self.random.random_range(QUEUE_MAX) };
        let queued = Arc::clone(&fanout.counts().queued);
        let (queue, frames) = SendQueue::new(sink, bounds, queued, limiter, address);
        // Most have the same id, and so the same frames.
        let id = if self.random.random_bool(0.8) { "1" } else { "2" };
        let protocol = Subprotocol::TransportWs;
        let subscriber = Subscriber::new(Arc::from(id), protocol, Arc::clone(&queue), None);
        let after = self.cursor();
        self.resumed += usize::from(!self.bids.is_empty());
        let request = || {
            let query =
                "subscription W($id: ID!) { bidCreated(auctionId: $id) { sequence amount } }";
            let variables = serde_json::json!({ "id": world.id.as_str() });
            Request::new(query).variables(async_graphql::Variables::from_json(variables))
        };
        let joining = Joining {
            fanout,
            broker: &server.broker,
            subscriber: &subscriber,
            key: GroupKey {
                subject: Subject::One(Topic::Bids, world.id.clone()),
                document: String::new(),
                operation_name: None,
                variables: String::new(),
                view: View::Public,
                form: Form::Response,
            },
            request: &request,
            cause: Cause { address, price: Price::default() },
            payer: &Payer::Address(address),
        };
        if let Some(after) = after {
            subscriber.starts_after(after);
        }
        // Some stay long enough to be closed while they stall.
        let stays_max = if self.random.random_bool(0.3) { 15_000 } else { 4_000 };
        let stays = Duration::from_millis(self.random.random_range(0..stays_max));
        let (joined_at, position) = (tokio::sync::OnceCell::new(), || topic.mark().position);
        let beginning = async {
            if joining.join(&topic, after).await.is_err() {
                return Gone::Ended;
            }
            joined_at.set(position()).ok();
            std::future::pending().await
        };
        let leaving = async {
            tokio::select! {
                () = sleep(stays) => {}
                () = course.calm.cancelled() => course.over.cancelled().await,
            }
            Gone::Left
        };
        let gone = tokio::select! {
            gone = beginning => gone,
            gone = serve(&socket, frames, &queue) => gone,
            gone = self.read(&socket, course) => gone,
            gone = leaving => gone,
        };
        // As a connection that ends does.
        subscriber.end();
        queue.close();
        if after.is_none() {
            // Another server may stand elsewhere: only where it began counts.
            self.joined_at = joined_at.get().copied().unwrap_or_else(position);
        }
        gone
    }

    /// Reads until the subscription ends. Before the calm it stalls now and then.
    async fn read(&mut self, socket: &MemorySocket, course: &Course) -> Gone {
        let mut come = Vec::new();
        loop {
            come.extend(socket.read().await);
            for text in messages(&mut come) {
                let message: Value = serde_json::from_str(&text).expect("a message is JSON");
                match message["type"].as_str() {
                    Some("next") => self.next(&message["payload"]),
                    Some("complete") => return Gone::Completed,
                    Some("error") => {
                        let resume = message["payload"][0]["extensions"]["resumeAfter"].as_u64();
                        if let Some(cursor) = self.cursor() {
                            assert_eq!(resume, Some(cursor), "it resumes where it stands");
                        }
                        self.overflowed += 1;
                        return Gone::Ended;
                    }
                    other => panic!("a message that is none of a server's: {other:?}"),
                }
            }
            if !course.calm.is_cancelled() && self.random.random_bool(0.2) {
                let stall = Duration::from_millis(self.random.random_range(0..8000));
                tokio::select! {
                    () = sleep(stall) => {}
                    () = course.calm.cancelled() => {}
                }
            }
        }
    }

    fn next(&mut self, payload: &Value) {
        let bid = &payload["data"]["bidCreated"];
        let sequence = bid["sequence"].as_u64().expect("a sequence");
        let amount = bid["amount"].as_str().expect("an amount").to_owned();
        self.from.get_or_insert(sequence - 1);
        self.live += usize::from(payload["extensions"]["replay"] != true);
        self.bids.push((sequence, amount));
    }
}

/// A connection's side: writes what is queued, and the end of what did not keep up.
async fn serve(socket: &MemorySocket, mut frames: Receiver<Frame>, queue: &SendQueue) -> Gone {
    let mut taken = Vec::new();
    loop {
        let texts = tokio::select! {
            _ = frames.recv_many(&mut taken, limits::WRITE_BATCH_MAX) => {
                socket.hold(true);
                Batch::of(taken.drain(..)).texts
            }
            overflowed = queue.overflowed() => {
                let error = |subscriber: Arc<Subscriber>| {
                    let after = subscriber.last();
                    let errors = format!(r#"[{{"extensions":{{"resumeAfter":{after}}}}}]"#);
                    subscriber.subprotocol.error(&subscriber.id, &errors)
                };
                overflowed.into_iter().map(error).collect()
            }
        };
        if timeout(limits::SOCKET_WRITE_TIMEOUT, socket.send(&texts)).await.is_err() {
            return Gone::Closed;
        }
        socket.hold(false);
    }
}
