//! Whether the service can serve, checked periodically on behalf of everybody who asks.
//!
//! There are two separate questions. A service that cannot reach its table cannot serve, and
//! another one in its place may. One whose stream is late or not read is only degraded: bids are
//! accepted, and watchers are sent them from the lane or the table, so replacing it would only cut
//! their sockets.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rand::Rng as _;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use gavel_core::clock;
use gavel_core::clock::skew::Skew;
use gavel_core::cluster::Node;
use gavel_core::relay::{Health, Standing};
use gavel_core::store::{Dynamo, StoreError};

use crate::limits;

/// Whether the service can serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not yet: the service has just started.
    Starting,
    /// It can serve.
    Serving,
    /// It can serve, but something needs attention.
    Degraded,
    /// It cannot serve.
    Unavailable,
}

impl State {
    /// Its name in /readyz.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Serving => "serving",
            Self::Degraded => "degraded",
            Self::Unavailable => "unavailable",
        }
    }

    /// Whether requests should be sent to it.
    pub fn is_ready(self) -> bool {
        matches!(self, Self::Serving | Self::Degraded)
    }
}

/// The result of a request to the store. The error itself is only logged, because it names
/// accounts, roles and tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The request succeeded.
    Ok,
    /// The table accepts no more at the moment.
    Throttled,
    /// Access is denied: credentials, permissions, key or table.
    Denied,
    /// No answer, or a server error of DynamoDB.
    Failed,
}

impl From<&Result<(), StoreError>> for Answer {
    fn from(answer: &Result<(), StoreError>) -> Self {
        match answer {
            Ok(()) => Self::Ok,
            Err(StoreError::Throttled(_)) => Self::Throttled,
            Err(StoreError::Denied(_)) => Self::Denied,
            Err(_) => Self::Failed,
        }
    }
}

/// The observed condition of the parts of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The result of the last read; `None` before the first.
    pub read: Option<Answer>,
    /// For how long reads have been failing.
    pub reads_fail_for: Duration,
    /// The result of a write, if one was tried because bids are not written.
    pub write: Option<Answer>,
    /// The condition of the relay.
    pub relay: Standing,
    /// Whether the bus of the cluster is there and no node is missing; also without a cluster.
    pub bus_is_trusted: bool,
    /// How far the clock is ahead of DynamoDB's, at least; below 0: behind.
    pub clock_ahead_us: i64,
    /// How long the service has run.
    pub up_for: Duration,
}

/// What is wrong with a part, in words that anyone may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// The store was not queried yet.
    StoreNotAsked,
    /// Reads of the table fail, and why.
    Reads(Answer),
    /// Writes to the table fail although reads do not, and why.
    Writes(Answer),
    /// The relay does not read every shard.
    Relay(Standing),
    /// The bus is not connected, or a node's digests are missing.
    Bus,
    /// The clock is ahead of DynamoDB's, or behind it, by at least so many microseconds.
    Clock(i64),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = |answer: &Answer| match answer {
            Answer::Ok => "ok",
            Answer::Throttled => "throttled",
            Answer::Denied => "not permitted: credentials, permissions, key or table",
            Answer::Failed => "no answer",
        };
        match self {
            Self::StoreNotAsked => f.write_str("not queried yet"),
            Self::Reads(answer) => f.write_str(why(answer)),
            Self::Writes(answer) => write!(f, "writes fail: {}", why(answer)),
            Self::Relay(standing) => write!(f, "{standing}"),
            Self::Bus => {
                f.write_str("not connected, or a node is missing; the table is read instead")
            }
            Self::Clock(ahead_us) => {
                let side = if *ahead_us > 0 { "ahead of" } else { "behind" };
                write!(f, "{} ms {side} DynamoDB's", ahead_us.unsigned_abs() / 1_000)
            }
        }
    }
}

/// The state of the service, and what is wrong with each part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// The state of the whole service.
    pub state: State,
    /// The problem of the table.
    pub store: Option<Problem>,
    /// The problem of the relay.
    pub relay: Option<Problem>,
    /// The bus of the cluster.
    pub bus: Option<Problem>,
    /// The clock.
    pub clock: Option<Problem>,
}

/// Derives the verdict from the observed condition.
pub fn judge(seen: &Seen) -> Verdict {
    let (store, store_problem) = match (seen.read, seen.write) {
        (None, _) => (State::Starting, Some(Problem::StoreNotAsked)),
        // A store that throttles does answer.
        (Some(Answer::Throttled), _) => (State::Degraded, Some(Problem::Reads(Answer::Throttled))),
        (Some(Answer::Ok), None | Some(Answer::Ok)) => (State::Serving, None),
        (Some(Answer::Ok), Some(Answer::Throttled)) => {
            (State::Degraded, Some(Problem::Writes(Answer::Throttled)))
        }
        (Some(Answer::Ok), Some(answer)) => (State::Unavailable, Some(Problem::Writes(answer))),
        (Some(answer), _) if seen.reads_fail_for >= limits::STORE_DOWN_AFTER => {
            (State::Unavailable, Some(Problem::Reads(answer)))
        }
        // A brief failure is no outage.
        (Some(answer), _) => (State::Degraded, Some(Problem::Reads(answer))),
    };
    let relay = match seen.relay {
        Standing::Reading | Standing::Standby => State::Serving,
        Standing::Starting if seen.up_for < limits::RELAY_START_GRACE => State::Starting,
        _ => State::Degraded,
    };
    // It can serve, but auction ends, tokens and timestamps are wrong by as much.
    let is_off = seen.clock_ahead_us.unsigned_abs() > limits::CLOCK_SKEW_MAX.as_micros() as u64;
    let clock = if is_off { State::Degraded } else { State::Serving };
    let bus = if seen.bus_is_trusted { State::Serving } else { State::Degraded };
    let order = [State::Unavailable, State::Starting, State::Degraded, State::Serving];
    let worst = order.into_iter().find(|state| [store, relay, bus, clock].contains(state));
    Verdict {
        state: worst.unwrap_or(State::Serving),
        store: store_problem,
        relay: (relay != State::Serving).then_some(Problem::Relay(seen.relay)),
        bus: (!seen.bus_is_trusted).then_some(Problem::Bus),
        clock: is_off.then_some(Problem::Clock(seen.clock_ahead_us)),
    }
}

/// The readiness of a service. Clones share it.
#[derive(Debug, Clone)]
pub struct Readiness {
    store: Arc<Dynamo>,
    relay: Health,
    node: Option<Node>,
    state: Arc<Mutex<Known>>,
}

/// What checks of the store have shown.
#[derive(Debug)]
struct Known {
    began: Instant,
    read: Option<Answer>,
    reads_fail_since: Option<Instant>,
    write: Option<Answer>,
    skew: Skew,
    clock_steps: u64,
    reported: State,
}

impl Readiness {
    /// The readiness of a service with these parts.
    pub fn new(store: Arc<Dynamo>, relay: Health, node: Option<Node>) -> Self {
        let known = Known {
            began: Instant::now(),
            read: None,
            reads_fail_since: None,
            write: None,
            skew: Skew::default(),
            clock_steps: 0,
            reported: State::Starting,
        };
        Self { store, relay, node, state: Arc::new(Mutex::new(known)) }
    }

    /// Whether the service can serve, as of the last check. Costs nothing.
    pub fn verdict(&self) -> Verdict {
        let now = Instant::now();
        let known = self.state.lock();
        judge(&Seen {
            read: known.read,
            reads_fail_for: known.reads_fail_since.map_or(Duration::ZERO, |since| now - since),
            write: known.write,
            relay: self.relay.standing(),
            bus_is_trusted: self.node.as_ref().is_none_or(Node::is_trusted),
            clock_ahead_us: known.skew.ahead_us(),
            up_for: now - known.began,
        })
    }

    /// The least that the clock is ahead of DynamoDB's, in microseconds; negative: behind.
    pub fn clock_ahead_us(&self) -> i64 {
        self.state.lock().skew.ahead_us()
    }

    /// How often the machine's clock was set.
    pub fn clock_steps(&self) -> u64 {
        self.state.lock().clock_steps
    }

    /// Checks periodically until shutdown: half a read unit each time.
    pub async fn run(self, shutdown: CancellationToken) {
        let looking = async {
            loop {
                self.follow_clock();
                self.look().await;
                self.report();
                // At a different fraction of the second each time, because DynamoDB's date shows
                // only whole seconds.
                let share = rand::rng().random_range(0.75..=1.25);
                sleep(limits::READY_EVERY.mul_f64(share)).await;
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = looking => {}
        }
    }

    fn follow_clock(&self) {
        if let Some(step_us) = clock::follow() {
            let step_ms = step_us / 1_000;
            error!(step_ms, "the clock was set; timestamps, auction ends and tokens follow it");
            let mut known = self.state.lock();
            known.clock_steps += 1;
            known.skew.reset();
        }
    }

    async fn look(&self) {
        let began = Instant::now();
        let mut dated = None;
        let read = answer_of(self.store.probe_read(&mut dated)).await;
        // If bids are not written, one auction's item may be the cause; this write shows whether it
        // is.
        let bids_fail =
            self.store.writes_fail_for().is_some_and(|lasts| lasts >= limits::STORE_DOWN_AFTER);
        let write = match read {
            Answer::Ok if bids_fail => Some(answer_of(self.store.probe_write()).await),
            _ => None,
        };
        let mut known = self.state.lock();
        if let Some(sample) = dated {
            known.skew.take(sample, Instant::now().into_std());
        }
        known.read = Some(read);
        known.write = write;
        known.reads_fail_since = match read {
            Answer::Ok | Answer::Throttled => None,
            _ => Some(known.reads_fail_since.unwrap_or(began)),
        };
    }

    /// Logs when the state of the service changes.
    fn report(&self) {
        let verdict = self.verdict();
        let before = std::mem::replace(&mut self.state.lock().reported, verdict.state);
        if before == verdict.state {
            return;
        }
        let text = |problem: Option<Problem>| problem.map_or("ok".to_owned(), |p| p.to_string());
        let parts = [verdict.store, verdict.relay, verdict.clock];
        let [store, relay, clock] = parts.map(text);
        match verdict.state {
            State::Unavailable => warn!(store, relay, clock, "the service is unavailable"),
            State::Degraded => warn!(store, relay, clock, "the service is degraded"),
            State::Starting | State::Serving => {
                info!(state = verdict.state.name(), "the service is healthy");
            }
        }
    }
}

async fn answer_of(asked: impl Future<Output = Result<(), StoreError>>) -> Answer {
    match timeout(limits::READY_TIMEOUT, asked).await {
        Ok(answer) => Answer::from(&answer),
        Err(_) => Answer::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Seen = Seen {
        read: Some(Answer::Ok),
        reads_fail_for: Duration::ZERO,
        write: None,
        relay: Standing::Reading,
        bus_is_trusted: true,
        clock_ahead_us: 0,
        up_for: Duration::from_secs(3600),
    };
    const LONG: Duration = limits::STORE_DOWN_AFTER;

    fn state(seen: Seen) -> State {
        judge(&seen).state
    }

    #[test]
    fn a_service_that_reads_and_writes_serves() {
        let good =
            Verdict { state: State::Serving, store: None, relay: None, bus: None, clock: None };
        assert_eq!(judge(&GOOD), good);
        assert_eq!(state(Seen { write: Some(Answer::Ok), ..GOOD }), State::Serving);
    }

    #[test]
    fn whatever_happens_to_the_stream_the_service_serves() {
        for relay in
            [Standing::Starting, Standing::NoStream, Standing::Nothing, Standing::Failing(3)]
        {
            let verdict = judge(&Seen { relay, ..GOOD });
            assert_eq!(verdict.state, State::Degraded, "{relay:?}");
            assert!(verdict.store.is_none() && verdict.relay.is_some(), "{verdict:?}");
            assert!(verdict.state.is_ready());
        }
    }

    #[test]
    fn a_clock_beyond_the_skew_that_is_allowed_degrades() {
        for (ahead_us, text) in
            [(700_000, "700 ms ahead of"), (-3_600_000_000, "3600000 ms behind")]
        {
            let verdict = judge(&Seen { clock_ahead_us: ahead_us, ..GOOD });
            assert_eq!(verdict.state, State::Degraded);
            assert!(verdict.clock.expect("a problem").to_string().starts_with(text));
        }
        assert_eq!(state(Seen { clock_ahead_us: -500_000, ..GOOD }), State::Serving);
    }

    #[test]
    fn a_start_waits_for_the_relay_and_not_for_ever() {
        let starting = Seen { relay: Standing::Starting, ..GOOD };
        let early = limits::RELAY_START_GRACE.mul_f64(0.9);
        assert_eq!(state(Seen { up_for: early, ..starting }), State::Starting);
        assert_eq!(state(Seen { up_for: limits::RELAY_START_GRACE, ..starting }), State::Degraded);
        assert_eq!(state(Seen { read: None, ..GOOD }), State::Starting);
        assert!(!State::Starting.is_ready());
    }

    #[test]
    fn a_table_that_throttles_answers() {
        assert_eq!(state(Seen { read: Some(Answer::Throttled), ..GOOD }), State::Degraded);
        assert_eq!(state(Seen { write: Some(Answer::Throttled), ..GOOD }), State::Degraded);
    }

    #[test]
    fn a_table_that_cannot_be_read_for_some_seconds_or_not_be_written_cannot_serve() {
        for answer in [Answer::Denied, Answer::Failed] {
            let failing = Seen { read: Some(answer), ..GOOD };
            assert_eq!(state(failing), State::Degraded, "a moment is no outage");
            let down = Seen { reads_fail_for: LONG, ..failing };
            assert_eq!(judge(&down).store, Some(Problem::Reads(answer)));
            assert_eq!(state(down), State::Unavailable);
            let full = Seen { write: Some(answer), ..GOOD };
            assert_eq!(judge(&full).store, Some(Problem::Writes(answer)));
            assert_eq!(state(full), State::Unavailable);
            // Whatever else there is.
            let starting = Seen { relay: Standing::Starting, up_for: Duration::ZERO, ..down };
            assert_eq!(state(starting), State::Unavailable);
        }
    }
}
