//! Settings of how much work and memory callers may take. docs/LIMITS.md has the cost model.

use clap::Args as ClapArgs;
use gavel_core::limits;

use super::ConfigError;
use super::command_line::heading;
use crate::cost::rules::QueryRules;
use crate::guard::Allowances;

/// The flags of budgets.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = heading::CLIENTS)]
pub struct BudgetArgs {
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

    /// Points of work that all callers without a token may ask for in a second; 0 for no limit.
    #[arg(long, env = "GAVEL_ANONYMOUS_WORK", default_value_t = limits::ANONYMOUS_WORK_MAX)]
    pub anonymous_work: u32,

    /// Operations of a socket in a second; 0 for no limit.
    #[arg(long, env = "GAVEL_OPERATIONS_PER_SECOND",
        default_value_t = limits::OPERATIONS_PER_SECOND_MAX)]
    pub operations_per_second: u32,

    /// Bids of history that a user, or an address without a token, is sent in a second, each counted
    /// once per KiB of its frame; further ones wait; 0 for no limit.
    #[arg(long, env = "GAVEL_REPLAYS_PER_SECOND",
        default_value_t = limits::REPLAYS_PER_SECOND_MAX)]
    pub replays_per_second: u32,

    /// Bytes of answers that a user, or an address without a token, has asked for and not read yet; 0
    /// for no limit.
    #[arg(long, env = "GAVEL_ANSWER_BYTES_PER_CLIENT",
        default_value_t = limits::ANSWER_BYTES_PER_CLIENT_MAX)]
    pub answer_bytes_per_client: usize,

    /// Bytes of answers that were asked for and not read yet, of all clients; 0 for no limit.
    #[arg(long, env = "GAVEL_ANSWER_BYTES_IN_MEMORY",
        default_value_t = limits::ANSWER_BYTES_IN_MEMORY_MAX)]
    pub answer_bytes_in_memory: usize,

    /// Bytes of an address's messages on sockets that are not whole yet, beyond 4 KiB of each; 0 for no
    /// limit.
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

    /// Weight of the different subscriptions of all; 0 for no limit.
    #[arg(long, env = "GAVEL_GROUPS", default_value_t = limits::GROUPS_MAX)]
    pub groups: usize,

    /// A document, in bytes.
    #[arg(long, help_heading = heading::QUERIES, env = "GAVEL_QUERY_BYTES",
        default_value_t = limits::QUERY_BYTES_MAX)]
    pub query_bytes: usize,

    /// What is written in a document: selections, arguments, values, directives and variables.
    #[arg(long, help_heading = heading::QUERIES, env = "GAVEL_QUERY_NODES",
        default_value_t = limits::QUERY_NODES_MAX)]
    pub query_nodes: usize,

    /// The variables that an operation declares, in bytes of JSON.
    #[arg(long, help_heading = heading::QUERIES, env = "GAVEL_VARIABLES_BYTES",
        default_value_t = limits::VARIABLES_BYTES_MAX)]
    pub variables_bytes: usize,

    /// The largest answer that an operation may ask for, in bytes.
    #[arg(long, help_heading = heading::QUERIES, env = "GAVEL_ANSWER_BYTES",
        default_value_t = limits::ANSWER_BYTES_MAX)]
    pub answer_bytes: usize,

    /// The document and the variables of a subscription, in bytes.
    #[arg(long, help_heading = heading::QUERIES, env = "GAVEL_SUBSCRIPTION_BYTES",
        default_value_t = limits::SUBSCRIPTION_BYTES_MAX)]
    pub subscription_bytes: usize,

    /// Points of each event of a subscription.
    #[arg(long, help_heading = heading::QUERIES, env = "GAVEL_SUBSCRIPTION_COMPLEXITY",
        default_value_t = limits::SUBSCRIPTION_COMPLEXITY_MAX)]
    pub subscription_complexity: usize,

    /// The largest event that a subscription may ask for, in bytes.
    #[arg(long, help_heading = heading::QUERIES, env = "GAVEL_EVENT_BYTES",
        default_value_t = limits::EVENT_BYTES_MAX)]
    pub event_bytes: usize,
}

impl BudgetArgs {
    /// The allowances with these budgets.
    pub fn allow(&self, allowances: Allowances) -> Allowances {
        Allowances {
            work_per_user: self.work_per_user,
            work_per_address: self.work_per_address,
            all_work_per_address: self.all_work_per_address,
            anonymous_work: self.anonymous_work,
            messages_per_client: limits::MESSAGES_PER_CLIENT_MAX,
            operations_per_second: self.operations_per_second,
            messages_per_second: limits::MESSAGES_PER_SECOND_MAX,
            probes_per_second: limits::PROBES_PER_SECOND_MAX,
            replays_per_second: self.replays_per_second,
            anonymous_replays: limits::ANONYMOUS_REPLAYS_MAX,
            answer_bytes_per_client: self.answer_bytes_per_client,
            answer_bytes: self.answer_bytes_in_memory,
            unread_bytes_per_address: self.unread_bytes_per_address,
            groups_per_address: self.groups_per_address,
            groups_per_auction: self.groups_per_auction,
            groups: self.groups,
            ..allowances
        }
    }

    /// The rules with these sizes.
    pub fn rule(&self, rules: QueryRules) -> QueryRules {
        QueryRules {
            bytes_max: self.query_bytes,
            nodes_max: self.query_nodes,
            variables_bytes_max: self.variables_bytes,
            answer_bytes_max: self.answer_bytes,
            subscription_bytes_max: self.subscription_bytes,
            subscription_complexity_max: self.subscription_complexity,
            event_bytes_max: self.event_bytes,
            ..rules
        }
    }

    /// Whether every setting is valid.
    pub fn check(&self) -> Result<(), ConfigError> {
        for (flag, value, least, most) in [
            ("query-bytes", self.query_bytes, 256, 1 << 20),
            ("query-nodes", self.query_nodes, 1, 100_000),
            ("variables-bytes", self.variables_bytes, 1024, 16 << 20),
            ("answer-bytes", self.answer_bytes, 1024, 1 << 30),
            ("subscription-bytes", self.subscription_bytes, 256, 1 << 20),
            ("subscription-complexity", self.subscription_complexity, 1, 100_000),
            ("event-bytes", self.event_bytes, 1024, 1 << 20),
        ] {
            if !(least..=most).contains(&value) {
                let problem = format!("must be from {least} to {most}");
                return Err(ConfigError { flag, problem });
            }
        }
        for (flag, budget) in [
            ("answer-bytes-per-client", self.answer_bytes_per_client),
            ("answer-bytes-in-memory", self.answer_bytes_in_memory),
        ] {
            if budget != 0 && budget < self.answer_bytes {
                let problem = "must be 0 or at least --answer-bytes".to_owned();
                return Err(ConfigError { flag, problem });
            }
        }
        let heaviest = limits::GROUP_WEIGHT + self.subscription_complexity;
        for (flag, budget) in [
            ("groups-per-address", self.groups_per_address),
            ("groups-per-auction", self.groups_per_auction),
            ("groups", self.groups),
        ] {
            if budget != 0 && budget < heaviest {
                let problem = format!("must be 0 or at least {heaviest}, one subscription's");
                return Err(ConfigError { flag, problem });
            }
        }
        Ok(())
    }
}
