//! Sockets: GraphQL over WebSocket, and the fan-out of subscriptions.
//!
//! `protocol` is the pure state machine, `connection` one socket, `operation` what a client asks,
//! `fanout` and `group` the one execution for all who ask the same.

pub mod message;
pub mod protocol;
pub mod payload;
pub mod outbox;
pub mod execution;
pub mod normalise;
pub mod group;
pub mod fanout;
mod operation;
mod connection;
#[cfg(test)]
mod protocol_tests;

use axum::extract::ws::WebSocket;
use tokio_util::sync::CancellationToken;

use self::connection::Connection;
use self::fanout::Fanout;
use crate::auth::Gate;
use crate::broker::Broker;
use crate::graphql::Api;
use crate::tasks::Tasks;

/// What sockets share. Clones share it.
#[derive(Clone)]
pub struct Sockets {
    /// Runs queries and mutations.
    pub api: Api,
    /// Knows callers by their tokens.
    pub gate: Gate,
    /// Has the topics.
    pub broker: Broker,
    /// Has the groups.
    pub fanout: Fanout,
    /// Owns each socket's task.
    pub tasks: Tasks,
    /// Cancelled at shutdown: sockets are closed with 1012.
    pub shutdown: CancellationToken,
}

impl Sockets {
    /// Serves a socket on a task of its own: the HTTP server does not wait for upgraded sockets,
    /// shutdown does.
    pub fn serve(&self, socket: WebSocket) {
        self.tasks.spawn("socket", Connection::new(self.clone(), socket).run());
    }
}
