//! Several servers over one table, and the bus between them.

use std::time::Duration;

/// Nodes that read the stream at a time: AWS allows two readers per shard (SOURCES.md#streams).
pub const STREAM_READERS_MAX: usize = 2;
/// How often a lease is renewed, and looked at by who has none.
pub const LEASE_RENEW_EVERY: Duration = Duration::from_secs(1);
/// A lease whose counter has not moved for so long, on the observer's own monotonic clock, is free.
pub const LEASE_STALE_AFTER: Duration = Duration::from_secs(3);
/// How often a node publishes what has changed.
pub const DIGEST_EVERY: Duration = Duration::from_millis(250);
/// For how long a change stands in digests.
pub const DIGEST_KEEPS: Duration = Duration::from_secs(2);
/// Auctions in one digest; further ones go into another.
pub const DIGEST_AUCTIONS_MAX: usize = 1_000;
/// Auctions whose changes a node keeps for its digests; beyond them the regular check finds them.
pub const DIGEST_KEPT_MAX: usize = 100_000;
/// What a digest says and a topic does not have is read from the table after so long: its event may
/// be on the way.
pub const DIGEST_PATIENCE: Duration = Duration::from_millis(100);
/// The table has had so long to show what watchers were told, before it is said that it does not: a
/// transaction becomes visible within milliseconds.
pub const CONTRADICTED_AFTER: Duration = Duration::from_secs(2);
/// A node whose digest has been missing for so long is not given bids, and live topics are checked.
pub const NODE_MISSING_AFTER: Duration = Duration::from_secs(1);
/// A node that has been silent for so long is gone: nothing it wrote can be under way.
pub const NODE_GONE_AFTER: Duration = Duration::from_secs(10);
/// Live topics are checked so often while the bus is not to be trusted.
pub const BUS_CHECK_EVERY: Duration = Duration::from_secs(1);
/// Nodes of a cluster that are kept in mind; further ones are ignored.
pub const NODES_MAX: usize = 1_000;
/// Messages of the bus that wait to be read; further ones are dropped, and topics checked.
pub const BUS_QUEUE_MAX: usize = 8_192;
/// How long a forwarded bid waits for its owner's answer, before it is decided here.
pub const FORWARD_TIMEOUT: Duration = Duration::from_secs(1);
/// Bids of other nodes that are decided here at a time; further ones are decided where they came.
pub const FORWARDED_MAX: usize = 10_000;
/// How long a topic waits for the bus before it reads the table all the same.
pub const BUS_JOIN_TIMEOUT: Duration = Duration::from_millis(500);
/// The largest message that is sent: NATS takes 1 MiB unless it is told otherwise.
pub const BUS_MESSAGE_BYTES_MAX: usize = 1_000_000;

const _: () = assert!(LEASE_RENEW_EVERY.as_millis() * 2 < LEASE_STALE_AFTER.as_millis());
const _: () = assert!(DIGEST_EVERY.as_millis() * 3 < NODE_MISSING_AFTER.as_millis());
const _: () = assert!(NODE_MISSING_AFTER.as_millis() < NODE_GONE_AFTER.as_millis());
const _: () = assert!(DIGEST_KEEPS.as_millis() > NODE_MISSING_AFTER.as_millis());
