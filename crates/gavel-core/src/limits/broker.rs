//! Limits of the broker's topics, and of their reads from the table.

use std::time::Duration;

use super::store::STORE_PAGE_BIDS;

/// Most auctions watched on one server.
pub const TOPICS_MAX: usize = 100_000;
/// Bids that a topic keeps for watchers that resume.
pub const TOPIC_BACKLOG_MAX: usize = 256;
/// Bids that arrived early and wait for those before them; more are read from the table.
pub const TOPIC_EARLY_MAX: usize = 256;
/// How long a topic without watchers is kept.
pub const TOPIC_IDLE: Duration = Duration::from_secs(30);
/// How often live topics are checked against the table.
pub const TOPIC_CHECK_EVERY: Duration = Duration::from_secs(10);
/// A shard that has shown no record for this long may have stalled: auctions whose bids it may hide
/// are then read from the table.
pub const STREAM_QUIET_AFTER: Duration = Duration::from_millis(750);
/// How often these auctions are chosen.
pub const QUIET_CHECK_EVERY: Duration = Duration::from_millis(250);
/// Most watched auctions that are then read from the table a second.
pub const QUIET_CHECKS_PER_SECOND_MAX: usize = 100;
/// Failed requests in a row after which a check leaves the rest to the next one.
pub const CHECK_ERRORS_MAX: u32 = 2;
/// Concurrent requests of a check.
pub const CHECKS_IN_FLIGHT: usize = 4;
/// How often the broker looks for expired demand.
pub const BROKER_TICK: Duration = Duration::from_millis(50);
/// How long a gap may last before it is read from the table.
pub const REPAIR_PATIENCE: Duration = Duration::from_millis(10);
/// The pause after a repair read nothing.
pub const REPAIR_PAUSE: Duration = Duration::from_millis(20);
/// The pause after a repair could not read.
pub const REPAIR_ERROR_PAUSE: Duration = Duration::from_millis(250);
const _: () = assert!(TOPIC_BACKLOG_MAX <= STORE_PAGE_BIDS * 2);
/// A committed bid that the table has not shown for this long has been deleted.
pub const MISSING_STANDS: Duration = Duration::from_secs(2);
/// The pause before the table is read for it again.
pub const MISSING_PAUSE: Duration = Duration::from_millis(100);
/// Missing ranges that a topic remembers; beyond them the oldest is found again by reading.
pub const TOPIC_MISSING_MAX: usize = 64;

/// A committed write that the stream has not shown after this is read from the table: above the
/// published p99 of propagation (SOURCES.md#latency: 433 ms with a busy reader).
pub const DEMAND_EXPIRY: Duration = Duration::from_millis(500);
