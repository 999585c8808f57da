//! The components of a service: how they are connected, started and stopped.

use std::sync::Arc;

use anyhow::bail;
use axum::Router;
use gavel_core::bidding::{Bidding, CommitNotifier, LaneSettings, Lanes, Notified, schedule};
use gavel_core::broker::demand::Demand;
use gavel_core::broker::{Broker, Interest};
use gavel_core::cluster::{Announcer, Node, Notices, Publisher, Readers};
use gavel_core::relay::Relay;
use gavel_core::relay::stream::DynamoStreams;
use gavel_core::store::Dynamo;
use gavel_core::store::connect::Clients;
use gavel_core::tasks::Tasks;
use gavel_trace::Tracer;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::identity::Identity;
use crate::cluster::Connected;
use crate::compute::ComputePool;
use crate::config::{Args, RelayMode, Switch};
use crate::graphql::Api;
use crate::graphql::persisted::Documents;
use crate::http;
use crate::http::metrics::Metrics;
use crate::http::page::Page;
use crate::http::playground::Playground;
use crate::http::serve::{ConnectionLimits, Listener, serve};
use crate::limiter::{ClientLimiter, ClientLimits};
use crate::limits;
use crate::readiness::Readiness;
use crate::websocket::Sockets;
use crate::websocket::directory::Directory;
use crate::websocket::fanout::Fanout;
use crate::websocket::resume::Resumes;

/// The listening sockets of a service.
pub(super) struct Listeners {
    pub(super) public: Listener,
    pub(super) admin: Option<TcpListener>,
}

/// What the parts of a service are made of.
pub(super) struct Prepared {
    pub(super) clients: Clients,
    pub(super) stream_arn: String,
    pub(super) identity: Identity,
    pub(super) limiter: ClientLimiter,
    pub(super) tracer: Tracer,
    pub(super) compute: ComputePool,
    pub(super) tasks: Tasks,
    /// Cancelled when what runs behind requests is to end.
    pub(super) background: CancellationToken,
    pub(super) connected: Option<Connected>,
    pub(super) documents: Documents,
}

/// The parts of a service that has not started.
pub(super) struct Components {
    pub(super) store: Arc<Dynamo>,
    pub(super) identity: Identity,
    bidding: Bidding,
    pub(super) relay: Relay<DynamoStreams>,
    broker: Broker,
    pub(super) sockets: Arc<Sockets>,
    cluster: Option<InCluster>,
    tasks: Tasks,
    background: CancellationToken,
}

/// What makes a server a node of a cluster.
struct InCluster {
    node: Node,
    readers: Readers<Dynamo>,
    notices: Notices,
}

impl Components {
    pub(super) fn build(args: &Args, prepared: Prepared) -> Self {
        let Prepared { clients, stream_arn, identity, limiter, tracer, compute, .. } = prepared;
        let (tasks, background) = (prepared.tasks, prepared.background);
        let connected = prepared.connected;
        let store = Arc::new(Dynamo::new(clients.dynamodb.clone(), args.store.table.clone()));
        let reading = Arc::new(store.taking_turns());
        let demand = Demand::new(limits::DEMAND_EXPIRY);
        let mut broker = Broker::new(Arc::clone(&reading), demand.clone(), tasks.clone())
            .traced(tracer.clone())
            .with_room_for(args.service.auctions_watched)
            // The model of a trigger shows what a trigger does, and no more.
            .checking_per_second(match args.delivery.relay {
                #[cfg(feature = "lambda-model")]
                RelayMode::Lambda => 0,
                RelayMode::Stream | RelayMode::Hybrid => args.delivery.quiet_checks_per_second,
            });
        let announcer = match args.delivery.relay {
            RelayMode::Hybrid => Announcer::Lane,
            RelayMode::Stream => Announcer::Relay,
            // Checked before: it is in no cluster.
            #[cfg(feature = "lambda-model")]
            RelayMode::Lambda => Announcer::Relay,
        };
        let publisher = (connected.as_ref()).map(|connected| {
            Publisher::new(connected.node.clone(), Arc::clone(&connected.bus), announcer)
        });
        let settings = LaneSettings {
            group_commit_max: args.delivery.group_commit_max,
            standings: args.delivery.standings == Switch::On,
            ..LaneSettings::default()
        };
        if let Some(connected) = &connected {
            broker = broker.interested(Arc::clone(&connected.bus) as Arc<dyn Interest>);
        }
        let local = match args.delivery.relay {
            RelayMode::Stream => Notified::Relay(demand.clone()),
            RelayMode::Hybrid => Notified::Broker(broker.clone()),
            #[cfg(feature = "lambda-model")]
            RelayMode::Lambda => Notified::Nobody,
        };
        let notifier = CommitNotifier::new(local, publisher.clone());
        let lanes = Lanes::new(Arc::clone(&store), notifier, settings, tasks.clone());
        let streams = DynamoStreams { clients: clients.clone(), table: args.store.table.clone() };
        let poll_intervals = args.delivery.poll_intervals();
        let (arn, to) = (stream_arn.as_str().into(), broker.clone());
        let mut relay = Relay::new(streams, arn, to, demand.clone(), poll_intervals);
        let mut cluster = None;
        if let Some((publisher, Connected { node, notices, .. })) = publisher.zip(connected) {
            let readers = Readers::new(Arc::clone(&store), node, args.cluster.stream_readers);
            relay = relay.in_cluster(publisher.clone(), readers.permit());
            let node = Node::new(publisher, broker.clone(), demand);
            cluster = Some(InCluster { node, readers, notices });
        }
        let node = cluster.as_ref().map(|cluster| cluster.node.clone());
        let bidding = Bidding::new(lanes, node);
        let shutdown = CancellationToken::new();
        let directory = Directory::new(Arc::clone(&reading), tasks.clone(), shutdown.clone());
        let rules = args.documents.rules(args.access.introspection == Switch::On);
        let api = Api::new(
            reading,
            bidding.clone(),
            limiter.clone(),
            rules,
            tasks.clone(),
            tracer.clone(),
            compute,
        )
        .knowing(prepared.documents);
        let sockets = Arc::new(Sockets {
            fanout: Fanout::new(api.schema().clone(), limiter.clone(), tasks.clone(), tracer)
                .telling_each_watcher(args.observing.trace_watchers),
            directory,
            api,
            authenticator: identity.authenticator.clone(),
            broker: broker.clone(),
            resumes: Resumes::default(),
            limiter,
            limits: args.connection.socket_limits(),
            places: args.service.sockets,
            room: Arc::new(Semaphore::new(args.service.sockets)),
            tasks: tasks.clone(),
            shutdown,
        });
        Self { store, identity, bidding, relay, broker, sockets, cluster, tasks, background }
    }

    /// The same with the stream read by the model of a trigger.
    #[cfg(feature = "lambda-model")]
    pub(super) fn with_lambda(self, settings: lambda_model::Settings) -> Self {
        Self { relay: self.relay.as_lambda(settings), ..self }
    }

    pub(super) fn start(
        self,
        listeners: Listeners,
        (playground, page): (Option<Arc<Playground>>, Option<Arc<Page>>),
        args: &Args,
    ) -> RunningService {
        let body_bytes_max = args.connection.http_body_bytes;
        let running = RunningService {
            connections: ConnectionLimits {
                connections_max: args.service.connections,
                keep_alive: args.connection.keep_alive(),
            },
            tasks: self.tasks.clone(),
            lanes: self.bidding.lanes().clone(),
            serving: self.sockets.shutdown.clone(),
            background: self.background,
        };
        let node = self.cluster.as_ref().map(|cluster| cluster.node.clone());
        let readiness = Readiness::new(Arc::clone(&self.store), self.relay.health(), node.clone());
        let metrics = http::metrics::routes(Metrics {
            store: Arc::clone(&self.store),
            bidding: self.bidding.clone(),
            relay: self.relay.health(),
            readiness: readiness.clone(),
            node,
            sockets: Arc::clone(&self.sockets),
            verifier: self.identity.verifier.clone(),
            tasks: self.tasks.clone(),
        });
        let health = http::health::routes(readiness.clone());
        let stop = || running.background.clone();
        self.tasks.spawn("readiness", readiness.run(stop()));
        if let Some(InCluster { node, readers, notices }) = self.cluster {
            let (requests, tasks) = (self.bidding.clone(), self.tasks.clone());
            self.tasks.spawn("node", node.run(notices, requests, tasks, stop()));
            self.tasks.spawn("readers", readers.run(stop()));
        }
        self.tasks.spawn("relay", self.relay.run(stop()));
        self.tasks.spawn("broker", self.broker.run(stop()));
        self.tasks.spawn("schedule", schedule::run(self.store, running.lanes.clone(), stop()));

        let api = self.sockets.api.clone();
        let authenticator = self.sockets.authenticator.clone();
        self.identity.keep(&self.tasks, &running.background);
        let sockets = self.sockets;
        let limiter = sockets.limiter.clone();
        let refused_origins = Arc::default();
        let state = http::State {
            api,
            authenticator,
            sockets,
            playground,
            page,
            body_bytes_max,
            refused_origins,
        };
        let told = health.merge(metrics);
        let Listeners { public: listener, admin } = listeners;
        if let Some(tls) = listener.tls.clone() {
            self.tasks.spawn("TLS", tls.keep(stop()));
        }
        match admin {
            None => {
                let public = http::routes(state, Some(told));
                running.serve("http", listener, public, limiter, &running.serving);
            }
            // With an address of their own, health and metrics are served until the end, to anyone
            // who asks.
            Some(admin) => {
                let open = ClientLimiter::new(ClientLimits::default());
                let public = http::routes(state, None);
                running.serve("http", listener, public, limiter, &running.serving);
                let admin = Listener { socket: admin, tls: None };
                running.serve("admin", admin, told, open, &running.background);
            }
        }
        running
    }
}

/// A running service.
pub(super) struct RunningService {
    connections: ConnectionLimits,
    pub(super) tasks: Tasks,
    lanes: Lanes<Dynamo>,
    /// Stops HTTP and sockets, first.
    serving: CancellationToken,
    /// Stops relay, broker, schedule and health, second.
    background: CancellationToken,
}

impl RunningService {
    fn serve(
        &self,
        name: &'static str,
        listener: Listener,
        router: Router,
        limiter: ClientLimiter,
        until: &CancellationToken,
    ) {
        let (limits, tasks) = (self.connections, self.tasks.clone());
        self.tasks.spawn(name, serve(listener, router, limiter, limits, tasks, until.clone()));
    }

    /// The shutdown sequence: stop accepting and close sockets with 1012, finish running requests,
    /// finish lanes, stop the relay; all within a deadline.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        info!(tasks = self.tasks.running(), "stopping");
        self.serving.cancel();
        // A mutation that has reached its lane is finished; a later one is rejected as not written.
        self.lanes.close();
        self.background.cancel();
        let clean = timeout(limits::SHUTDOWN_TIMEOUT, self.tasks.finished()).await.is_ok();
        if self.tasks.has_failed() {
            bail!("a task failed; see the log");
        }
        if !clean {
            bail!(
                "{} tasks did not end within {:?}",
                self.tasks.running(),
                limits::SHUTDOWN_TIMEOUT
            );
        }
        info!("stopped cleanly");
        Ok(())
    }
}
