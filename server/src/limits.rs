//! Every bound of the service, in one place, checked against each other at compile time.
//!
//! Units stand last in the names. A bound that an operator may change is a default here and a
//! field of [`crate::config::Config`].

use std::time::Duration;

// Terms of an auction.
/// A title, in bytes of UTF-8.
pub const TITLE_BYTES_MAX: usize = 200;
/// A description, in bytes of UTF-8.
pub const DESCRIPTION_BYTES_MAX: usize = 10_000;
/// How far ahead an auction may end.
pub const AUCTION_DURATION_MAX: Duration = Duration::from_secs(366 * 24 * 3600);
/// The soft close window, in seconds.
pub const SOFT_CLOSE_SECONDS_MAX: u32 = 3600;
/// How often a soft close may move the end.
pub const SOFT_CLOSE_EXTENSIONS_MAX: u32 = 1000;
/// An idempotency key, in bytes.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 128;
/// A user id (`sub`), in bytes.
pub const USER_ID_BYTES_MAX: usize = 128;

// Bidding lane.
/// Actions in one transaction (AWS: FACTS 5).
pub const TRANSACTION_ACTIONS_MAX: usize = 100;
/// Bids committed in one transaction, by default and at most.
pub const GROUP_COMMIT_MAX: usize = 40;
/// Commands that wait for one lane; a further one is OVERLOADED.
pub const LANE_QUEUE_MAX: usize = 1_000;
/// Lanes at a time; each is a task and the state of one busy auction.
pub const LANES_MAX: usize = 10_000;
/// A lane without work ends after this.
pub const LANE_IDLE: Duration = Duration::from_secs(60);
/// Answers to keyed bids that a lane remembers, to answer repeats without a read.
pub const LANE_RECENT_KEYS_MAX: usize = 1_000;
/// Tries of a group whose version was taken by another server, then CONTENTION.
pub const CONFLICT_TRIES_MAX: u32 = 10;
/// How long a group with an unknown outcome is sent again.
pub const UNKNOWN_OUTCOME_RETRY: Duration = Duration::from_secs(30);
/// How long a request that was certainly not written is tried again, then STORE_UNAVAILABLE.
pub const UNAVAILABLE_RETRY: Duration = Duration::from_secs(3);
/// Closing waits this long after the end: at least the clock skew allowed between servers.
pub const CLOSE_GRACE: Duration = Duration::from_millis(500);
/// How long an idempotency key is kept.
pub const IDEMPOTENCY_KEPT: Duration = Duration::from_secs(24 * 3600);
const _: () = assert!(1 + 2 * GROUP_COMMIT_MAX <= TRANSACTION_ACTIONS_MAX);
const _: () = assert!(LANE_RECENT_KEYS_MAX >= GROUP_COMMIT_MAX);

// Store.
/// The connect time-out of both SDK clients.
pub const STORE_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// The time-out of one attempt of a write or a read.
pub const STORE_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// Bids in a page read from the table.
pub const STORE_PAGE_BIDS: usize = 200;
/// Items in one BatchGetItem (AWS limit).
pub const BATCH_GET_MAX: usize = 100;
/// Partitions of each half of the index of what is due.
pub const DUE_PARTITIONS: u8 = 16;
/// How often the schedule looks for auctions to open and to close.
pub const SCHEDULE_EVERY: Duration = Duration::from_millis(500);
