//! HTTP.

use std::time::Duration;

/// Connections at a time; further ones wait in the kernel's queue. Sockets have a bound of their own.
pub const CONNECTIONS_MAX: usize = 10_000;
/// Connections that wait in that queue for being accepted, as far as the kernel allows
/// (`net.core.somaxconn`). A client beyond it is not refused: it tries again after a second, and what
/// it has sent may be answered with a reset.
pub const LISTEN_QUEUE_MAX: u32 = 4_096;
/// How long the head of a request may take, and a connection before its first request.
pub const HTTP_HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The head of a request.
pub const HTTP_HEAD_BYTES_MAX: usize = 64 * 1024;
/// How long the body of a request may take.
pub const HTTP_BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may rest between requests: longer than the balancer in front keeps it (120
/// s in deploy/gavel.yaml), or a request is lost that the balancer sends while the service closes.
pub const HTTP_KEEP_ALIVE: Duration = Duration::from_secs(130);
/// A connection whose client takes nothing of its answer for so long is reset.
pub const HTTP_WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may go on with what it has begun when the service stops.
pub const HTTP_DRAIN_TIMEOUT: Duration = Duration::from_secs(15);
/// Connections too many that are answered at a time; further ones are closed without an answer.
pub const REFUSALS_MAX: usize = 100;
/// An answer's bytes that a connection is handed at a time.
pub const ANSWER_PIECE_BYTES: usize = 16 * 1024;
/// How long the answer to a connection too many may take.
pub const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);
/// The pause after a connection could not be accepted.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// Answers from this size on are compressed, for clients that take that.
pub const COMPRESSED_BYTES_MIN: u16 = 1024;
/// Answers that are compressed at a time; further ones are sent as they are.
pub const COMPRESSIONS_MAX: usize = 64;
/// How long a browser may remember what CORS allows.
pub const CORS_MAX_AGE: Duration = Duration::from_secs(3600);
/// A request's body.
pub const HTTP_BODY_BYTES_MAX: usize = 128 * 1024;
/// The file by which the playground's assets are known to be installed.
pub const PLAYGROUND_PROBE: &str = "graphiql@3.9.0/graphiql.min.js";
