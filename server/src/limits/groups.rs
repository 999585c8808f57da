//! Limits of groups of equal subscriptions, and of the queues of the sockets that they write to.

use std::time::Duration;

use gavel_core::limits::TOPIC_BACKLOG_MAX;

use super::documents::{AUCTION_IDS_MAX, EVENT_BYTES_MAX};

/// Frames queued for one socket, over all its operations.
pub const SOCKET_QUEUE_MAX: usize = 4096;
/// Frames queued for one subscription; one more is SLOW_CONSUMER.
pub const SUBSCRIPTION_QUEUE_MAX: usize = 1024;
/// Bytes of frames queued for one socket; one more is SLOW_CONSUMER for its subscription.
pub const SOCKET_QUEUE_BYTES_MAX: usize = 1024 * 1024;
/// Of these, bytes that count towards no budget.
pub const SOCKET_QUEUE_BYTES_FREE: usize = 32 * 1024;
/// Replayed bytes queued for one socket at a time.
pub const REPLAY_QUEUE_BYTES_MAX: usize = 64 * 1024;
const _: () = assert!(EVENT_BYTES_MAX <= REPLAY_QUEUE_BYTES_MAX);
/// Replayed frames queued for one subscription at a time.
pub const REPLAY_QUEUE_MAX: usize = 64;
/// Payloads that a group keeps for members that resume.
pub const GROUP_RING_MAX: usize = 256;
/// Bytes of these payloads, without the last one.
pub const GROUP_RING_BYTES_MAX: usize = 128 * 1024;
/// Bids that a group processes in one turn.
pub const GROUP_TURN_MAX: usize = 64;
/// Sockets that a group writes to before it lets other tasks of its thread run: about 2.5 ms.
pub const GROUP_WRITES_MAX: usize = 512;
/// The same in a burst, where a write carries several events and is larger, so there are fewer.
pub const GROUP_BURST_WRITES_MAX: usize = 64;
/// Number of members from which on a group lets other tasks of its thread run before a burst, too.
pub const GROUP_LARGE: usize = 128;
/// Members of a group per task that writes to them. Two tasks cost about a tenth more CPU per
/// delivery than one, so only a large group is worth it.
pub const GROUP_SHARE: usize = 1_000;
/// Members whose state a group prefetches together, before it writes to the first of them.
pub const GROUP_PREFETCH: usize = 16;
/// Joins waiting for one group; more wait for space in its queue.
pub const GROUP_JOINS_MAX: usize = 64;
/// How long a group without members is kept.
pub const GROUP_IDLE: Duration = Duration::from_secs(10);
/// How often a lobby shows what has changed.
pub const LOBBY_EVERY: Duration = Duration::from_millis(250);
/// Auctions in one frame of a lobby: its price is that of one event.
pub const LOBBY_FRAME_AUCTIONS: usize = 10;
/// How often the auctions of a status are looked up for lobbies.
pub const LOBBY_LOOK_EVERY: Duration = Duration::from_secs(1);
/// Auctions of a lobby that are opened at a time.
pub const LOBBY_OPENING_MAX: usize = 16;
/// Lists without an auction after which a lobby drops it, though it still has the status.
pub const LOBBY_UNLISTED_MAX: u32 = 5;
const _: () = assert!(AUCTION_IDS_MAX.div_ceil(LOBBY_FRAME_AUCTIONS) < SUBSCRIPTION_QUEUE_MAX);
const _: () = assert!(GROUP_RING_MAX < SUBSCRIPTION_QUEUE_MAX);
const _: () = assert!(GROUP_RING_MAX <= TOPIC_BACKLOG_MAX);
const _: () = assert!(SUBSCRIPTION_QUEUE_MAX <= SOCKET_QUEUE_MAX);
