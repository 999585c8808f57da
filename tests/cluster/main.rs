//! Several servers over one table, with a real nats-server between them: `tests/nats/run`.

mod nats;
mod delivery;
mod readers;
mod outage;
mod start;
mod trust;
mod forward;

use std::time::Duration;

use dynamodb_emulator::{Emulator, Options};
use e2e::{Gavel, Socket};
use nats::Nats;
use serde_json::{Value, json};

const WATCH: &str = "subscription($id: ID!) { bidCreated(auctionId: $id, after: 0) \
                     { sequence timing { forwardedAt source } } }";

/// What is promised of a watcher of another node while the bus is away.
const WITHOUT_BUS: Duration = Duration::from_millis(1_500);

/// Nodes over a store of their own.
struct House {
    emulator: Emulator,
    nats: Nats,
    nodes: Vec<Gavel>,
    flags: Vec<String>,
}

impl House {
    async fn start(count: usize, relay: &str) -> Self {
        Self::over(Options::default(), count, relay).await
    }

    /// Over a store with these options.
    async fn over(options: Options, count: usize, relay: &str) -> Self {
        let emulator = Emulator::start(options).await.expect("it starts");
        let nats = Nats::start();
        let url = emulator.endpoint();
        let flags = ["--dynamodb", &url, "--relay", relay, "--cluster", &nats.url()];
        let flags = flags.map(str::to_owned).to_vec();
        let mut house = Self { emulator, nats, nodes: Vec::new(), flags };
        for _ in 0..count {
            house.join().await;
        }
        e2e::soon("the nodes know each other", || house.know_each_other()).await;
        house
    }

    async fn know_each_other(&self) -> bool {
        for node in &self.nodes {
            if node.metric("gavel_cluster_nodes").await < self.nodes.len() as f64 {
                return false;
            }
        }
        true
    }

    /// One more node.
    async fn join(&mut self) {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        self.nodes.push(Gavel::with(&flags).await);
    }

    /// A watcher of the auction on each node.
    async fn watch(&self, id: &str) -> Vec<Socket> {
        let mut sockets = Vec::new();
        for node in &self.nodes {
            let mut socket = node.socket(None).await;
            socket.subscribe("w", WATCH, json!({ "id": id })).await;
            socket.lives().await;
            sockets.push(socket);
        }
        sockets
    }

    /// Bids by each node in turn, `from` to `to`.
    async fn bid(&self, id: &str, from: u64, to: u64) {
        for n in from..=to {
            let node = &self.nodes[n as usize % self.nodes.len()];
            assert_eq!(node.bid("ann", id, 900 + 100 * n).await["bid"]["sequence"], n);
        }
    }

    /// How many nodes read the stream.
    async fn readers(&self) -> usize {
        let mut readers = 0;
        for node in &self.nodes {
            readers += usize::from(node.metric("gavel_relay_shards").await > 0.0);
        }
        readers
    }

    async fn stop(self) {
        for node in self.nodes {
            node.stop().await.expect("it stops");
        }
        self.emulator.shutdown().await;
    }
}

/// The next bid that a watcher is sent.
async fn next(socket: &mut Socket) -> Value {
    socket.next("w").await["data"]["bidCreated"].clone()
}

/// Whether nothing more comes for a moment.
async fn is_silent(socket: &mut Socket) -> bool {
    tokio::time::timeout(Duration::from_millis(500), socket.next("w")).await.is_err()
}
