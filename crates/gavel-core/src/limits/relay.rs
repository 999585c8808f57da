//! Reading the stream.

use std::time::Duration;

/// How often the stream is described, to find new shards.
pub const DESCRIBE_EVERY: Duration = Duration::from_secs(10);
/// How soon after a shard's end its children are looked for.
pub const DESCRIBE_AFTER_END: Duration = Duration::from_millis(100);
/// What a GetRecords call costs on AWS, about, in US dollars (SOURCES.md#streams: $0.02 per
/// 100,000).
pub const READ_PRICE_USD: f64 = 0.02 / 100_000.0;
/// A shard that is said to be gone for so long has ended: what it may have held is in the table.
pub const SHARD_GONE_AFTER: Duration = Duration::from_secs(3);
/// The pause after a description failed, at first, or while no shard is read.
pub const DESCRIBE_PAUSE: Duration = Duration::from_millis(500);
/// The least time between two calls of DescribeStream, and so between two pages: AWS allows 10 a
/// second and stream, and another server reads it, too.
pub const DESCRIBE_PAGE_PAUSE: Duration = Duration::from_millis(250);
/// How often the table is asked which stream it has while the one that is read says nothing more.
pub const LOOK_UP_PAUSE: Duration = Duration::from_secs(1);
/// How often in any case.
pub const LOOK_UP_EVERY: Duration = Duration::from_secs(60);
/// A page of at least so many records is followed by the next at once.
pub const STREAM_PAGE_LARGE: usize = 500;
/// A shard that cannot be read for so long, or no shard at all, makes the server degraded.
pub const RELAY_DEGRADED_AFTER: Duration = Duration::from_secs(5);
