//! Limits of one request or socket.

use std::time::Duration;

use clap::Args as ClapArgs;

use super::command_line::heading;
use super::{ConfigError, in_range};
use crate::limits;
use crate::websocket::SocketLimits;

/// Limits of one request or socket.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = heading::CONNECTION)]
pub struct ConnectionArgs {
    /// Seconds that an HTTP connection may stay idle between requests. Set it longer than the proxy
    /// in front keeps idle connections.
    #[arg(long, env = "GAVEL_HTTP_KEEP_ALIVE_SECONDS",
        default_value_t = limits::HTTP_KEEP_ALIVE.as_secs())]
    pub http_keep_alive_seconds: u64,

    /// Largest request body, in bytes.
    #[arg(long, env = "GAVEL_HTTP_BODY_BYTES", default_value_t = limits::HTTP_BODY_BYTES_MAX)]
    pub http_body_bytes: usize,

    /// Largest message on a socket, in bytes.
    #[arg(long, env = "GAVEL_SOCKET_MESSAGE_BYTES",
        default_value_t = limits::SOCKET_MESSAGE_BYTES_MAX)]
    pub socket_message_bytes: usize,

    /// Concurrent subscriptions per socket.
    #[arg(long, env = "GAVEL_OPERATIONS_PER_SOCKET",
        default_value_t = limits::OPERATIONS_PER_SOCKET_MAX)]
    pub operations_per_socket: usize,

    /// Concurrent queries and mutations per socket, in addition to its subscriptions.
    #[arg(long, env = "GAVEL_SHORT_OPERATIONS_PER_SOCKET",
        default_value_t = limits::SHORT_OPERATIONS_PER_SOCKET_MAX)]
    pub short_operations_per_socket: usize,

    /// Milliseconds within which a client must send connection_init.
    #[arg(long, env = "GAVEL_INIT_TIMEOUT_MS",
        default_value_t = limits::INIT_TIMEOUT.as_millis() as u64)]
    pub init_timeout_ms: u64,

    /// Seconds after which a socket without operations is closed.
    #[arg(long, env = "GAVEL_SOCKET_IDLE_SECONDS",
        default_value_t = limits::SOCKET_IDLE.as_secs())]
    pub socket_idle_seconds: u64,
}

impl ConnectionArgs {
    /// How long an HTTP connection may stay idle between requests.
    pub fn keep_alive(&self) -> Duration {
        Duration::from_secs(self.http_keep_alive_seconds)
    }

    /// The limits of a socket.
    pub fn socket_limits(&self) -> SocketLimits {
        SocketLimits {
            message_bytes_max: self.socket_message_bytes,
            operations_max: self.operations_per_socket,
            short_operations_max: self.short_operations_per_socket,
            init_timeout: Duration::from_millis(self.init_timeout_ms),
            idle: Duration::from_secs(self.socket_idle_seconds),
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        in_range(&[
            ("http-keep-alive-seconds", self.http_keep_alive_seconds as usize, 1, 4_000),
            ("http-body-bytes", self.http_body_bytes, 1024, 16 << 20),
            ("socket-message-bytes", self.socket_message_bytes, 1024, 16 << 20),
            ("operations-per-socket", self.operations_per_socket, 1, 10_000),
            ("short-operations-per-socket", self.short_operations_per_socket, 1, 10_000),
            ("init-timeout-ms", self.init_timeout_ms as usize, 1, 60_000),
            ("socket-idle-seconds", self.socket_idle_seconds as usize, 1, 7 * 24 * 3600),
        ])
    }
}
