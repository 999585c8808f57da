//! Limits of HTTP.

use std::time::Duration;

/// How often certificate and key are looked at for a change.
pub const TLS_CHECK_EVERY: Duration = Duration::from_secs(2);
/// Concurrent connections; more wait in the kernel's queue. Sockets have a limit of their own.
pub const CONNECTIONS_MAX: usize = 10_000;
/// Connections waiting in that queue to be accepted, as far as the kernel allows
/// (`net.core.somaxconn`). A client beyond it is not refused: it tries again after a second, and
/// what it has sent may be answered with a reset.
pub const LISTEN_QUEUE_MAX: u32 = 4_096;
/// How long the head of a request may take, and a connection before its first request.
pub const HTTP_HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest head of a request, in bytes.
pub const HTTP_HEAD_BYTES_MAX: usize = 64 * 1024;
/// How long the body of a request may take.
pub const HTTP_BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may stay idle between requests: longer than the balancer in front keeps it
/// (120 s in deploy/gavel.yaml), or a request is lost that the balancer sends while the service
/// closes.
pub const HTTP_KEEP_ALIVE: Duration = Duration::from_secs(130);
/// A connection whose client reads nothing of its answer for this long is reset.
pub const HTTP_WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may take to finish its current request when the service stops.
pub const HTTP_DRAIN_TIMEOUT: Duration = Duration::from_secs(15);
/// Surplus connections answered at a time; more are closed without an answer.
pub const REFUSALS_MAX: usize = 100;
/// Bytes of an answer passed to a connection at a time.
pub const ANSWER_PIECE_BYTES: usize = 16 * 1024;
/// How long the answer to a surplus connection may take.
pub const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);
/// The pause after a connection could not be accepted.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// Answers from this size on are compressed, for clients that accept it.
pub const COMPRESSED_BYTES_MIN: u16 = 1024;
/// Answers compressed at a time; more are sent uncompressed.
pub const COMPRESSIONS_MAX: usize = 64;
/// How long a browser may remember what CORS allows.
pub const CORS_MAX_AGE: Duration = Duration::from_secs(3600);
/// Largest body of a request, in bytes.
pub const HTTP_BODY_BYTES_MAX: usize = 128 * 1024;
/// The file that shows whether the playground's assets are installed.
pub const PLAYGROUND_PROBE: &str = "graphiql@3.9.0/graphiql.min.js";
