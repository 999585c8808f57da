//! `measure`: a black box for anybody's GraphQL service. A mutation is timed from its planned send to
//! each subscriber; nothing of the service is known but its two documents.

pub mod template;
pub mod protocol;
mod subscriber;
mod mutations;
pub mod report;
pub mod comparison;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

pub use self::protocol::Protocol;
use self::report::{Noted, Report};
use crate::measure::environment::Environment;

/// What a run keeps in memory: mutations, each times its subscribers.
const DELIVERIES_MAX: f64 = 2_000_000.0;
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Events that belong to no mutation of this run: others use the service, too.
const OTHERS_MAX: usize = 100_000;

/// How a caller signs in.
#[derive(Clone, Default)]
pub struct Identity {
    /// A token, without `Bearer`.
    pub token: Option<String>,
    /// An API key.
    pub api_key: Option<String>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}

/// A document and its variables, which may have placeholders.
#[derive(Debug, Clone)]
pub struct Document {
    /// The document.
    pub query: String,
    /// Its variables.
    pub variables: Value,
}

/// What to measure, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where mutations are sent.
    pub url: String,
    /// Where subscriptions are opened.
    pub ws_url: String,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Who calls.
    pub identity: Identity,
    /// What is sent.
    pub mutation: Document,
    /// What is subscribed to.
    pub subscription: Document,
    /// The path in a mutation's `data` to what identifies its event. `None`: the marker, which its
    /// variables carry.
    pub answer_key: Option<String>,
    /// The path in an event's `data` to the same.
    pub event_key: Option<String>,
    /// The path in an event's `data` to a number that must rise.
    pub event_number: Option<String>,
    /// Sockets, each with a subscription.
    pub subscribers: usize,
    /// Mutations a second.
    pub rate: f64,
    /// How long to send.
    pub duration: Duration,
    /// How long the last events may take.
    pub wait: Duration,
    /// What the markers of this run begin with.
    pub run: String,
    /// The command that repeats the run, without its secrets.
    pub command: String,
}

/// A mutation.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// When it was to be sent.
    pub(crate) planned: Instant,
    /// When it really was.
    pub(crate) began: Instant,
    /// When it was answered, and with what: the key of its event, or what went wrong.
    pub(crate) answer: Option<(Instant, Result<String, String>)>,
}

/// An event that came to a subscriber.
#[derive(Debug, Clone)]
pub(crate) struct Came {
    pub(crate) subscriber: usize,
    pub(crate) key: String,
    pub(crate) number: Option<i64>,
    pub(crate) at: Instant,
}

/// What has happened.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) sent: Vec<Sent>,
    pub(crate) came: Vec<Came>,
    /// Subscriptions that ended, and why.
    pub(crate) ended: Vec<String>,
    /// Events without a key of this run.
    pub(crate) others: usize,
}

pub(crate) type SharedLog = Arc<Mutex<Log>>;

/// Measures a service.
///
/// # Errors
/// When a subscriber cannot subscribe, or the plan is invalid.
pub async fn run(plan: Plan) -> anyhow::Result<Report> {
    let mutations = plan.rate * plan.duration.as_secs_f64();
    let deliveries = mutations * plan.subscribers as f64;
    ensure!(
        plan.rate > 0.0 && mutations >= 1.0 && deliveries <= DELIVERIES_MAX,
        "--rate, --duration and --subscribers must give from 1 to 2,000,000 deliveries"
    );
    ensure!(plan.subscribers > 0, "--subscribers must be at least 1");
    ensure!(
        plan.answer_key.is_some() == plan.event_key.is_some(),
        "--answer-key and --event-key belong together"
    );
    let environment = Environment::begin();
    let plan = Arc::new(plan);
    let log = SharedLog::default();
    let mut subscribers = JoinSet::new();
    for number in 0..plan.subscribers {
        let ready = subscriber::Subscriber::open(Arc::clone(&plan), number, Arc::clone(&log)).await;
        let subscriber = ready.with_context(|| format!("subscriber {}", number + 1))?;
        subscribers.spawn(subscriber.listen());
    }
    mutations::send(&plan, &log).await?;
    timeout(plan.wait, all_came(&plan, &log)).await.ok();
    subscribers.shutdown().await;
    let log = std::mem::take(&mut *log.lock());
    Ok(Report::new(&Noted { plan: &plan, log: &log }, environment.end()))
}

/// Returns when every answered mutation has reached every subscriber.
async fn all_came(plan: &Plan, log: &SharedLog) {
    loop {
        {
            let log = log.lock();
            let mut counts: HashMap<&str, usize> = HashMap::new();
            log.came.iter().for_each(|came| *counts.entry(came.key.as_str()).or_default() += 1);
            let has_come = |sent: &Sent| match &sent.answer {
                Some((_, Ok(key))) => {
                    counts.get(key.as_str()).is_some_and(|count| *count >= plan.subscribers)
                }
                _ => true,
            };
            if log.sent.iter().all(has_come) {
                return;
            }
        }
        sleep(LOOK_EVERY).await;
    }
}

impl Log {
    /// Records an event.
    pub(crate) fn came(&mut self, came: Came) {
        if self.came.len() < DELIVERIES_MAX as usize + OTHERS_MAX {
            self.came.push(came);
        } else {
            self.others += 1;
        }
    }
}
