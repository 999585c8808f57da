//! Whether the service can serve, looked at again and again: once for everybody who asks.
//!
//! Two questions, two answers. A service that cannot reach its table cannot serve, and another one
//! in its place may. One whose stream is late or not read at all is degraded: bids are taken, and
//! watchers are sent them from the lane or the table, so to replace it would only cut their sockets.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::limits;
use crate::relay::{Health, Standing};
use crate::store::{Dynamo, StoreError};

/// Whether the service can serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not yet: it has just started.
    Starting,
    /// Yes.
    Serving,
    /// Yes, and something needs attention.
    Degraded,
    /// No.
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

    /// Whether requests are to be sent to it.
    pub fn is_ready(self) -> bool {
        matches!(self, Self::Serving | Self::Degraded)
    }
}

/// What a request to the store came to. The error itself is for the log: it names accounts, roles
/// and tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// As it should be.
    Ok,
    /// The table takes no more just now.
    Throttled,
    /// Credentials, permissions, key or table.
    Denied,
    /// No answer, or an error of DynamoDB's own.
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

/// What is known of the parts of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// What the last read came to; `None` before the first.
    pub read: Option<Answer>,
    /// For how long reads have been failing.
    pub reads_fail_for: Duration,
    /// What a write came to, if it was tried because bids are not written.
    pub write: Option<Answer>,
    /// How the relay stands.
    pub relay: Standing,
    /// For how long the service has run.
    pub up_for: Duration,
}

/// Why a part is not as it should be, in words that strangers may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// The store was not asked yet.
    StoreNotAsked,
    /// A read of the table fails, and why.
    Reads(Answer),
    /// Writes to the table fail although reads do not, and why.
    Writes(Answer),
    /// The relay does not read every shard.
    Relay(Standing),
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
            Self::StoreNotAsked => f.write_str("not asked yet"),
            Self::Reads(answer) => f.write_str(why(answer)),
            Self::Writes(answer) => write!(f, "writes fail: {}", why(answer)),
            Self::Relay(standing) => write!(f, "{standing}"),
        }
    }
}

/// Whether the service can serve, and what is wrong with each part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// The whole.
    pub state: State,
    /// The table.
    pub store: Option<Problem>,
    /// The relay.
    pub relay: Option<Problem>,
}

/// Judges what is known.
pub fn judge(seen: &Seen) -> Verdict {
    let (store, store_problem) = match (seen.read, seen.write) {
        (None, _) => (State::Starting, Some(Problem::StoreNotAsked)),
        // One that throttles answers.
        (Some(Answer::Throttled), _) => (State::Degraded, Some(Problem::Reads(Answer::Throttled))),
        (Some(Answer::Ok), None | Some(Answer::Ok)) => (State::Serving, None),
        (Some(Answer::Ok), Some(Answer::Throttled)) => {
            (State::Degraded, Some(Problem::Writes(Answer::Throttled)))
        }
        (Some(Answer::Ok), Some(answer)) => (State::Unavailable, Some(Problem::Writes(answer))),
        (Some(answer), _) if seen.reads_fail_for >= limits::STORE_DOWN_AFTER => {
            (State::Unavailable, Some(Problem::Reads(answer)))
        }
        // A moment is no outage.
        (Some(answer), _) => (State::Degraded, Some(Problem::Reads(answer))),
    };
    let relay = match seen.relay {
        Standing::Reading => State::Serving,
        Standing::Starting if seen.up_for < limits::RELAY_START_GRACE => State::Starting,
        _ => State::Degraded,
    };
    let order = [State::Unavailable, State::Starting, State::Degraded, State::Serving];
    let worst = order.into_iter().find(|state| [store, relay].contains(state));
    Verdict {
        state: worst.unwrap_or(State::Serving),
        store: store_problem,
        relay: (relay != State::Serving).then_some(Problem::Relay(seen.relay)),
    }
}

/// The readiness of a service. Clones share it.
#[derive(Debug, Clone)]
pub struct Readiness {
    store: Arc<Dynamo>,
    relay: Health,
    state: Arc<Mutex<Known>>,
}

/// What looking at the store has shown.
#[derive(Debug)]
struct Known {
    began: Instant,
    read: Option<Answer>,
    reads_fail_since: Option<Instant>,
    write: Option<Answer>,
    reported: State,
}

impl Readiness {
    /// The readiness of a service with these parts.
    pub fn new(store: Arc<Dynamo>, relay: Health) -> Self {
        let known = Known {
            began: Instant::now(),
            read: None,
            reads_fail_since: None,
            write: None,
            reported: State::Starting,
        };
        Self { store, relay, state: Arc::new(Mutex::new(known)) }
    }

    /// Whether the service can serve, as it was last seen. Costs nothing.
    pub fn verdict(&self) -> Verdict {
        let now = Instant::now();
        let known = self.state.lock();
        judge(&Seen {
            read: known.read,
            reads_fail_for: known.reads_fail_since.map_or(Duration::ZERO, |since| now - since),
            write: known.write,
            relay: self.relay.standing(),
            up_for: now - known.began,
        })
    }

    /// Looks again and again until shutdown: half a read unit each time.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut looks = interval(limits::READY_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = looks.tick() => {}
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.look() => {}
            }
            self.report();
        }
    }

    async fn look(&self) {
        let began = Instant::now();
        let read = answer_of(self.store.probe_read()).await;
        // Bids that are not written may be the fault of one auction's item; then this is.
        let bids_fail =
            self.store.writes_fail_for().is_some_and(|lasts| lasts >= limits::STORE_DOWN_AFTER);
        let write = match read {
            Answer::Ok if bids_fail => Some(answer_of(self.store.probe_write()).await),
            _ => None,
        };
        let mut known = self.state.lock();
        known.read = Some(read);
        known.write = write;
        known.reads_fail_since = match read {
            Answer::Ok | Answer::Throttled => None,
            _ => Some(known.reads_fail_since.unwrap_or(began)),
        };
    }

    /// Says in the log that the service can serve no more, or can again.
    fn report(&self) {
        let verdict = self.verdict();
        let before = std::mem::replace(&mut self.state.lock().reported, verdict.state);
        if before == verdict.state {
            return;
        }
        let text = |problem: Option<Problem>| problem.map_or("ok".to_owned(), |p| p.to_string());
        let (store, relay) = (text(verdict.store), text(verdict.relay));
        match verdict.state {
            State::Unavailable => warn!(store, relay, "the service cannot serve"),
            State::Degraded => warn!(store, relay, "the service serves, degraded"),
            State::Starting | State::Serving => {
                info!(state = verdict.state.name(), "the service is as it should be");
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
        up_for: Duration::from_secs(3600),
    };
    const LONG: Duration = limits::STORE_DOWN_AFTER;

    fn state(seen: Seen) -> State {
        judge(&seen).state
    }

    #[test]
    fn a_service_that_reads_and_writes_serves() {
        assert_eq!(judge(&GOOD), Verdict { state: State::Serving, store: None, relay: None });
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
