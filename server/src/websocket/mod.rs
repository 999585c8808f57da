//! Sockets: GraphQL over WebSocket, and the fan-out of subscriptions.
//!
//! `protocol` is the pure state machine, `connection` one socket, `operation` one request of a
//! client, and `fanout` and `group` the single execution for all who ask for the same.

pub mod message;
pub mod action;
mod liveness;
pub mod counts;
mod credentials;
pub mod protocol;
pub mod appsync;
pub mod subprotocol;
pub mod resume;
pub mod payload;
pub mod shared_socket;
mod pacing;
mod queued_bytes;
pub mod send_queue;
pub mod execution;
pub mod normalise;
mod member;
mod shares;
pub mod group;
mod lots;
mod lobby;
pub mod directory;
pub mod fanout;
mod expiry;
mod trace;
mod joining;
pub mod operation;
mod batch;
mod connection;
pub mod event_stream;
#[cfg(test)]
mod protocol_tests;
#[cfg(test)]
mod simulation;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::WebSocket;
use gavel_core::broker::Broker;
use gavel_core::tasks::Tasks;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use self::connection::Connection;
pub use self::connection::Upgrade;
use self::directory::Directory;
use self::fanout::Fanout;
use self::resume::Resumes;
use self::shared_socket::SharedSocket;
use crate::auth::Authenticator;
use crate::graphql::Api;
use crate::limiter::{Address, ClientLimiter, Permit};
use crate::limits;

/// The bounds of one socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketLimits {
    /// A message of a client.
    pub message_bytes_max: usize,
    /// Subscriptions at a time.
    pub operations_max: usize,
    /// Queries and mutations at a time.
    pub short_operations_max: usize,
    /// How long a client may take to send connection_init.
    pub init_timeout: Duration,
    /// How long it may go on without an operation.
    pub idle: Duration,
}

impl Default for SocketLimits {
    fn default() -> Self {
        Self {
            message_bytes_max: limits::SOCKET_MESSAGE_BYTES_MAX,
            operations_max: limits::OPERATIONS_PER_SOCKET_MAX,
            short_operations_max: limits::SHORT_OPERATIONS_PER_SOCKET_MAX,
            init_timeout: limits::INIT_TIMEOUT,
            idle: limits::SOCKET_IDLE,
        }
    }
}

/// What sockets share.
pub struct Sockets {
    /// Runs queries and mutations.
    pub api: Api,
    /// Knows callers by their tokens.
    pub authenticator: Authenticator,
    /// Has the topics.
    pub broker: Broker,
    /// Has the groups.
    pub fanout: Fanout,
    /// Lists auctions for lobbies.
    pub directory: Directory,
    /// The subscriptions of AppSync's clients that go on after a cut.
    pub resumes: Resumes,
    /// Keeps users within their allowance.
    pub limiter: ClientLimiter,
    /// The bounds of each.
    pub limits: SocketLimits,
    /// Sockets at a time.
    pub places: usize,
    /// A permit for each of them that is free.
    pub room: Arc<Semaphore>,
    /// Owns each socket's task.
    pub tasks: Tasks,
    /// Cancelled at shutdown: sockets are closed with 1012.
    pub shutdown: CancellationToken,
}

impl Sockets {
    /// Room for one more socket. `None`: there is none.
    pub fn room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).try_acquire_owned().ok()
    }

    /// Sockets that are open.
    pub fn open(&self) -> usize {
        self.places.saturating_sub(self.room.available_permits())
    }

    /// Serves a socket on a task of its own: the HTTP server does not wait for upgraded sockets,
    /// shutdown does.
    ///
    /// `place` is held until it has ended.
    pub fn serve(
        self: &Arc<Self>,
        socket: WebSocket,
        shared_socket: Arc<SharedSocket>,
        upgrade: Upgrade,
        place: (Permit<Address>, OwnedSemaphorePermit),
    ) {
        let shared = Arc::clone(self);
        let mut connection = Connection::new(shared, socket, shared_socket, upgrade);
        self.tasks.spawn("socket", async move {
            connection.run().await;
            drop(place);
        });
    }
}
