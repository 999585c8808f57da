//! Settings for writing bids and delivering them to watchers.

use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use gavel_core::relay::PollIntervals;

use super::command_line::heading;
use super::{ConfigError, Switch, error, in_range};
use crate::limits;

/// How bids reach the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RelayMode {
    /// From the DynamoDB stream, polled more often while somebody watches.
    Stream,
    /// From the lane, as soon as DynamoDB has acknowledged the write; the stream fills gaps and
    /// brings the bids that other servers write.
    Hybrid,
    /// From the DynamoDB stream, through a model of Lambda's event source mapping.
    #[cfg(feature = "lambda-model")]
    Lambda,
}

/// Settings for bids and their delivery.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = heading::DELIVERY)]
pub struct DeliveryArgs {
    /// How bids reach watchers.
    #[arg(long, env = "GAVEL_RELAY", value_enum, default_value_t = RelayMode::Stream)]
    pub relay: RelayMode,

    /// JSON file with the settings of --relay lambda (docs/LAMBDA.md). Default: Lambda's own.
    #[cfg(feature = "lambda-model")]
    #[arg(long, env = "GAVEL_LAMBDA_SETTINGS")]
    pub lambda_settings: Option<std::path::PathBuf>,

    /// Most bids committed in one transaction; 1 commits each bid separately.
    #[arg(long, env = "GAVEL_GROUP_COMMIT_MAX", default_value_t = limits::GROUP_COMMIT_MAX)]
    pub group_commit_max: usize,

    /// Whether a bidder's first bid on an auction also records that they have bid on it, for
    /// `me { standings }`.
    #[arg(long, env = "GAVEL_STANDINGS", value_enum, default_value_t = Switch::On)]
    pub standings: Switch,

    /// Milliseconds between polls of a shard while a watcher waits for a bid.
    #[arg(long, env = "GAVEL_POLL_BUSY_MS", default_value_t = 5)]
    pub poll_busy_ms: u64,

    /// Milliseconds between polls of a shard while any auction is watched.
    #[arg(long, env = "GAVEL_POLL_WATCHED_MS", default_value_t = 50)]
    pub poll_watched_ms: u64,

    /// Milliseconds between polls of a shard otherwise.
    #[arg(long, env = "GAVEL_POLL_IDLE_MS", default_value_t = 1000)]
    pub poll_idle_ms: u64,

    /// Most watched auctions that are read from the table a second while the stream shows nothing,
    /// so that bids from other servers arrive within about a second even if the stream stalls. 0:
    /// only every ten seconds.
    #[arg(long, env = "GAVEL_QUIET_CHECKS_PER_SECOND",
        default_value_t = limits::QUIET_CHECKS_PER_SECOND_MAX)]
    pub quiet_checks_per_second: usize,
}

impl DeliveryArgs {
    /// How often the stream is read.
    pub fn poll_intervals(&self) -> PollIntervals {
        PollIntervals {
            busy: Duration::from_millis(self.poll_busy_ms),
            watched: Duration::from_millis(self.poll_watched_ms),
            idle: Duration::from_millis(self.poll_idle_ms),
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let ms = |ms| ms as usize;
        in_range(&[
            ("group-commit-max", self.group_commit_max, 1, limits::GROUP_COMMIT_MAX),
            ("poll-busy-ms", ms(self.poll_busy_ms), 1, 60_000),
            ("poll-watched-ms", ms(self.poll_watched_ms), 1, 60_000),
            ("poll-idle-ms", ms(self.poll_idle_ms), 1, 60_000),
        ])?;
        let is_rising =
            self.poll_busy_ms <= self.poll_watched_ms && self.poll_watched_ms <= self.poll_idle_ms;
        if is_rising {
            return Ok(());
        }
        error("poll-busy-ms", "the poll intervals must satisfy busy <= watched <= idle")
    }
}
