//! The graphql-transport-ws protocol of one connection: a pure state machine; time is an argument.
//!
//! Follows PROTOCOL.md of enisdenjo/graphql-ws, in its terms. The connection feeds it what arrives
//! and carries out its actions; it owns no socket and no task.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_graphql::ServerError;
use serde_json::value::RawValue;

use super::SocketLimits;
use super::message::{self, ClientMessage};
use crate::graphql::request::Asked;
use crate::limits;

/// The name of the sub-protocol.
pub const SUBPROTOCOL: &str = "graphql-transport-ws";

/// Why the server closes a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// The WebSocket close code.
    pub code: u16,
    /// At most 123 bytes.
    pub reason: Cow<'static, str>,
}

impl Close {
    /// A close with a fixed reason.
    pub const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason: Cow::Borrowed(reason) }
    }

    /// The server is shutting down; clients reconnect.
    pub const RESTART: Self = Self::new(1012, "Service Restart");
    /// Nothing could be written for a while.
    pub const TOO_SLOW: Self = Self::new(1013, "Too slow");
    /// Unfinished messages of its address exceed their budget.
    pub const UNFINISHED: Self = Self::new(1013, "Too many unfinished messages");
    /// A message was begun and not finished in time.
    pub const MESSAGE_TIMEOUT: Self = Self::new(1013, "Message timeout");
    /// A ping was not answered.
    pub const NO_PONG: Self = Self::new(1013, "Pong timeout");
    /// A frame violates the WebSocket protocol.
    pub const BAD_FRAME: Self = Self::new(1002, "Not a valid WebSocket frame");
    /// A text is not UTF-8.
    pub const NOT_UTF8: Self = Self::new(1007, "Not UTF-8");
    /// A frame or message is larger than allowed.
    pub const TOO_BIG: Self = Self::new(1009, "Message too big");
    /// A subscribe before connection_ack.
    pub const UNAUTHORIZED: Self = Self::new(4401, "Unauthorized");
    /// No operation ran for a long time.
    pub const IDLE: Self = Self::new(1000, "Idle");
    /// Its user has too many sockets.
    pub const TOO_MANY: Self = Self::new(1013, "Too many sockets of this user");
    /// The token has expired.
    pub const TOKEN_EXPIRED: Self = Self::new(4403, "Token expired");
    /// The client does not speak graphql-transport-ws.
    pub const SUBPROTOCOL: Self = Self::new(4406, "Subprotocol not acceptable");
    /// No connection_init in time.
    pub const INIT_TIMEOUT: Self = Self::new(4408, "Connection initialisation timeout");
    /// The id of an operation is empty, too long or missing.
    pub const OPERATION_ID: Self = Self::new(4400, message::BAD_ID);
    /// A second connection_init.
    pub const INIT_AGAIN: Self = Self::new(4429, "Too many initialisation requests");
}

/// An action for the connection.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Check the payload of connection_init, then call `admitted` or `refused`.
    Admit {
        /// The payload as JSON.
        payload: Option<String>,
    },
    /// Run an operation.
    Start {
        /// The id of the operation.
        id: Arc<str>,
        /// The operation to run.
        asked: Box<Asked>,
    },
    /// Stop an operation: the client no longer wants it, and nothing more is sent for it.
    Stop(Arc<str>),
    /// Refuse an operation: too many run on this connection.
    Refuse(Arc<str>),
    /// Answer an invalid operation with an error.
    Reject(Arc<str>, Box<ServerError>),
    /// Send a message.
    Send(String),
    /// Send a ping.
    Ping,
    /// Close the socket; nothing follows.
    Close(Close),
}

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
    /// When the next deadline is: the init time-out, a ping, or the end of waiting for a pong.
    due: Instant,
    awaiting_pong: bool,
    /// The remaining wait for the peer when `due` comes.
    last_look: Option<Duration>,
    /// Since when no operation runs.
    idle_since: Instant,
}

impl Protocol {
    /// The state of a new connection.
    pub fn new(limits: SocketLimits, now: Instant) -> Self {
        let mut protocol = Self {
            phase: Phase::Connected,
            limits,
            operations: HashSet::new(),
            due: now,
            awaiting_pong: false,
            last_look: None,
            idle_since: now,
        };
        protocol.wait_for_peer(limits.init_timeout, now);
        protocol
    }

    /// Waits for the peer, in two parts. If this process was suspended meanwhile, messages that
    /// arrived in time are read in the second part.
    fn wait_for_peer(&mut self, time: Duration, now: Instant) {
        let last = limits::LAST_LOOK.min(time / 2);
        self.due = now + time.saturating_sub(last);
        self.last_look = Some(last);
    }

    fn wait_to_ping(&mut self, now: Instant) {
        self.due = now + limits::PING_EVERY;
        self.last_look = None;
    }

    /// When [`Protocol::tick`] is due.
    pub fn deadline(&self) -> Instant {
        self.idle_until().map_or(self.due, |idle| idle.min(self.due))
    }

    /// When it has been idle for too long.
    fn idle_until(&self) -> Option<Instant> {
        let is_idle = self.phase == Phase::Acknowledged && self.operations.is_empty();
        is_idle.then(|| self.idle_since + self.limits.idle)
    }

    /// Takes a text message.
    pub fn text(&mut self, text: &str, now: Instant) -> Option<Action> {
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
                Some(Action::Send(message::pong(payload.map(RawValue::get))))
            }
            ClientMessage::Pong => None,
            ClientMessage::Subscribe { id, asked } => Some(self.subscribe(&id, asked)),
            ClientMessage::Complete(id) => {
                let stopped = self.operations.take(id.as_ref())?;
                self.idle_since = now;
                Some(Action::Stop(stopped))
            }
        }
    }

    /// A frame of any kind has arrived: the peer is alive.
    pub fn heard(&mut self, now: Instant) {
        if self.awaiting_pong {
            self.awaiting_pong = false;
            self.wait_to_ping(now);
        }
    }

    /// Takes a binary message, which the protocol does not have.
    pub fn binary(&mut self) -> Option<Action> {
        let close = Close::new(4400, "messages are text");
        (self.phase != Phase::Closed).then(|| self.close(close))
    }

    /// connection_init is accepted: acknowledges it, with a payload as JSON.
    pub fn admitted(&mut self, payload: Option<&str>, now: Instant) -> Option<Action> {
        if self.phase != Phase::Admitting {
            return None;
        }
        self.phase = Phase::Acknowledged;
        self.wait_to_ping(now);
        self.idle_since = now;
        Some(Action::Send(message::connection_ack(payload)))
    }

    /// connection_init is refused.
    pub fn refused(&mut self, reason: &str) -> Option<Action> {
        let end = (0..=reason.len().min(100)).rev().find(|at| reason.is_char_boundary(*at));
        let reason = format!("Forbidden: {}", &reason[..end.unwrap_or(0)]);
        (self.phase == Phase::Admitting)
            .then(|| self.close(Close { code: 4403, reason: Cow::Owned(reason) }))
    }

    /// The deadline has come.
    pub fn tick(&mut self, now: Instant) -> Option<Action> {
        if self.phase == Phase::Closed {
            return None;
        }
        if self.idle_until().is_some_and(|idle| now >= idle) {
            return Some(self.close(Close::IDLE));
        }
        if now < self.due {
            return None;
        }
        if let Some(last) = self.last_look.take() {
            self.due = now + last;
            return None;
        }
        match self.phase {
            Phase::Connected | Phase::Admitting => Some(self.close(Close::INIT_TIMEOUT)),
            _ if self.awaiting_pong => Some(self.close(Close::NO_PONG)),
            _ => {
                self.awaiting_pong = true;
                self.wait_for_peer(limits::PONG_TIMEOUT, now);
                Some(Action::Ping)
            }
        }
    }

    /// The server has ended an operation: its id is free again.
    pub fn ended(&mut self, id: &str, now: Instant) {
        self.operations.remove(id);
        self.idle_since = now;
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
        Action::Start { id, asked }
    }

    fn close(&mut self, close: Close) -> Action {
        self.phase = Phase::Closed;
        self.operations.clear();
        self.due += Duration::from_secs(3600);
        Action::Close(close)
    }
}
