//! Limits of one client. Each is a default, and a flag.

use std::time::Duration;

use gavel_core::limits::{DUE_PARTITIONS, TABLE_READS_MAX};

use super::documents::{ANSWER_BYTES_MAX, QUERY_COMPLEXITY_MAX, SUBSCRIPTION_COMPLEXITY_MAX};

/// Concurrent HTTP connections of an address, sockets excluded.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 256;
/// Concurrent sockets of an address: enough for an office behind one address.
pub const SOCKETS_PER_ADDRESS_MAX: usize = 1_000;
/// Concurrent sockets of a user.
pub const SOCKETS_PER_USER_MAX: usize = 20;
/// New sockets a second per address.
pub const HANDSHAKES_PER_SECOND_MAX: u32 = 100;
/// Bids a second per user.
pub const BIDS_PER_USER_PER_SECOND_MAX: u32 = 20;
/// Auctions created a second per user.
pub const AUCTIONS_PER_USER_PER_SECOND_MAX: u32 = 10;
/// Bids a second per auction: several times what AWS can write (SOURCES.md#writes), because most
/// are rejected.
pub const BIDS_PER_AUCTION_PER_SECOND_MAX: u32 = 2_000;
/// Points of work a second per user: a point is roughly the cost of one field.
pub const WORK_PER_USER_MAX: u32 = 20_000;
/// The same for the callers without a token of one address.
pub const WORK_PER_ADDRESS_MAX: u32 = 20_000;
/// The same for all callers of one address, with or without a token.
pub const ALL_WORK_PER_ADDRESS_MAX: u32 = 100_000;
/// The same for all callers without a token together.
pub const ANONYMOUS_WORK_MAX: u32 = 100_000;
/// The burst of these budgets is what accrues in this time.
pub const WORK_BURST: Duration = Duration::from_secs(2);
/// Operations a second per socket.
pub const OPERATIONS_PER_SECOND_MAX: u32 = 50;
/// Messages a second per socket: it is read no faster.
pub const MESSAGES_PER_SECOND_MAX: u32 = 500;
/// Requests for /healthz, /readyz and /metrics a second per address, if they are on the public
/// address.
pub const PROBES_PER_SECOND_MAX: u32 = 20;
/// Messages a second on all sockets of a user, or of an address: they are read no faster.
pub const MESSAGES_PER_CLIENT_MAX: u32 = 2_000;
/// The shortest pause before a request over its budget is answered: its connection can ask for
/// nothing meanwhile, so that refusals cost little.
pub const REFUSAL_PAUSE_MIN: Duration = Duration::from_millis(250);
/// The longest such pause.
pub const REFUSAL_PAUSE_MAX: Duration = Duration::from_millis(500);
/// Bids of history sent a second to a user, or to an address; more wait.
pub const REPLAYS_PER_SECOND_MAX: u32 = 2_000;
/// The same for all callers without a token together.
pub const ANONYMOUS_REPLAYS_MAX: u32 = 8_000;
/// The burst of replays is what accrues in this time.
pub const REPLAY_BURST: Duration = Duration::from_secs(2);
/// Bytes of answers that a user, or an address, has not read.
pub const ANSWER_BYTES_PER_CLIENT_MAX: usize = 8 * 1024 * 1024;
/// Bytes of unread answers of all clients.
pub const ANSWER_BYTES_IN_MEMORY_MAX: usize = 64 * 1024 * 1024;
const _: () = assert!(ANSWER_BYTES_MAX <= ANSWER_BYTES_PER_CLIENT_MAX);
const _: () = assert!(ANSWER_BYTES_PER_CLIENT_MAX <= ANSWER_BYTES_IN_MEMORY_MAX);
const _: () = assert!(2 * QUERY_COMPLEXITY_MAX as u32 <= WORK_PER_ADDRESS_MAX * 2);
/// Bytes of an address's unfinished bodies and socket messages.
pub const UNREAD_BYTES_PER_ADDRESS_MAX: usize = 8 * 1024 * 1024;
/// Bytes of each body or message that count towards no budget.
pub const UNREAD_BYTES_FREE: usize = 4 * 1024;
/// Weight of a group in addition to the points of its events: each group executes and encodes them
/// by itself.
pub const GROUP_WEIGHT: usize = 25;
/// Weight of the groups that an address has started.
pub const GROUPS_PER_ADDRESS_MAX: usize = 20_000;
/// Weight of the groups of one auction: each of its bids costs that much.
pub const GROUPS_PER_AUCTION_MAX: usize = 20_000;
/// Weight of all groups.
pub const GROUPS_MAX: usize = 400_000;
const _: () = assert!(GROUP_WEIGHT + SUBSCRIPTION_COMPLEXITY_MAX <= GROUPS_PER_AUCTION_MAX);
/// Remembered rates of addresses, users or auctions; one more waits.
pub const RATE_KEYS_MAX: usize = 100_000;
/// How often rates that are within their limit again are forgotten.
pub const RATE_TIDY_EVERY: Duration = Duration::from_secs(1);
/// Concurrent table reads for queries of a user, or of an address without a token: as many as one
/// list of auctions makes at once.
pub const READS_PER_CLIENT_MAX: usize = 16;
const _: () = assert!(READS_PER_CLIENT_MAX >= DUE_PARTITIONS as usize);
const _: () = assert!(2 * READS_PER_CLIENT_MAX <= TABLE_READS_MAX);
