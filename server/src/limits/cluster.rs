//! The bus of a cluster.

use std::time::Duration;

/// How often NATS is pinged: a connection that is half open is given up after two pings.
pub const BUS_PING_EVERY: Duration = Duration::from_secs(2);
/// How long a connection to NATS may take.
pub const BUS_CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a server waits for its bus at start.
pub const BUS_START_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause before the bus is connected again.
pub const BUS_RECONNECT_PAUSE: Duration = Duration::from_millis(250);
/// At shutdown a connection ends when nothing was sent for so long.
pub const BUS_LINGER: Duration = Duration::from_millis(100);
/// Messages that wait to be sent, by connection; further ones are lost, and found by digests.
pub const BUS_SEND_QUEUE_MAX: usize = 8_192;
/// Messages of one subscription that wait to be read; further ones are dropped, and topics checked.
pub const BUS_SUBSCRIPTION_QUEUE_MAX: usize = 1_024;
