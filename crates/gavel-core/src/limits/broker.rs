//! The topics of the broker, and what they read from the table.

use std::time::Duration;

use super::store::STORE_PAGE_BIDS;

/// Auctions watched on one server at a time.
pub const TOPICS_MAX: usize = 100_000;
/// Bids that a topic keeps for watchers that resume.
pub const TOPIC_BACKLOG_MAX: usize = 256;
/// Bids that came early and wait for those before them; further ones are read from the table.
pub const TOPIC_EARLY_MAX: usize = 256;
/// A topic without watchers is dropped after this.
pub const TOPIC_IDLE: Duration = Duration::from_secs(30);
/// How often live topics are checked against the table.
pub const TOPIC_CHECK_EVERY: Duration = Duration::from_secs(10);
/// A shard that has shown no record for so long may stand still: auctions whose bids it may hide are
/// then read from the table.
pub const STREAM_QUIET_AFTER: Duration = Duration::from_millis(750);
/// How often it is looked at which.
pub const QUIET_CHECK_EVERY: Duration = Duration::from_millis(250);
/// Watched auctions that are read from the table in a second meanwhile, at most.
pub const QUIET_CHECKS_PER_SECOND_MAX: usize = 100;
/// Requests of a check that fail in a row before it leaves the rest to the next one.
pub const CHECK_ERRORS_MAX: u32 = 2;
/// Requests of a check that are under way at a time.
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
/// A bid that the table does not show for so long although it was committed has been deleted.
pub const MISSING_STANDS: Duration = Duration::from_secs(2);
/// The pause before the table is asked for it again.
pub const MISSING_PAUSE: Duration = Duration::from_millis(100);
/// Holes that a topic remembers; beyond them the oldest is found anew.
pub const TOPIC_MISSING_MAX: usize = 64;

/// A committed write that the stream has not shown after this is read from the table: above the
/// published p99 of propagation (SOURCES.md#latency: 433 ms with a busy reader).
pub const DEMAND_EXPIRY: Duration = Duration::from_millis(500);
