//! Limits of all clients together.

use clap::Args as ClapArgs;

use super::command_line::heading;
use super::{ConfigError, in_range};
use crate::limiter::ClientLimits;
use crate::limits;

/// Limits of all clients together.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = heading::SERVICE)]
pub struct ServiceArgs {
    /// Concurrent HTTP connections, sockets excluded; more wait.
    #[arg(long, env = "GAVEL_CONNECTIONS", default_value_t = limits::CONNECTIONS_MAX)]
    pub connections: usize,

    /// Concurrent sockets.
    #[arg(long, env = "GAVEL_SOCKETS", default_value_t = limits::SOCKETS_MAX)]
    pub sockets: usize,

    /// Auctions watched at the same time.
    #[arg(long, env = "GAVEL_AUCTIONS_WATCHED", default_value_t = limits::TOPICS_MAX)]
    pub auctions_watched: usize,

    /// Points of work a second for all callers without a token together; 0 for no limit.
    #[arg(long, env = "GAVEL_ANONYMOUS_WORK", default_value_t = limits::ANONYMOUS_WORK_MAX)]
    pub anonymous_work: u32,

    /// Bytes of answers requested but not yet read, for all clients together; 0 for no limit.
    #[arg(long, env = "GAVEL_ANSWER_BYTES_IN_MEMORY",
        default_value_t = limits::ANSWER_BYTES_IN_MEMORY_MAX)]
    pub answer_bytes_in_memory: usize,

    /// Weight of all distinct subscriptions; 0 for no limit.
    #[arg(long, env = "GAVEL_GROUPS", default_value_t = limits::GROUPS_MAX)]
    pub groups: usize,
}

impl ServiceArgs {
    /// `allowances` with the limits of all clients together set.
    pub(super) fn allow(&self, allowances: ClientLimits) -> ClientLimits {
        ClientLimits {
            anonymous_work: self.anonymous_work,
            anonymous_replays: limits::ANONYMOUS_REPLAYS_MAX,
            answer_bytes: self.answer_bytes_in_memory,
            groups: self.groups,
            ..allowances
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        in_range(&[
            ("connections", self.connections, 1, 1_000_000),
            ("sockets", self.sockets, 1, 1_000_000),
            ("auctions-watched", self.auctions_watched, 1, 1_000_000),
        ])
    }
}
