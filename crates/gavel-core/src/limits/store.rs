//! Limits of requests to DynamoDB.

use std::time::Duration;

/// The connect time-out of both SDK clients.
pub const STORE_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long credentials may take to obtain: less than an attempt, whose own time-out does not say
/// whether anything was sent.
pub const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(2);
/// The time-out of one attempt of a write or a read.
pub const STORE_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
const _: () = assert!(CREDENTIALS_TIMEOUT.as_millis() < STORE_ATTEMPT_TIMEOUT.as_millis());
/// Bids in a page read from the table.
pub const STORE_PAGE_BIDS: usize = 200;
/// Queries for one page of bids: DynamoDB cuts an answer at 1 MB, and foreign items between bids
/// count too.
pub const STORE_PAGE_QUERIES_MAX: usize = 1_000;
/// Items in one BatchGetItem (AWS limit).
pub const BATCH_GET_MAX: usize = 100;
/// Items in one TransactGetItems (AWS limit).
pub const TRANSACT_GET_MAX: usize = 100;
/// Attempts for a BatchGetItem that leaves keys unprocessed.
pub const BATCH_GET_TRIES: u32 = 10;
/// The pause between them.
pub const BATCH_GET_PAUSE: Duration = Duration::from_millis(50);
/// Concurrent requests that read the table for queries and watchers; more wait. Those of lanes and
/// of the schedule do not count.
pub const TABLE_READS_MAX: usize = 64;
/// How long the item of a probe is kept.
pub const PROBE_KEPT: Duration = Duration::from_secs(24 * 3600);
