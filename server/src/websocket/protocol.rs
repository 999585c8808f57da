//! The graphql-transport-ws protocol of one connection: a pure state machine; time is an argument.
//!
//! Follows PROTOCOL.md of enisdenjo/graphql-ws, in its terms. The connection feeds it what arrives
//! and carries out its actions; it owns no socket and no task.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use async_graphql::ServerError;
use serde_json::value::RawValue;

use super::action::{Action, Close, Refusal, SocketProtocol};
use super::liveness::{Due, Liveness};
use super::message::{self, ClientMessage};
use super::{SocketLimits, credentials};
use crate::graphql::request::Asked;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No connection_init yet.
    Connected,
    /// connection_init is being checked.
    Admitting,
    /// connection_ack was sent.
    Acknowledged,
    /// Closed by the server.
    Closed,
}

/// The state of one connection.
#[derive(Debug)]
pub struct Protocol {
    phase: Phase,
    limits: SocketLimits,
    operations: HashSet<Arc<str>>,
    liveness: Liveness,
    /// Since when no operation runs.
    idle_since: Instant,
}

impl Protocol {
    /// The state of a new connection.
    pub fn new(limits: SocketLimits, now: Instant) -> Self {
        Self {
            phase: Phase::Connected,
            limits,
            operations: HashSet::new(),
            liveness: Liveness::new(limits.init_timeout, now),
            idle_since: now,
        }
    }

    /// When it has been idle for too long.
    fn idle_until(&self) -> Option<Instant> {
        let is_idle = self.phase == Phase::Acknowledged && self.operations.is_empty();
        is_idle.then(|| self.idle_since + self.limits.idle)
    }

    /// How many operations run.
    pub fn operations(&self) -> usize {
        self.operations.len()
    }

    fn init(&mut self, payload: Option<&str>) -> Action {
        if self.phase != Phase::Connected {
            return self.close(Close::INIT_AGAIN);
        }
        self.phase = Phase::Admitting;
        Action::Admit { payload: payload.map(str::to_owned) }
    }

    fn subscribe(&mut self, id: &str, asked: Result<Box<Asked>, ServerError>) -> Action {
        if self.phase != Phase::Acknowledged {
            return self.close(Close::UNAUTHORIZED);
        }
        // The id is in use as soon as it is requested, also while the operation is being prepared.
        if self.operations.contains(id) {
            let reason = format!("Subscriber for {id} already exists");
            return self.close(Close { code: 4409, reason: Cow::Owned(reason) });
        }
        let id: Arc<str> = id.into();
        let asked = match asked {
            Ok(asked) => asked,
            Err(error) => return Action::Reject(id, Box::new(error)),
        };
        if self.operations.len() >= self.limits.operations_max + self.limits.short_operations_max {
            return Action::Refuse(id);
        }
        self.operations.insert(Arc::clone(&id));
        Action::Start { id, asked, credentials: None }
    }

    fn close(&mut self, close: Close) -> Action {
        self.phase = Phase::Closed;
        self.operations.clear();
        self.liveness.stop();
        Action::Close(close)
    }
}

impl SocketProtocol for Protocol {
    fn deadline(&self) -> Instant {
        let due = self.liveness.deadline();
        self.idle_until().map_or(due, |idle| idle.min(due))
    }

    fn text(&mut self, text: &str, now: Instant) -> Option<Action> {
        if self.phase == Phase::Closed {
            return None;
        }
        self.heard(now);
        let message = match message::parse(text) {
            Ok(message) => message,
            Err(reason) => {
                return Some(self.close(Close { code: 4400, reason: Cow::Borrowed(reason) }));
            }
        };
        match message {
            ClientMessage::ConnectionInit(payload) => Some(self.init(payload.map(RawValue::get))),
            ClientMessage::Ping(payload) => {
                Some(Action::Send(vec![message::pong(payload.map(RawValue::get))]))
            }
            ClientMessage::Pong => None,
            ClientMessage::Subscribe { id, asked } => Some(self.subscribe(&id, asked)),
            ClientMessage::Complete(id) => {
                let stopped = self.operations.take(id.as_ref())?;
                self.idle_since = now;
                Some(Action::Stop(stopped, None))
            }
        }
    }

    fn heard(&mut self, now: Instant) {
        self.liveness.heard(now);
    }

    fn binary(&mut self) -> Option<Action> {
        let close = Close::new(4400, "messages are text");
        (self.phase != Phase::Closed).then(|| self.close(close))
    }

    fn admitted(&mut self, payload: Option<&str>, now: Instant) -> Option<Action> {
        if self.phase != Phase::Admitting {
            return None;
        }
        self.phase = Phase::Acknowledged;
        self.liveness.wait_to_ping(now);
        self.idle_since = now;
        Some(Action::Send(vec![message::connection_ack(payload)]))
    }

    fn refused(&mut self, refusal: Refusal<'_>) -> Option<Action> {
        let close = match refusal {
            Refusal::TooManySockets => Close::TOO_MANY,
            Refusal::Credentials(error) => {
                let reason = credentials::reason(error);
                let end = (0..=reason.len().min(100)).rev().find(|at| reason.is_char_boundary(*at));
                let reason = format!("Forbidden: {}", &reason[..end.unwrap_or(0)]);
                Close { code: 4403, reason: Cow::Owned(reason) }
            }
        };
        (self.phase == Phase::Admitting).then(|| self.close(close))
    }

    fn tick(&mut self, now: Instant) -> Option<Action> {
        if self.phase == Phase::Closed {
            return None;
        }
        if self.idle_until().is_some_and(|idle| now >= idle) {
            return Some(self.close(Close::IDLE));
        }
        match self.liveness.tick(now) {
            Due::Nothing => None,
            Due::Ping => Some(Action::Ping),
            Due::PeerIsLate if self.phase == Phase::Acknowledged => {
                Some(self.close(Close::NO_PONG))
            }
            Due::PeerIsLate => Some(self.close(Close::INIT_TIMEOUT)),
        }
    }

    fn ended(&mut self, id: &str, now: Instant) {
        self.operations.remove(id);
        self.idle_since = now;
    }
}
