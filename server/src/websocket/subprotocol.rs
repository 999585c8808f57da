//! The protocols that sockets speak, and what differs between them in a message.

use std::sync::Arc;
use std::time::Instant;

use super::SocketLimits;
use super::action::{Close, SocketProtocol};
use super::appsync::message::KEEP_ALIVE;
use super::appsync::{AppSync, Dialect};
use super::message;
use super::payload::Form;
use super::protocol::Protocol;

/// A protocol between a client and its socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subprotocol {
    /// graphql-transport-ws, as PROTOCOL.md of enisdenjo/graphql-ws has it.
    TransportWs,
    /// One of AppSync's real-time protocols.
    AppSync(Dialect),
}

impl Subprotocol {
    /// Its name in `Sec-WebSocket-Protocol`.
    pub fn name(self) -> &'static str {
        match self {
            Self::TransportWs => "graphql-transport-ws",
            Self::AppSync(Dialect::GraphQl) => "graphql-ws",
            Self::AppSync(Dialect::Events) => "aws-appsync-event-ws",
        }
    }

    /// The state machine of a new connection.
    pub(super) fn begin(self, limits: SocketLimits, now: Instant) -> Box<dyn SocketProtocol> {
        match self {
            Self::TransportWs => Box::new(Protocol::new(limits, now)),
            Self::AppSync(dialect) => Box::new(AppSync::new(dialect, limits, now)),
        }
    }

    /// The start of each frame with an event of an operation, up to its payload.
    pub fn next_prefix(self, id: &str) -> String {
        match self {
            Self::TransportWs => message::next_prefix(id),
            Self::AppSync(dialect) => dialect.data_prefix(id),
        }
    }

    /// Whether there is a message that a subscription has joined.
    pub(super) fn says_joined(self) -> bool {
        self != Self::TransportWs
    }

    /// That message.
    pub(super) fn joined(self, id: &str) -> Option<String> {
        match self {
            Self::TransportWs => None,
            Self::AppSync(dialect) => Some(dialect.joined(id)),
        }
    }

    /// The form in which an event is the payload of a frame.
    pub(super) fn form(self) -> Form {
        match self {
            Self::TransportWs | Self::AppSync(Dialect::GraphQl) => Form::Response,
            Self::AppSync(Dialect::Events) => Form::Text,
        }
    }

    /// The end of an operation by errors, an array as JSON.
    pub(super) fn error(self, id: &str, errors: &str) -> String {
        match self {
            Self::TransportWs => message::error(id, errors),
            Self::AppSync(dialect) => dialect.error(id, errors),
        }
    }

    /// The end of an operation, where the protocol has a message for it.
    pub(super) fn complete(self, id: &str) -> Option<String> {
        match self {
            Self::TransportWs => Some(message::complete(id)),
            Self::AppSync(dialect) => dialect.complete(id),
        }
    }

    /// The message beside a ping frame; `token` is what `ping` says of the token, as JSON.
    pub(super) fn ping(self, token: Option<&str>) -> String {
        match self {
            Self::TransportWs => message::ping(token),
            Self::AppSync(_) => KEEP_ALIVE.to_owned(),
        }
    }

    /// Whether an operation other than a subscription may run.
    pub(super) fn runs_short_operations(self) -> bool {
        self == Self::TransportWs
    }

    /// How a socket ends whose subscription did not keep up. `None`: it stays, and the subscription
    /// ends by an error.
    pub(super) fn on_overflow(self) -> Option<Close> {
        match self {
            Self::TransportWs => None,
            // To its clients an error is final, and only a closed socket a reason to come back.
            Self::AppSync(_) => Some(Close::SLOW_CONSUMER),
        }
    }

    /// Whether a subscription that was cut is resumed when its client sends it again with this id:
    /// one that nobody can guess, and nobody else has chosen.
    pub(super) fn resumes(self, id: &Arc<str>) -> bool {
        self != Self::TransportWs && id.len() >= crate::limits::RESUMED_ID_BYTES_MIN
    }
}
