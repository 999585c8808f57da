//! Limits of sockets.

use std::time::Duration;

/// How long a client may take to send connection_init (the reference's default).
pub const INIT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a socket without an operation stays open.
pub const SOCKET_IDLE: Duration = Duration::from_secs(600);
/// Concurrent sockets; more are refused.
pub const SOCKETS_MAX: usize = 100_000;
/// How long a message may take from its first byte on, like the body of a request.
pub const SOCKET_MESSAGE_TIMEOUT: Duration = Duration::from_secs(10);
/// After this long without `ka`, clients of AppSync take their connection for dead; some take no less
/// than a minute.
pub const APPSYNC_CONNECTION_TIMEOUT: Duration = Duration::from_secs(300);
/// Longest encoded credentials in a handshake of AppSync's clients, in bytes.
pub const APPSYNC_HEADER_BYTES_MAX: usize = 8 * 1024;
/// How long a subscription of AppSync's clients that was cut can be resumed.
pub const RESUME_FOR: Duration = Duration::from_secs(300);
/// Most such subscriptions; the oldest go first.
pub const RESUMES_MAX: usize = 20_000;
/// Shortest id of an operation that is resumed, in bytes: clients make these ids at random.
pub const RESUMED_ID_BYTES_MIN: usize = 16;
/// How often a client is pinged (the reference's default).
pub const PING_EVERY: Duration = Duration::from_secs(12);
/// How long a client may stay silent after a ping.
pub const PONG_TIMEOUT: Duration = Duration::from_secs(12);
/// The last part of either wait, timed from when this process notices that it has begun.
pub const LAST_LOOK: Duration = Duration::from_secs(1);
/// Longest id of an operation, in bytes: it is part of every frame.
pub const OPERATION_ID_BYTES_MAX: usize = 64;
/// Concurrent subscriptions of one socket.
pub const OPERATIONS_PER_SOCKET_MAX: usize = 100;
/// Concurrent queries and mutations of one socket, in addition to its subscriptions: a socket with
/// as many subscriptions as it may have can still bid, and renew its token.
pub const SHORT_OPERATIONS_PER_SOCKET_MAX: usize = 50;
/// Largest message of a client, in bytes.
pub const SOCKET_MESSAGE_BYTES_MAX: usize = 128 * 1024;
/// Read buffer, allocated with each socket.
pub const SOCKET_READ_BUFFER_BYTES: usize = 1024;
/// Write buffer, filled before a write without a flush.
pub const SOCKET_WRITE_BUFFER_BYTES: usize = 64 * 1024;
/// The kernel's send buffer of each connection (it doubles this): what a client that stops reading
/// can hold outside the process.
pub const SOCKET_SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Most frames written at once.
pub const WRITE_BATCH_MAX: usize = 64;
/// A socket on which a batch cannot be written for this long is closed with 1013, then reset.
pub const SOCKET_WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a close frame may take, and then the peer's answer.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
