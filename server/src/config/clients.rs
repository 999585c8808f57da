//! Settings of what one client may do, in numbers and in work. docs/LIMITS.md has the cost model.

use clap::Args as ClapArgs;

use super::Switch;
use super::command_line::heading;
use crate::limiter::ClientLimits;
use crate::limits;

/// What one client may do.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = heading::CLIENTS)]
pub struct ClientArgs {
    /// The limits of addresses, users and auctions below. Off for load tests, where one machine
    /// plays a thousand clients.
    #[arg(long, env = "GAVEL_CLIENT_LIMITS", value_enum, default_value_t = Switch::On)]
    pub client_limits: Switch,

    /// HTTP connections of an address at a time, sockets not counted; 0 for no limit.
    #[arg(long, env = "GAVEL_CONNECTIONS_PER_ADDRESS",
        default_value_t = limits::CONNECTIONS_PER_ADDRESS_MAX)]
    pub connections_per_address: usize,

    /// Sockets of an address at a time; 0 for no limit.
    #[arg(long, env = "GAVEL_SOCKETS_PER_ADDRESS",
        default_value_t = limits::SOCKETS_PER_ADDRESS_MAX)]
    pub sockets_per_address: usize,

    /// Sockets of a user at a time; 0 for no limit.
    #[arg(long, env = "GAVEL_SOCKETS_PER_USER", default_value_t = limits::SOCKETS_PER_USER_MAX)]
    pub sockets_per_user: usize,

    /// New sockets of an address in a second; 0 for no limit.
    #[arg(long, env = "GAVEL_HANDSHAKES_PER_SECOND",
        default_value_t = limits::HANDSHAKES_PER_SECOND_MAX)]
    pub handshakes_per_second: u32,

    /// Bids of a user in a second; 0 for no limit.
    #[arg(long, env = "GAVEL_BIDS_PER_USER_PER_SECOND",
        default_value_t = limits::BIDS_PER_USER_PER_SECOND_MAX)]
    pub bids_per_user_per_second: u32,

    /// Bids on an auction in a second; 0 for no limit.
    #[arg(long, env = "GAVEL_BIDS_PER_AUCTION_PER_SECOND",
        default_value_t = limits::BIDS_PER_AUCTION_PER_SECOND_MAX)]
    pub bids_per_auction_per_second: u32,

    /// Auctions that a user makes in a second; 0 for no limit.
    #[arg(long, env = "GAVEL_AUCTIONS_PER_USER_PER_SECOND",
        default_value_t = limits::AUCTIONS_PER_USER_PER_SECOND_MAX)]
    pub auctions_per_user_per_second: u32,

    /// Points of work of a user (a caller with a token) in a second; 0 for no limit.
    #[arg(long, env = "GAVEL_WORK_PER_USER", default_value_t = limits::WORK_PER_USER_MAX)]
    pub work_per_user: u32,

    /// Points of work that callers without a token of one address may ask for in a second; 0 for no
    /// limit.
    #[arg(long, env = "GAVEL_WORK_PER_ADDRESS", default_value_t = limits::WORK_PER_ADDRESS_MAX)]
    pub work_per_address: u32,

    /// Points of work that all callers of one address may ask for in a second, with tokens or without;
    /// 0 for no limit.
    #[arg(long, env = "GAVEL_ALL_WORK_PER_ADDRESS",
        default_value_t = limits::ALL_WORK_PER_ADDRESS_MAX)]
    pub all_work_per_address: u32,

    /// Operations of a socket in a second; 0 for no limit.
    #[arg(long, env = "GAVEL_OPERATIONS_PER_SECOND",
        default_value_t = limits::OPERATIONS_PER_SECOND_MAX)]
    pub operations_per_second: u32,

    /// Bids of history that a user, or an address without a token, is sent in a second, each counted
    /// once per KiB of its frame; further ones wait; 0 for no limit.
    #[arg(long, env = "GAVEL_REPLAYS_PER_SECOND",
        default_value_t = limits::REPLAYS_PER_SECOND_MAX)]
    pub replays_per_second: u32,

    /// Requests to the table that queries of a user, or an address without a token, make at a time;
    /// further ones wait; 0 for no limit.
    #[arg(long, env = "GAVEL_READS_PER_CLIENT",
        default_value_t = limits::READS_PER_CLIENT_MAX)]
    pub reads_per_client: usize,

    /// Bytes of answers that a user, or an address without a token, has asked for and not read yet; 0
    /// for no limit.
    #[arg(long, env = "GAVEL_ANSWER_BYTES_PER_CLIENT",
        default_value_t = limits::ANSWER_BYTES_PER_CLIENT_MAX)]
    pub answer_bytes_per_client: usize,

    /// Bytes of an address's bodies, and messages on sockets, that are not whole yet, beyond 4 KiB of
    /// each; 0 for no limit.
    #[arg(long, env = "GAVEL_UNREAD_BYTES_PER_ADDRESS",
        default_value_t = limits::UNREAD_BYTES_PER_ADDRESS_MAX)]
    pub unread_bytes_per_address: usize,

    /// Weight of the different subscriptions that an address has begun (25 each, and the points of an
    /// event); 0 for no limit.
    #[arg(long, env = "GAVEL_GROUPS_PER_ADDRESS",
        default_value_t = limits::GROUPS_PER_ADDRESS_MAX)]
    pub groups_per_address: usize,

    /// Weight of the different subscriptions to one auction; 0 for no limit.
    #[arg(long, env = "GAVEL_GROUPS_PER_AUCTION",
        default_value_t = limits::GROUPS_PER_AUCTION_MAX)]
    pub groups_per_auction: usize,
}

impl ClientArgs {
    /// These allowances with what each client may do.
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
