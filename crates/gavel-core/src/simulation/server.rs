//! One process of the simulation: lanes, broker and relay over the shared table and its stream.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::stream::{ARN, Streams};
use crate::bidding::{CommitNotifier, LaneSettings, Lanes};
use crate::broker::Broker;
use crate::broker::demand::Demand;
use crate::limits;
use crate::relay::{PollIntervals, Relay};
use crate::store::simulated::Simulated;
use crate::tasks::Tasks;

const POLL_INTERVALS: PollIntervals = PollIntervals {
    busy: Duration::from_millis(5),
    watched: Duration::from_millis(50),
    idle: Duration::from_secs(1),
};

/// One process over the shared table.
pub struct Server {
    /// Its lanes.
    pub lanes: Lanes<Simulated>,
    /// Its broker.
    pub broker: Broker<Simulated>,
    /// Its tasks.
    pub tasks: Tasks,
    stop: CancellationToken,
}

impl Server {
    pub(super) fn start(
        table: &Arc<Simulated>,
        streams: &Streams,
        is_hybrid: bool,
        group_commit_max: usize,
    ) -> Self {
        let (tasks, stop) = (Tasks::default(), CancellationToken::new());
        let demand = Demand::new(limits::DEMAND_EXPIRY);
        let broker = Broker::new(Arc::clone(table), demand.clone(), tasks.clone())
            .checking_per_second(limits::QUIET_CHECKS_PER_SECOND_MAX);
        let notifier = if is_hybrid {
            CommitNotifier::Broker(broker.clone())
        } else {
            CommitNotifier::Relay(demand.clone())
        };
        let settings = LaneSettings { group_commit_max, ..LaneSettings::default() };
        let lanes = Lanes::new(Arc::clone(table), notifier, settings, tasks.clone());
        let relay = Relay::new(streams.clone(), ARN.into(), broker.clone(), demand, POLL_INTERVALS);
        tasks.spawn("relay", relay.run(stop.clone()));
        tasks.spawn("broker", broker.clone().run(stop.clone()));
        Self { lanes, broker, tasks, stop }
    }

    /// Shuts down; nothing of it has panicked.
    pub async fn end(self) {
        self.lanes.close();
        self.stop.cancel();
        self.tasks.finished().await;
        assert!(!self.tasks.has_failed(), "a task panicked");
    }
}
