//! Settings for the embedded DynamoDB.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::command_line::heading;
use super::listening::parse_address;

/// Settings for the embedded DynamoDB.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = heading::EMBEDDED)]
pub struct EmbeddedArgs {
    /// Address that the embedded DynamoDB listens on; printed at start.
    #[arg(long, env = "GAVEL_EMBEDDED_LISTEN", value_parser = parse_address, default_value = "127.0.0.1:0")]
    pub embedded_listen: SocketAddr,

    /// Directory for the data of the embedded DynamoDB. Absent: a temporary one.
    #[arg(long, env = "GAVEL_DATA_DIR")]
    pub data_dir: Option<PathBuf>,

    /// Milliseconds that the embedded DynamoDB adds to each transaction, to model a distant store.
    #[arg(long, env = "GAVEL_EMBEDDED_TRANSACT_DELAY_MS", default_value_t = 0)]
    pub embedded_transact_delay_ms: u64,

    /// `aws`, or a JSON file that makes the embedded DynamoDB behave like AWS, or worse:
    /// docs/EMULATOR.md.
    #[arg(long, env = "GAVEL_EMBEDDED_BEHAVIOUR")]
    pub embedded_behaviour: Option<PathBuf>,

    /// Seed of everything random in it; by default a new one at each start.
    #[arg(long, env = "GAVEL_EMBEDDED_SEED")]
    pub embedded_seed: Option<u64>,
}
