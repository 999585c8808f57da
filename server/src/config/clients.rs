//! Limits of one client: counts, rates and points of work. docs/LIMITS.md has the cost model.

use clap::Args as ClapArgs;

use super::Switch;
use super::command_line::heading;
use crate::limiter::ClientLimits;
use crate::limits;

/// Limits of one client.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = heading::CLIENTS)]
pub struct ClientArgs {
    /// Whether the limits below per address, user and auction apply. Turn them off for load tests,
    /// where one machine simulates many clients.
    #[arg(long, env = "GAVEL_CLIENT_LIMITS", value_enum, default_value_t = Switch::On)]
    pub client_limits: Switch,

    /// Concurrent HTTP connections per address, sockets excluded; 0 for no limit.
    #[arg(long, env = "GAVEL_CONNECTIONS_PER_ADDRESS",
        default_value_t = limits::CONNECTIONS_PER_ADDRESS_MAX)]
    pub connections_per_address: usize,

    /// Concurrent sockets per address; 0 for no limit.
    #[arg(long, env = "GAVEL_SOCKETS_PER_ADDRESS",
        default_value_t = limits::SOCKETS_PER_ADDRESS_MAX)]
    pub sockets_per_address: usize,

    /// Concurrent sockets per user; 0 for no limit.
    #[arg(long, env = "GAVEL_SOCKETS_PER_USER", default_value_t = limits::SOCKETS_PER_USER_MAX)]
    pub sockets_per_user: usize,

    /// New sockets a second per address; 0 for no limit.
    #[arg(long, env = "GAVEL_HANDSHAKES_PER_SECOND",
        default_value_t = limits::HANDSHAKES_PER_SECOND_MAX)]
    pub handshakes_per_second: u32,

    /// Bids a second per user; 0 for no limit.
    #[arg(long, env = "GAVEL_BIDS_PER_USER_PER_SECOND",
        default_value_t = limits::BIDS_PER_USER_PER_SECOND_MAX)]
    pub bids_per_user_per_second: u32,

    /// Bids a second per auction; 0 for no limit.
    #[arg(long, env = "GAVEL_BIDS_PER_AUCTION_PER_SECOND",
        default_value_t = limits::BIDS_PER_AUCTION_PER_SECOND_MAX)]
    pub bids_per_auction_per_second: u32,

    /// Auctions created a second per user; 0 for no limit.
    #[arg(long, env = "GAVEL_AUCTIONS_PER_USER_PER_SECOND",
        default_value_t = limits::AUCTIONS_PER_USER_PER_SECOND_MAX)]
    pub auctions_per_user_per_second: u32,

    /// Points of work a second per user (a caller with a token); 0 for no limit.
    #[arg(long, env = "GAVEL_WORK_PER_USER", default_value_t = limits::WORK_PER_USER_MAX)]
    pub work_per_user: u32,

    /// Points of work a second per address for callers without a token; 0 for no limit.
    #[arg(long, env = "GAVEL_WORK_PER_ADDRESS", default_value_t = limits::WORK_PER_ADDRESS_MAX)]
    pub work_per_address: u32,

    /// Points of work a second per address for all callers, with or without a token; 0 for no
    /// limit.
    #[arg(long, env = "GAVEL_ALL_WORK_PER_ADDRESS",
        default_value_t = limits::ALL_WORK_PER_ADDRESS_MAX)]
    pub all_work_per_address: u32,

    /// Operations a second per socket; 0 for no limit.
    #[arg(long, env = "GAVEL_OPERATIONS_PER_SECOND",
        default_value_t = limits::OPERATIONS_PER_SECOND_MAX)]
    pub operations_per_second: u32,

    /// Bids of history sent a second per user (per address without a token), each counted once per
    /// KiB of its frame; more wait; 0 for no limit.
    #[arg(long, env = "GAVEL_REPLAYS_PER_SECOND",
        default_value_t = limits::REPLAYS_PER_SECOND_MAX)]
    pub replays_per_second: u32,

    /// Concurrent requests to the table for queries, per user (per address without a token); more
    /// wait; 0 for no limit.
    #[arg(long, env = "GAVEL_READS_PER_CLIENT",
        default_value_t = limits::READS_PER_CLIENT_MAX)]
    pub reads_per_client: usize,

    /// Bytes of answers requested but not yet read, per user (per address without a token); 0 for
    /// no limit.
    #[arg(long, env = "GAVEL_ANSWER_BYTES_PER_CLIENT",
        default_value_t = limits::ANSWER_BYTES_PER_CLIENT_MAX)]
    pub answer_bytes_per_client: usize,

    /// Bytes of unfinished request bodies and socket messages per address, beyond the first 4 KiB
    /// of each; 0 for no limit.
    #[arg(long, env = "GAVEL_UNREAD_BYTES_PER_ADDRESS",
        default_value_t = limits::UNREAD_BYTES_PER_ADDRESS_MAX)]
    pub unread_bytes_per_address: usize,

    /// Weight of the distinct subscriptions that an address has started (25 each, plus the points
    /// of one event); 0 for no limit.
    #[arg(long, env = "GAVEL_GROUPS_PER_ADDRESS",
        default_value_t = limits::GROUPS_PER_ADDRESS_MAX)]
    pub groups_per_address: usize,

    /// Weight of the distinct subscriptions to one auction; 0 for no limit.
    #[arg(long, env = "GAVEL_GROUPS_PER_AUCTION",
        default_value_t = limits::GROUPS_PER_AUCTION_MAX)]
    pub groups_per_auction: usize,
}

impl ClientArgs {
    /// `allowances` with the limits of each client set.
    pub(super) fn allow(&self, allowances: ClientLimits) -> ClientLimits {
        ClientLimits {
            connections_per_address: self.connections_per_address,
            sockets_per_address: self.sockets_per_address,
            sockets_per_user: self.sockets_per_user,
            handshakes_per_second: self.handshakes_per_second,
            bids_per_user_per_second: self.bids_per_user_per_second,
            bids_per_auction_per_second: self.bids_per_auction_per_second,
            auctions_per_user_per_second: self.auctions_per_user_per_second,
            work_per_user: self.work_per_user,
            work_per_address: self.work_per_address,
            all_work_per_address: self.all_work_per_address,
            messages_per_client: limits::MESSAGES_PER_CLIENT_MAX,
            operations_per_second: self.operations_per_second,
            messages_per_second: limits::MESSAGES_PER_SECOND_MAX,
            probes_per_second: limits::PROBES_PER_SECOND_MAX,
            replays_per_second: self.replays_per_second,
            reads_per_client: self.reads_per_client,
            answer_bytes_per_client: self.answer_bytes_per_client,
            unread_bytes_per_address: self.unread_bytes_per_address,
            groups_per_address: self.groups_per_address,
            groups_per_auction: self.groups_per_auction,
            ..allowances
        }
    }
}
