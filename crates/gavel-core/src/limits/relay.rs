//! Limits for reading the stream.

use std::time::Duration;

/// How often the stream is described, to find new shards.
pub const DESCRIBE_EVERY: Duration = Duration::from_secs(10);
/// How soon after a shard's end its children are looked for.
pub const DESCRIBE_AFTER_END: Duration = Duration::from_millis(100);
/// The approximate price of a GetRecords call on AWS, in US dollars (SOURCES.md#streams: $0.02 per
/// 100,000).
pub const READ_PRICE_USD: f64 = 0.02 / 100_000.0;
/// A shard that is reported gone for this long has ended: what it may have held is in the table.
pub const SHARD_GONE_AFTER: Duration = Duration::from_secs(3);
/// The first pause after a failed description, and the pause while no shard is read.
pub const DESCRIBE_PAUSE: Duration = Duration::from_millis(500);
/// The least time between two calls of DescribeStream, and so between two pages: AWS allows 10 a
/// second per stream, and another server reads it too.
pub const DESCRIBE_PAGE_PAUSE: Duration = Duration::from_millis(250);
/// How often the table is asked for its stream while the current one shows nothing more.
pub const LOOK_UP_PAUSE: Duration = Duration::from_secs(1);
/// How often the table is asked for its stream in any case.
pub const LOOK_UP_EVERY: Duration = Duration::from_secs(60);
/// After a page of at least this many records the next is read at once.
pub const STREAM_PAGE_LARGE: usize = 500;
/// A shard that cannot be read for this long, or no shard at all, makes the server degraded.
pub const RELAY_DEGRADED_AFTER: Duration = Duration::from_secs(5);
