//! Limits of the terms of an auction.

use std::time::Duration;

/// Largest title, in bytes of UTF-8.
pub const TITLE_BYTES_MAX: usize = 200;
/// Largest description, in bytes of UTF-8.
pub const DESCRIPTION_BYTES_MAX: usize = 10_000;
/// Largest minimum increment: 1/1,024 of the largest amount, so that there is always room for bids.
pub const INCREMENT_MINOR_UNITS_MAX: u64 = (1 << 43) - 1;
/// How far ahead an auction may end.
pub const AUCTION_DURATION_MAX: Duration = Duration::from_secs(366 * 24 * 3600);
/// Longest soft-close window, in seconds.
pub const SOFT_CLOSE_SECONDS_MAX: u32 = 3600;
/// Most extensions by a soft close.
pub const SOFT_CLOSE_EXTENSIONS_MAX: u32 = 1000;
/// Longest idempotency key, in bytes.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 128;
/// Longest user id (`sub`), in bytes.
pub const USER_ID_BYTES_MAX: usize = 128;

/// Largest number of a bid: the most that the item's key can hold in order.
pub const SEQUENCE_MAX: u64 = 999_999_999_999;
