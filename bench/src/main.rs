//! `bench`: floors, peers and Gavel under the same measurements. `bench/run` starts it.

mod event;
mod frame;
mod usage;
mod floor;
mod stock;
mod server;
mod feed;
mod crowd;
mod measure;
mod memory;
mod bids;
mod quiet;
mod spread;
mod suite;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum as _};
use feature_set as _;

use self::suite::Part;

/// Floors, peers and Gavel under the same measurements.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure everything.
    Run {
        /// Fewer rounds, shorter windows, smaller crowds.
        #[arg(long)]
        quick: bool,
        /// Only these parts.
        #[arg(long, value_enum, value_delimiter = ',', value_name = "PARTS")]
        only: Vec<Part>,
        /// Write ratios, medians and every sample as JSON.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Where the Node peer is installed.
        #[arg(long, default_value = "bench/node")]
        node: PathBuf,
    },
    /// The raw floor, for a parent process.
    #[command(hide = true)]
    Floor {
        /// Events a second.
        rate: f64,
    },
    /// async-graphql's own socket server, for a parent process.
    #[command(hide = true)]
    Stock {
        /// Events a second.
        rate: f64,
    },
    /// The watchers of a quiet auction, for a parent process.
    #[command(hide = true)]
    QuietWatchers {
        /// The server.
        url: String,
        /// The auction.
        auction_id: String,
        /// How long they are told, in milliseconds.
        window_ms: u64,
    },
    /// The watchers of a loud auction, for a parent process.
    #[command(hide = true)]
    LoudWatchers {
        /// The server.
        url: String,
        /// The auction.
        auction_id: String,
        /// How many.
        crowd: usize,
    },
    /// The store alone, for a parent process.
    #[command(hide = true)]
    Store {
        /// What everything random is drawn with.
        #[arg(long)]
        seed: u64,
    },
    /// The service itself, for a parent process.
    #[command(hide = true, disable_help_flag = true)]
    Serve {
        /// The service's flags.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        flags: Vec<OsString>,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Floor { rate } => floor::run(rate),
        Command::Stock { rate } => stock::run(rate).await,
        Command::QuietWatchers { url, auction_id, window_ms } => {
            let p90_us = quiet::watch(&url, auction_id, Duration::from_millis(window_ms)).await?;
            println!("{p90_us}");
            Ok(())
        }
        Command::LoudWatchers { url, auction_id, crowd } => {
            quiet::watch_loud(&url, auction_id, crowd).await
        }
        Command::Store { seed } => client_sim::service::server::store(seed).await,
        Command::Serve { flags } => client_sim::service::server::serve(&flags).await,
        Command::Run { quick, only, json, node } => {
            let parts = if only.is_empty() { Part::value_variants() } else { &only };
            let depth = if quick { suite::Depth::QUICK } else { suite::Depth::FULL };
            client_sim::open_files::check(depth.crowds.iter().copied().max().unwrap_or(0))?;
            let results = suite::run(parts, depth, &node).await?;
            print!("{}", results.text());
            if let Some(path) = json {
                let text = serde_json::to_string_pretty(&results)? + "\n";
                std::fs::write(&path, text)
                    .with_context(|| format!("--json {}", path.display()))?;
            }
            Ok(())
        }
    }
}
