//! Sockets.

use std::time::Duration;

/// How long a client may take to send connection_init (the reference's default).
pub const INIT_TIMEOUT: Duration = Duration::from_secs(3);
/// A socket without an operation is closed after this.
pub const SOCKET_IDLE: Duration = Duration::from_secs(600);
/// Sockets at a time; further ones are refused.
pub const SOCKETS_MAX: usize = 100_000;
/// How often a client is pinged (the reference's default).
pub const PING_EVERY: Duration = Duration::from_secs(12);
/// How long it may take to say anything after that.
pub const PONG_TIMEOUT: Duration = Duration::from_secs(12);
/// The end of either wait, counted anew from when this process notices that it has come to that.
pub const LAST_LOOK: Duration = Duration::from_secs(1);
/// An operation's id, in bytes: it is part of every frame.
pub const OPERATION_ID_BYTES_MAX: usize = 64;
/// Subscriptions of one socket at a time.
pub const OPERATIONS_PER_SOCKET_MAX: usize = 100;
/// Queries and mutations of one socket at a time, beside its subscriptions: a socket that watches as
/// much as it may can still bid, and renew its token.
pub const SHORT_OPERATIONS_PER_SOCKET_MAX: usize = 50;
/// A message of a client.
pub const SOCKET_MESSAGE_BYTES_MAX: usize = 128 * 1024;
/// Allocated with each socket.
pub const SOCKET_READ_BUFFER_BYTES: usize = 1024;
/// Filled before a write is made without a flush.
pub const SOCKET_WRITE_BUFFER_BYTES: usize = 64 * 1024;
/// The kernel's send buffer of each connection (it doubles this): what a client that stops reading
/// can hold outside of the process.
pub const SOCKET_SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Frames written in one go.
pub const WRITE_BATCH_MAX: usize = 64;
/// A socket on which a batch cannot be written for so long is closed 1013, then reset.
pub const SOCKET_WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a close frame may take, and then the peer's answer.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
