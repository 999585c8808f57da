//! Groups of equal subscriptions, and the queues of the sockets that they write to.

use std::time::Duration;

use gavel_core::limits::TOPIC_BACKLOG_MAX;

use super::documents::EVENT_BYTES_MAX;

/// Frames queued for one socket, all its operations together.
pub const SOCKET_QUEUE_MAX: usize = 4096;
/// Frames queued for one subscription; one more is SLOW_CONSUMER.
pub const SUBSCRIPTION_QUEUE_MAX: usize = 1024;
/// Bytes of frames queued for one socket; one more is SLOW_CONSUMER for its subscription.
pub const SOCKET_QUEUE_BYTES_MAX: usize = 1024 * 1024;
/// Of these, bytes that count towards nobody's budget.
pub const SOCKET_QUEUE_BYTES_FREE: usize = 32 * 1024;
/// Replayed bytes that are queued for one socket at a time.
pub const REPLAY_QUEUE_BYTES_MAX: usize = 64 * 1024;
const _: () = assert!(EVENT_BYTES_MAX <= REPLAY_QUEUE_BYTES_MAX);
/// Replayed frames of one subscription that are queued at a time.
pub const REPLAY_QUEUE_MAX: usize = 64;
/// Payloads that a group keeps for members that resume.
pub const GROUP_RING_MAX: usize = 256;
/// Their bytes, but for the last one's.
pub const GROUP_RING_BYTES_MAX: usize = 128 * 1024;
/// Bids that a group takes in one turn.
pub const GROUP_TURN_MAX: usize = 64;
/// Sockets that a group writes to before it lets other tasks of its thread run: about 2.5 ms.
pub const GROUP_WRITES_MAX: usize = 512;
/// The same in a burst, where a write carries several events: it is larger, and there are fewer.
pub const GROUP_BURST_WRITES_MAX: usize = 64;
/// Members from which on a group lets other tasks of its thread run before a burst, too.
pub const GROUP_LARGE: usize = 128;
/// Members of a group for each task that writes to them. Two tasks cost about a tenth more CPU a
/// delivery than one, so a crowd must be worth it.
pub const GROUP_SHARE: usize = 1_000;
/// Members whose state a group looks up together, before it writes to the first of them.
pub const GROUP_PREFETCH: usize = 16;
/// Joins that wait for one group; further ones wait for a place.
pub const GROUP_JOINS_MAX: usize = 64;
/// A group without members ends after this.
pub const GROUP_IDLE: Duration = Duration::from_secs(10);
const _: () = assert!(GROUP_RING_MAX < SUBSCRIPTION_QUEUE_MAX);
const _: () = assert!(GROUP_RING_MAX <= TOPIC_BACKLOG_MAX);
const _: () = assert!(SUBSCRIPTION_QUEUE_MAX <= SOCKET_QUEUE_MAX);
