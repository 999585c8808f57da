//! Limits of the schedule, which opens and closes auctions.

use std::time::Duration;

use super::lanes::LANES_MAX;

/// Partitions per phase of the index of due auctions.
pub const DUE_PARTITIONS: u8 = 16;
/// Auctions per partition that one look at the schedule takes.
pub const DUE_PAGE: usize = 50;
/// How often the schedule looks for auctions to open and to close.
pub const SCHEDULE_EVERY: Duration = Duration::from_millis(500);
/// How often it reads every partition, for what other servers wrote; it reads the others when
/// something is due in them.
pub const SCHEDULE_LOOK_EVERY: Duration = Duration::from_secs(5);
/// Auctions that the schedule opens and closes concurrently.
pub const SCHEDULE_IN_FLIGHT_MAX: usize = 6;
const _: () = assert!(SCHEDULE_IN_FLIGHT_MAX * 100 <= LANES_MAX);
