//! /metrics: the counts of all parts, in Prometheus' text format. docs/METRICS.md explains each
//! name; a test compares the two.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use gavel_core::bidding::Bidding;
use gavel_core::cluster::Node;
use gavel_core::metrics::exposition::{self, Exposition};
use gavel_core::relay::{Health, Standing};
use gavel_core::store::Dynamo;
use gavel_core::tasks::Tasks;
use tracing::error;

use crate::auth::Verifier;
use crate::limits;
use crate::readiness::Readiness;
use crate::version;
use crate::websocket::Sockets;

/// The parts that have counts.
#[derive(Clone)]
pub struct Metrics {
    /// Errors of the store.
    pub store: Arc<Dynamo>,
    /// Bids and transactions.
    pub bidding: Bidding,
    /// Reads of the stream.
    pub relay: Health,
    /// Whether the service can serve.
    pub readiness: Readiness,
    /// The node of a cluster, if it is one.
    pub node: Option<Node>,
    /// Sockets, and through them the broker, the API and the guard.
    pub sockets: Arc<Sockets>,
    /// Tokens.
    pub verifier: Verifier,
    /// Tasks.
    pub tasks: Tasks,
}

/// The route.
pub fn routes(metrics: Metrics) -> Router {
    Router::new().route("/metrics", get(scrape)).with_state(metrics)
}

async fn scrape(State(metrics): State<Metrics>) -> Response {
    match metrics.page().text() {
        Ok(text) => ([(CONTENT_TYPE, exposition::CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            error!(%error, "the metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

impl Metrics {
    /// The answer to a scrape.
    pub fn page(&self) -> Exposition {
        let mut page = Exposition::default();
        self.bids(&mut page);
        self.relay(&mut page);
        self.broker(&mut page);
        self.cluster(&mut page);
        self.clients(&mut page);
        self.refusals(&mut page);
        self.readiness(&mut page);
        self.clock(&mut page);
        let build = [("version", env!("CARGO_PKG_VERSION")), ("commit", version::COMMIT)];
        page.info("gavel_build_info", "The running version", &build);
        let tasks = self.tasks.running() as f64;
        page.gauge("gavel_tasks", "Running tasks of the process", tasks);
        page
    }

    fn readiness(&self, page: &mut Exposition) {
        let verdict = self.readiness.verdict();
        let is = |holds: bool| f64::from(u8::from(holds));
        let help = "Whether the service can serve, as /readyz says";
        page.gauge("gavel_ready", help, is(verdict.state.is_ready()));
        let parts = [
            ("store", verdict.store.is_some()),
            ("relay", verdict.relay.is_some()),
            ("bus", verdict.bus.is_some()),
            ("clock", verdict.clock.is_some()),
        ];
        let help = "Whether a part of the service has a problem";
        page.gauges("gavel_degraded", help, "part", parts.map(|(part, of)| (part, is(of))));
    }

    /// Without a cluster, its counts are 0 and its only node is this one.
    fn cluster(&self, page: &mut Exposition) {
        let counts = self.node.as_ref().map(Node::counts).unwrap_or_default();
        counts.expose(page);
        let nodes = 1 + self.node.as_ref().map_or(0, Node::others);
        page.gauge("gavel_cluster_nodes", "Nodes that live, with this one", nodes as f64);
    }

    fn clock(&self, page: &mut Exposition) {
        let help = "The least that the clock is ahead of DynamoDB's";
        page.gauge("gavel_clock_skew_seconds", help, self.readiness.clock_ahead_us() as f64 / 1e6);
        let help = "How often the machine's clock was set while the process ran";
        page.counter("gavel_clock_steps_total", help, self.readiness.clock_steps());
    }

    fn bids(&self, page: &mut Exposition) {
        let lanes = self.bidding.lanes();
        lanes.counts().expose(page);
        self.bidding.counts().expose(page);
        page.gauge("gavel_lanes", "Auctions that are being written", lanes.count() as f64);
        let (all, longest) = lanes.queued();
        page.gauge("gavel_lane_queued", "Commands waiting for their lane", all as f64);
        let help = "Commands in the longest queue of a lane";
        page.gauge("gavel_lane_queue_longest", help, longest as f64);
        let help = "Failed requests to DynamoDB, by what is known of their outcome";
        page.counters("gavel_store_errors_total", help, "kind", self.store.errors().each());
    }

    fn relay(&self, page: &mut Exposition) {
        let stats = self.relay.stats();
        let get = |counter: &std::sync::atomic::AtomicU64| counter.load(Relaxed);
        let (polls, empty) = (get(&stats.polls), get(&stats.empty_polls));
        let results = [("records", polls.saturating_sub(empty)), ("empty", empty)];
        let help = "GetRecords calls that answered";
        page.counters("gavel_relay_polls_total", help, "result", results);
        let help = "Approximate charge of AWS for these calls";
        let dollars = polls as f64 * limits::READ_PRICE_USD;
        page.amount("gavel_relay_estimated_cost_usd_total", help, dollars);
        page.counter("gavel_relay_records_total", "Stream records read", get(&stats.records));
        let problems = [
            ("expired", get(&stats.expired_iterators)),
            ("trimmed", get(&stats.trimmed)),
            ("undecodable", get(&stats.undecodable)),
            ("failed", get(&stats.errors)),
        ];
        let help = "Problems with reading the stream";
        page.counters("gavel_relay_errors_total", help, "kind", problems);
        let help = "Time from seal to read of the last record";
        page.gauge("gavel_relay_lag_seconds", help, stats.lag_us.get() as f64 / 1e6);
        let (shards, age) = self.relay.ages();
        let help = "Time since the least recently read shard was read";
        page.gauge("gavel_relay_iterator_age_seconds", help, age.as_secs_f64());
        page.gauge("gavel_relay_shards", "Shards that are read", shards as f64);
        let stands = [Standing::Reading, Standing::Standby].contains(&self.relay.standing());
        let ready = f64::from(u8::from(stands));
        page.gauge("gavel_relay_ready", "Whether every shard can be read", ready);
        #[cfg(feature = "lambda-model")]
        lambda(page, *stats.handlers.lock());
    }

    fn broker(&self, page: &mut Exposition) {
        let broker = &self.sockets.broker;
        broker.counts().expose(page);
        page.gauge("gavel_topics", "Watched auctions", broker.count() as f64);
    }

    fn clients(&self, page: &mut Exposition) {
        let fanout = &self.sockets.fanout;
        fanout.counts().expose(page);
        page.gauge("gavel_groups", "Groups of equal subscriptions", fanout.count() as f64);
        page.gauge("gavel_sockets", "Open sockets", self.sockets.open() as f64);
        let open = self.sockets.limiter.open() as f64;
        page.gauge("gavel_http_connections", "Open HTTP connections, sockets excluded", open);
        self.sockets.api.counts().totals.expose(page);
    }

    fn refusals(&self, page: &mut Exposition) {
        let limiter = &self.sockets.limiter;
        let clients = limiter.refusals().map(|(limit, count)| (limit.name(), count));
        let lanes = self.bidding.lanes().counts();
        let parts = [
            ("token", self.verifier.too_long()),
            ("topics", self.sockets.broker.counts().no_place.get()),
            ("rate_keys", limiter.rate_keys_full()),
            ("table_reads", self.store.waited()),
        ];
        let all = limiter.met().each().chain(clients).chain(lanes.no_place.each()).chain(parts);
        let help = "How often each limit of docs/LIMITS.md was reached";
        page.counters("gavel_limit_refusals_total", help, "limit", all);
    }
}

/// Counts of the modelled Lambda trigger.
#[cfg(feature = "lambda-model")]
fn lambda(page: &mut Exposition, handlers: lambda_model::Tally) {
    let results = [("ok", handlers.invocations - handlers.failed), ("failed", handlers.failed)];
    let help = "Invocations by the modelled Lambda trigger";
    page.counters("gavel_lambda_invocations_total", help, "result", results);
    let records = [
        ("handled", handlers.handled),
        ("replayed", handlers.replayed),
        ("given_up", handlers.given_up),
    ];
    let help = "Records of the modelled Lambda trigger";
    page.counters("gavel_lambda_records_total", help, "what", records);
}
