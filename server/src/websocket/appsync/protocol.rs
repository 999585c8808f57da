//! AppSync's real-time protocol of one connection: a pure state machine; time is an argument.
//!
//! What its clients need was read from their sources: none survives a close for one bad message, all
//! count on `ka`, and none knows `ping`.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use async_graphql::ServerError;

use super::message::{ClientMessage, Dialect, KEEP_ALIVE, Unknown};
use crate::auth::{AuthError, Credentials};
use crate::graphql::error::{Code, coded, from_auth, unlocated};
use crate::graphql::request::Asked;
use crate::websocket::SocketLimits;
use crate::websocket::action::{Action, Close, Refusal, SocketProtocol};
use crate::websocket::liveness::{Due, Liveness};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No `connection_init` yet.
    Connected,
    /// The credentials are being checked.
    Admitting,
    /// `connection_ack` was sent.
    Acknowledged,
    /// Closed by the server.
    Closed,
}

/// The state of one connection.
#[derive(Debug)]
pub struct AppSync {
    dialect: Dialect,
    phase: Phase,
    limits: SocketLimits,
    operations: HashSet<Arc<str>>,
    liveness: Liveness,
    /// Since when no operation runs.
    idle_since: Instant,
}

impl AppSync {
    /// The state of a new connection.
    pub fn new(dialect: Dialect, limits: SocketLimits, now: Instant) -> Self {
        Self {
            dialect,
            phase: Phase::Connected,
            limits,
            operations: HashSet::new(),
            liveness: Liveness::new(limits.init_timeout, now),
            idle_since: now,
        }
    }

    fn idle_until(&self) -> Option<Instant> {
        let is_idle = self.phase == Phase::Acknowledged && self.operations.is_empty();
        is_idle.then(|| self.idle_since + self.limits.idle)
    }

    fn init(&mut self) -> Option<Action> {
        match self.phase {
            Phase::Connected => {
                self.phase = Phase::Admitting;
                Some(Action::Admit { payload: None })
            }
            Phase::Acknowledged => Some(self.acknowledgement()),
            Phase::Admitting | Phase::Closed => None,
        }
    }

    fn start(
        &mut self,
        id: &str,
        asked: Result<Box<Asked>, ServerError>,
        credentials: Result<Credentials, AuthError>,
    ) -> Action {
        let id: Arc<str> = id.into();
        if self.phase != Phase::Acknowledged {
            let error = coded(Code::Unauthenticated, "send connection_init, and wait for the ack");
            return Action::Reject(id, Box::new(error));
        }
        if self.operations.contains(&id) {
            // The operation that runs goes on; an error with its id would end it.
            return self.answer(&Unknown {
                id: None,
                answer: "error",
                kind: "DuplicatedOperationError",
                message: "an operation with this id runs already",
            });
        }
        let credentials = match credentials {
            Ok(credentials) => Some(credentials).filter(|given| !given.is_empty()),
            Err(error) => return Action::Reject(id, Box::new(unlocated(from_auth(&error)))),
        };
        let asked = match asked {
            Ok(asked) => asked,
            Err(error) => return Action::Reject(id, Box::new(error)),
        };
        if self.operations.len() >= self.limits.operations_max {
            return Action::Refuse(id);
        }
        self.operations.insert(Arc::clone(&id));
        Action::Start { id, asked, credentials }
    }

    /// `connection_ack`, and the first `ka` at once: until it has come, Amplify ends a second
    /// subscription that begins minutes later.
    fn acknowledgement(&self) -> Action {
        Action::Send(vec![self.dialect.connection_ack(), KEEP_ALIVE.to_owned()])
    }

    fn answer(&self, unknown: &Unknown) -> Action {
        Action::Send(vec![self.dialect.unknown(unknown)])
    }

    fn close(&mut self) {
        self.phase = Phase::Closed;
        self.operations.clear();
        self.liveness.stop();
    }

    fn closing(&mut self, close: Close) -> Action {
        self.close();
        Action::Close(close)
    }
}

impl SocketProtocol for AppSync {
    fn deadline(&self) -> Instant {
        let due = self.liveness.deadline();
        self.idle_until().map_or(due, |idle| idle.min(due))
    }

    fn text(&mut self, text: &str, now: Instant) -> Option<Action> {
        if self.phase == Phase::Closed {
            return None;
        }
        self.heard(now);
        match self.dialect.parse(text) {
            Ok(ClientMessage::ConnectionInit) => self.init(),
            Ok(ClientMessage::Start { id, asked, credentials }) => {
                Some(self.start(&id, asked, credentials))
            }
            Ok(ClientMessage::Stop(id)) => {
                // Answered even if nothing runs: clients wait for it.
                let stopped = self.dialect.stopped(&id);
                self.operations.remove(id.as_str());
                self.idle_since = now;
                Some(Action::Stop(id.into(), Some(stopped)))
            }
            Err(unknown) => Some(self.answer(&unknown)),
        }
    }

    fn binary(&mut self) -> Option<Action> {
        let (kind, message) = ("UnsupportedOperation", "messages are text");
        let unknown = Unknown { id: None, answer: "error", kind, message };
        (self.phase != Phase::Closed).then(|| self.answer(&unknown))
    }

    fn heard(&mut self, now: Instant) {
        self.liveness.heard(now);
    }

    fn admitted(&mut self, _: Option<&str>, now: Instant) -> Option<Action> {
        if self.phase != Phase::Admitting {
            return None;
        }
        self.phase = Phase::Acknowledged;
        self.liveness.wait_to_ping(now);
        self.idle_since = now;
        Some(self.acknowledgement())
    }

    fn refused(&mut self, refusal: Refusal<'_>) -> Option<Action> {
        if self.phase != Phase::Admitting {
            return None;
        }
        self.close();
        let (kind, code, message, close) = match refusal {
            Refusal::TooManySockets => {
                let message = "you have too many open sockets; close some".to_owned();
                ("LimitExceededError", 429, message, Close::TOO_MANY)
            }
            // It is not the credentials that are wrong: clients try again.
            Refusal::Credentials(error @ AuthError::NotChecked) => {
                ("ServiceUnavailable", 503, error.to_string(), Close::NOT_CHECKED)
            }
            Refusal::Credentials(error) => {
                ("UnauthorizedException", 401, error.to_string(), Close::NOT_ADMITTED)
            }
        };
        Some(Action::Fail(self.dialect.connection_error(kind, code, &message), close))
    }

    fn tick(&mut self, now: Instant) -> Option<Action> {
        if self.phase == Phase::Closed {
            return None;
        }
        if self.idle_until().is_some_and(|idle| now >= idle) {
            return Some(self.closing(Close::IDLE));
        }
        match self.liveness.tick(now) {
            Due::Nothing => None,
            Due::Ping => Some(Action::Ping),
            Due::PeerIsLate if self.phase == Phase::Acknowledged => {
                Some(self.closing(Close::NO_PONG))
            }
            Due::PeerIsLate => Some(self.closing(Close::INIT_TIMEOUT)),
        }
    }

    fn ended(&mut self, id: &str, now: Instant) {
        self.operations.remove(id);
        self.idle_since = now;
    }
}
