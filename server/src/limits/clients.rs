//! What a client may ask for. Each is a default, and a flag.

use std::time::Duration;

use gavel_core::limits::{DUE_PARTITIONS, TABLE_READS_MAX};

use super::documents::{ANSWER_BYTES_MAX, QUERY_COMPLEXITY_MAX, SUBSCRIPTION_COMPLEXITY_MAX};

/// HTTP connections of an address at a time, sockets not counted.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 256;
/// Sockets of an address at a time: an office behind one address, not a house.
pub const SOCKETS_PER_ADDRESS_MAX: usize = 1_000;
/// Sockets of a user at a time.
pub const SOCKETS_PER_USER_MAX: usize = 20;
/// New sockets of an address in a second.
pub const HANDSHAKES_PER_SECOND_MAX: u32 = 100;
/// Bids of a user in a second.
pub const BIDS_PER_USER_PER_SECOND_MAX: u32 = 20;
/// Auctions that a user makes in a second.
pub const AUCTIONS_PER_USER_PER_SECOND_MAX: u32 = 10;
/// Bids on an auction in a second: some times what AWS takes (SOURCES.md#writes), for most are
/// refused.
pub const BIDS_PER_AUCTION_PER_SECOND_MAX: u32 = 2_000;
/// Points of work of a user in a second: a point is about what one field takes.
pub const WORK_PER_USER_MAX: u32 = 20_000;
/// The same of callers without a token of one address.
pub const WORK_PER_ADDRESS_MAX: u32 = 20_000;
/// The same of all callers of one address, with tokens or without.
pub const ALL_WORK_PER_ADDRESS_MAX: u32 = 100_000;
/// The same of all callers without a token.
pub const ANONYMOUS_WORK_MAX: u32 = 100_000;
/// What may be asked for at once comes back in this time.
pub const WORK_BURST: Duration = Duration::from_secs(2);
/// Operations of a socket in a second.
pub const OPERATIONS_PER_SECOND_MAX: u32 = 50;
/// Messages of a socket in a second: it is read no faster.
pub const MESSAGES_PER_SECOND_MAX: u32 = 500;
/// Requests for /healthz, /readyz and /metrics of an address in a second, where they are on the
/// public address.
pub const PROBES_PER_SECOND_MAX: u32 = 20;
/// Messages on all sockets of a user, or of an address, in a second: they are read no faster.
pub const MESSAGES_PER_CLIENT_MAX: u32 = 2_000;
/// How long a request that is over its budget waits for its answer, at least and at most: its
/// connection asks for nothing meanwhile, so that refusals cost little.
pub const REFUSAL_PAUSE_MIN: Duration = Duration::from_millis(250);
/// The most of it.
pub const REFUSAL_PAUSE_MAX: Duration = Duration::from_millis(500);
/// Bids of history that a user, or an address, is sent in a second; further ones wait.
pub const REPLAYS_PER_SECOND_MAX: u32 = 2_000;
/// The same of all callers without a token.
pub const ANONYMOUS_REPLAYS_MAX: u32 = 8_000;
/// What may be sent at once comes back in this time.
pub const REPLAY_BURST: Duration = Duration::from_secs(2);
/// Bytes of answers that a user, or an address, has not read.
pub const ANSWER_BYTES_PER_CLIENT_MAX: usize = 8 * 1024 * 1024;
/// Bytes of answers that nobody has read.
pub const ANSWER_BYTES_IN_MEMORY_MAX: usize = 64 * 1024 * 1024;
const _: () = assert!(ANSWER_BYTES_MAX <= ANSWER_BYTES_PER_CLIENT_MAX);
const _: () = assert!(ANSWER_BYTES_PER_CLIENT_MAX <= ANSWER_BYTES_IN_MEMORY_MAX);
const _: () = assert!(2 * QUERY_COMPLEXITY_MAX as u32 <= WORK_PER_ADDRESS_MAX * 2);
/// Bytes of an address's bodies, and messages on sockets, that are not whole yet.
pub const UNREAD_BYTES_PER_ADDRESS_MAX: usize = 8 * 1024 * 1024;
/// Of each message, bytes that count towards nobody's budget.
pub const UNREAD_BYTES_FREE: usize = 4 * 1024;
/// What a group weighs beside the points of its events: it executes and encodes each by itself.
pub const GROUP_WEIGHT: usize = 25;
/// Weight of the groups that an address has begun.
pub const GROUPS_PER_ADDRESS_MAX: usize = 20_000;
/// Weight of the groups of one auction: each of its bids costs as much.
pub const GROUPS_PER_AUCTION_MAX: usize = 20_000;
/// Weight of all groups.
pub const GROUPS_MAX: usize = 400_000;
const _: () = assert!(GROUP_WEIGHT + SUBSCRIPTION_COMPLEXITY_MAX <= GROUPS_PER_AUCTION_MAX);
/// Addresses, users or auctions whose rate is remembered; one more waits.
pub const RATE_KEYS_MAX: usize = 100_000;
/// How often those that are within their rate again are forgotten.
pub const RATE_TIDY_EVERY: Duration = Duration::from_secs(1);
/// Such requests for queries of a user, or of an address without a token, at a time: what one list of
/// auctions asks at once.
pub const READS_PER_CLIENT_MAX: usize = 16;
const _: () = assert!(READS_PER_CLIENT_MAX >= DUE_PARTITIONS as usize);
const _: () = assert!(2 * READS_PER_CLIENT_MAX <= TABLE_READS_MAX);
