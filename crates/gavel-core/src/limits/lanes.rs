//! Limits of the lanes, one for each auction that is being written.

use std::time::Duration;

/// Actions in one transaction (AWS: SOURCES.md#writes).
pub const TRANSACTION_ACTIONS_MAX: usize = 100;
/// Bids committed in one transaction: the default, and the most.
pub const GROUP_COMMIT_MAX: usize = 40;
/// Commands waiting for one lane; one more is OVERLOADED.
pub const LANE_QUEUE_MAX: usize = 1_000;
/// Concurrent lanes; each is a task and the state of one busy auction.
pub const LANES_MAX: usize = 10_000;
/// How long a lane without work is kept.
pub const LANE_IDLE: Duration = Duration::from_secs(60);
/// Answers to bids with keys that a lane remembers, to answer repeats without a read.
pub const LANE_RECENT_KEYS_MAX: usize = 1_000;
/// Attempts for a group whose version another server took, before CONTENTION.
pub const CONFLICT_TRIES_MAX: u32 = 10;
/// How long a group with an unknown outcome is resent.
pub const UNKNOWN_OUTCOME_RETRY: Duration = Duration::from_secs(30);
/// How long a request that was definitely not written is retried, before STORE_UNAVAILABLE.
pub const UNAVAILABLE_RETRY: Duration = Duration::from_secs(3);
/// A bid that has waited this long for its first write is STORE_UNAVAILABLE.
pub const BID_WAIT_MAX: Duration = Duration::from_secs(10);
/// Closing waits this long after the end: at least the clock skew allowed between servers.
pub const CLOSE_GRACE: Duration = Duration::from_millis(500);
/// A client's timestamp further than this from the service's clock says nothing about the way
/// between.
pub const SENT_AT_SKEW_MAX: Duration = Duration::from_secs(60);
/// The largest difference allowed between the clocks of servers and of DynamoDB.
pub const CLOCK_SKEW_MAX: Duration = Duration::from_millis(500);
const _: () = assert!(CLOSE_GRACE.as_millis() >= CLOCK_SKEW_MAX.as_millis());
/// How long an idempotency key is kept.
pub const IDEMPOTENCY_KEPT: Duration = Duration::from_secs(24 * 3600);
/// Bidders recorded in one transaction; the bids of more wait for the next one.
pub const GROUP_NEWCOMERS_MAX: usize = 19;
/// Bidders that a lane remembers to be recorded.
pub const LANE_BIDDERS_MAX: usize = 10_000;
const _: () = assert!(1 + 2 * GROUP_COMMIT_MAX + GROUP_NEWCOMERS_MAX <= TRANSACTION_ACTIONS_MAX);
const _: () = assert!(LANE_RECENT_KEYS_MAX >= GROUP_COMMIT_MAX);
