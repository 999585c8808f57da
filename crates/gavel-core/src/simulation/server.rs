//! One process of the simulation: lanes, broker and relay over the shared table and its stream.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::bus::Network;
use super::stream::{ARN, Streams};
use crate::bidding::{Bidding, CommitNotifier, LaneSettings, Lanes, Notified};
use crate::broker::demand::Demand;
use crate::broker::{Broker, Interest};
use crate::cluster::{Announcer, Bus, Node, NodeId, Permit, Publisher, Readers};
use crate::limits;
use crate::relay::{PollIntervals, Relay};
use crate::store::simulated::Simulated;
use crate::tasks::Tasks;

const POLL_INTERVALS: PollIntervals = PollIntervals {
    busy: Duration::from_millis(5),
    watched: Duration::from_millis(50),
    idle: Duration::from_secs(1),
};

/// How a server is started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) is_hybrid: bool,
    pub(super) group_commit_max: usize,
}

/// One process over the shared table.
pub struct Server {
    /// Its lanes, and those of other nodes.
    pub bidding: Bidding<Simulated>,
    /// Its broker.
    pub broker: Broker<Simulated>,
    /// Its tasks.
    pub tasks: Tasks,
    pub(super) settings: Settings,
    /// Whether it reads the stream, where that is for the nodes of a cluster to agree upon.
    permit: Option<Permit>,
    stop: CancellationToken,
    /// It reaches nothing any more, and nobody reaches it.
    cut: CancellationToken,
}

impl Server {
    pub(super) fn start(
        table: &Simulated,
        streams: &Streams,
        network: Option<&Network>,
        settings: Settings,
    ) -> Self {
        let Settings { is_hybrid, group_commit_max } = settings;
        let cut = CancellationToken::new();
        let table = Arc::new(table.connection(cut.clone()));
        let streams = streams.connection(cut.clone());
        let (tasks, stop) = (Tasks::default(), CancellationToken::new());
        let demand = Demand::new(limits::DEMAND_EXPIRY);
        let mut broker = Broker::new(Arc::clone(&table), demand.clone(), tasks.clone())
            .checking_per_second(limits::QUIET_CHECKS_PER_SECOND_MAX);
        let announcer = if is_hybrid { Announcer::Lane } else { Announcer::Relay };
        let (mut cluster, mut in_cluster) = (None, None);
        if let Some(network) = network {
            let id = NodeId::random();
            let (connection, notices) = network.connect(&id, cut.clone());
            let bus: Arc<dyn Bus> = Arc::new(connection);
            broker = broker.interested(Arc::clone(&bus) as Arc<dyn Interest>);
            let publisher = Publisher::new(id, bus, announcer);
            let readers = limits::STREAM_READERS_MAX;
            let readers = Readers::new(Arc::clone(&table), publisher.node().clone(), readers);
            let node = Node::new(publisher.clone(), broker.clone(), demand.clone());
            cluster = Some((publisher, readers.permit()));
            tasks.spawn("readers", readers.run(stop.clone()));
            in_cluster = Some((node, notices));
        }
        let local = if is_hybrid {
            Notified::Broker(broker.clone())
        } else {
            Notified::Relay(demand.clone())
        };
        let publisher = cluster.as_ref().map(|(publisher, _)| publisher.clone());
        let notifier = CommitNotifier::new(local, publisher);
        let lane_settings = LaneSettings { group_commit_max, ..LaneSettings::default() };
        let lanes = Lanes::new(Arc::clone(&table), notifier, lane_settings, tasks.clone());
        let node = in_cluster.as_ref().map(|(node, _)| node.clone());
        let bidding = Bidding::new(lanes, node);
        if let Some((node, notices)) = in_cluster {
            let requests = bidding.clone();
            tasks.spawn("node", node.run(notices, requests, tasks.clone(), stop.clone()));
        }
        let permit = cluster.as_ref().map(|(_, permit)| permit.clone());
        let mut relay = Relay::new(streams, ARN.into(), broker.clone(), demand, POLL_INTERVALS);
        if let Some((publisher, permit)) = cluster {
            relay = relay.in_cluster(publisher, permit);
        }
        tasks.spawn("relay", relay.run(stop.clone()));
        tasks.spawn("broker", broker.clone().run(stop.clone()));
        Self { bidding, broker, tasks, settings, permit, stop, cut }
    }

    /// Whether it has a lease of the stream.
    pub(super) fn has_lease(&self) -> bool {
        self.permit.as_ref().is_some_and(|permit| *permit.borrow())
    }

    /// Dies without a word: from now on it reaches nothing, and nobody reaches it.
    pub(super) async fn die(&self) {
        self.cut.cancel();
        self.end().await;
    }

    /// Ends once it is dead.
    pub async fn is_dead(&self) {
        self.cut.cancelled().await;
    }

    /// Shuts down; nothing of it has panicked.
    pub async fn end(&self) {
        self.bidding.lanes().close();
        self.stop.cancel();
        self.tasks.finished().await;
        assert!(!self.tasks.has_failed(), "a task panicked");
    }
}
