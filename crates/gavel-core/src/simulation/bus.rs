//! A bus between the simulated servers: it loses, repeats, delays and reorders messages, and cuts a
//! node off for a while.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::auction::AuctionId;
use crate::broker::Interest;
use crate::cluster::message::Digest;
use crate::cluster::{Bus, NodeId, Notice, Notices, Replier, Subject};
use crate::limits;

/// A bus. Clones share it.
#[derive(Clone)]
pub(super) struct Network(Arc<Mutex<Model>>);

struct Model {
    random: StdRng,
    is_calm: bool,
    /// Digests say how far auctions are; else they say no more than who lives, and in calm no event
    /// is lost: then nothing but the order of joining and reading, and the checks after a node was cut
    /// off, may be relied upon.
    has_digests: bool,
    ports: Vec<Port>,
}

struct Port {
    node: NodeId,
    sender: mpsc::Sender<Notice>,
    joined: HashSet<AuctionId>,
    /// It neither sends nor receives before this.
    cut_until: Instant,
    /// Nor from then on: its node is dead.
    cut: CancellationToken,
}

/// A node's connection to a bus.
pub(super) struct Connection {
    network: Network,
    number: usize,
}

impl Network {
    pub(super) fn new(seed: u64, has_digests: bool) -> Self {
        let random = StdRng::seed_from_u64(seed);
        let model = Model { random, is_calm: false, has_digests, ports: Vec::new() };
        Self(Arc::new(Mutex::new(model)))
    }

    /// A connection until it is cut off, and what comes by it.
    pub(super) fn connect(&self, node: &NodeId, cut: CancellationToken) -> (Connection, Notices) {
        let (sender, notices) = mpsc::channel(limits::BUS_QUEUE_MAX);
        sender.try_send(Notice::Connected).expect("there is room for one");
        let mut model = self.0.lock();
        let cut_until = Instant::now();
        let node = node.clone();
        model.ports.push(Port { node, sender, joined: HashSet::new(), cut_until, cut });
        (Connection { network: self.clone(), number: model.ports.len() - 1 }, notices)
    }

    /// From now on it cuts nobody off and is fast, but goes on losing some events.
    pub(super) fn calm(&self) {
        let mut model = self.0.lock();
        model.is_calm = true;
        let now = Instant::now();
        model.ports.iter_mut().for_each(|port| port.cut_until = port.cut_until.min(now));
    }

    /// Cuts a node off for so long.
    pub(super) fn cut_one_off(&self, lasts: Duration) {
        let Model { random, ports, .. } = &mut *self.0.lock();
        let mut live: Vec<_> = ports.iter_mut().filter(|port| !port.cut.is_cancelled()).collect();
        let at = random.random_range(0..live.len());
        live[at].cut_until = Instant::now() + lasts;
    }

    fn deliver(&self, to: usize, notice: Notice, delay: Duration) {
        let sender = self.0.lock().ports[to].sender.clone();
        // The task ends with its message: no one need wait for it.
        #[expect(clippy::disallowed_methods, reason = "a message under way has no owner")]
        tokio::spawn(async move {
            sleep(delay).await;
            // A node that is gone, or reads too slowly, loses it.
            sender.try_send(notice).ok();
        });
    }
}

impl Model {
    fn happens(&mut self, chance: f64) -> bool {
        self.random.random_bool(chance)
    }

    /// How often a message arrives at a node, and each time how late.
    fn copies(&mut self, from: usize, to: usize, is_event: bool) -> Vec<Duration> {
        let now = Instant::now();
        let is_cut = |port: &Port| now < port.cut_until || port.cut.is_cancelled();
        let is_cut = [from, to].iter().any(|node| is_cut(&self.ports[*node]));
        let chance = if self.is_calm { 0.0 } else { 0.05 };
        let chance_of_event = if self.is_calm && !self.has_digests { 0.0 } else { 0.1 };
        if is_cut || is_event && self.happens(chance_of_event) || self.happens(chance) {
            return Vec::new();
        }
        let most = if !self.is_calm && self.happens(0.1) { 400 } else { 5 };
        let count = if self.happens(0.1) { 2 } else { 1 };
        (0..count).map(|_| Duration::from_millis(self.random.random_range(0..most))).collect()
    }
}

impl Bus for Connection {
    fn publish(&self, subject: Subject<'_>, message: Vec<u8>) {
        let (notice, is_event) = match subject {
            Subject::Auction(_) => (Notice::Event(message), true),
            Subject::Digests if !self.network.0.lock().has_digests => {
                let digest = Digest::decode(&message).expect("a digest");
                let empty = Digest { reached: Vec::new(), ..digest };
                (Notice::Digest(empty.encode()), false)
            }
            Subject::Digests => (Notice::Digest(message), false),
            Subject::Awaited => (Notice::Awaited(message), false),
        };
        let mut under_way = Vec::new();
        let mut model = self.network.0.lock();
        if !model.is_calm && model.happens(0.002) {
            let cut = Duration::from_millis(model.random.random_range(0..4000));
            let now = Instant::now();
            model.ports[self.number].cut_until = now + cut;
        }
        for to in 0..model.ports.len() {
            let wants = |id| model.ports[to].joined.contains(id);
            if to != self.number && !matches!(subject, Subject::Auction(id) if !wants(id)) {
                let copies = model.copies(self.number, to, is_event);
                under_way.extend(copies.into_iter().map(|delay| (to, delay)));
            }
        }
        drop(model);
        for (to, delay) in under_way {
            self.network.deliver(to, notice.clone(), delay);
        }
    }

    fn request<'a>(&'a self, node: &'a NodeId, message: Vec<u8>) -> BoxFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            let is_it = |port: &Port| port.node == *node;
            let to = self.network.0.lock().ports.iter().position(is_it)?;
            let (replier, mut answers) = Replier::new();
            // At most once: nobody resends a request, so none comes twice.
            if let Some(delay) = self.copies(self.number, to).into_iter().next() {
                self.network.deliver(to, Notice::Request(message, replier), delay);
            }
            let answer = answers.recv().await?;
            // It may get lost on its way back, too.
            let delay = self.copies(to, self.number).into_iter().next();
            match delay {
                Some(delay) => sleep(delay).await,
                None => std::future::pending().await,
            }
            Some(answer)
        })
    }
}

impl Connection {
    /// How late a message to a node arrives, each time that it does.
    fn copies(&self, from: usize, to: usize) -> Vec<Duration> {
        self.network.0.lock().copies(from, to, false)
    }
}

impl Interest for Connection {
    fn join<'a>(&'a self, id: &'a AuctionId) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let (cut_until, ms) = {
                let mut model = self.network.0.lock();
                // Without digests nothing mends what falls between, so that it may well take longer.
                let most = if model.has_digests { 5 } else { 100 };
                (model.ports[self.number].cut_until, model.random.random_range(0..most))
            };
            sleep(Duration::from_millis(ms)).await;
            // The interest stands also if nobody waits for it until the node is back.
            self.network.0.lock().ports[self.number].joined.insert(id.clone());
            sleep_until(cut_until).await;
            true
        })
    }

    fn leave(&self, id: &AuctionId) {
        self.network.0.lock().ports[self.number].joined.remove(id);
    }
}
