//! Limits of readiness and shutdown.

use std::time::Duration;

use super::http::{HTTP_DRAIN_TIMEOUT, HTTP_WRITE_TIMEOUT};

/// How often the service checks whether it can serve.
pub const READY_EVERY: Duration = Duration::from_secs(2);
/// How long this check waits for the store.
pub const READY_TIMEOUT: Duration = Duration::from_secs(2);
/// A store that fails for this long makes the service unavailable.
pub const STORE_DOWN_AFTER: Duration = Duration::from_secs(5);
/// How long a start waits for the relay before the service is ready without it.
pub const RELAY_START_GRACE: Duration = Duration::from_secs(15);

/// How long shutdown waits for requests, sockets and lanes together, before it gives up.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(20);
const _: () = assert!(HTTP_WRITE_TIMEOUT.as_secs() < HTTP_DRAIN_TIMEOUT.as_secs());
const _: () = assert!(HTTP_DRAIN_TIMEOUT.as_secs() < SHUTDOWN_TIMEOUT.as_secs());
/// How long shutdown waits for the last traces to be exported.
pub const TRACE_FLUSH_TIMEOUT: Duration = Duration::from_secs(3);
