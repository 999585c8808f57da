//! The command line: arguments, their checks, and the plans made from them.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::load::scenario::Name;
use crate::measure::slo::Slo;
use crate::service::base_url;
use crate::service::last_mile::LastMile;
use crate::service::nodes::Layout;
use crate::service::server::{Switch, VERSION};
use service::ServiceArgs;

pub mod bid;
pub mod measure;
pub mod watch;
mod plans;
mod service;
mod values;

/// Simulate bidders and watchers, and measure Gavel from client to client.
#[derive(Debug, Parser)]
#[command(version = VERSION)]
pub struct Cli {
    /// The command; `run steady` by default.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// A command of `client-sim`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario and judge the result. Exit codes: 0 passed, 1 usage or set-up error, 97
    /// invalid run (this machine could not keep the schedule), 98 a guarantee was broken, 99 an
    /// objective was missed.
    Run(RunArgs),
    /// Run one auction with many watchers through the whole path: short for `run fanout`.
    Fanout(FanoutArgs),
    /// Run the experiments on whether DynamoDB Streams can carry a realtime product. Exit codes: 0
    /// passed, 1 usage or set-up error, 97 a run is inconclusive, 98 a guarantee was broken, 99 a
    /// goal was missed.
    Lab(LabArgs),
    /// Measure how long a DynamoDB stream takes to show what was written: of an AWS account, of any
    /// endpoint, or of the embedded DynamoDB. Makes a table of its own, and removes it.
    Probe(ProbeArgs),
    /// Measure anybody's GraphQL service as a black box: a mutation is timed to every subscriber.
    /// Exit codes: 0 passed, 1 usage or set-up error, 97 invalid run (this machine could not keep
    /// the schedule), 98 something did not reach every subscriber once.
    Measure(measure::MeasureArgs),
    /// Compare two reports of `run --json`, of `measure --json` or of `lab --out`: better, worse, or
    /// within noise. Exit codes: 0 passed, 1 usage error, 99 worse beyond the tolerance.
    Compare(CompareArgs),
    /// Print each bid of an auction as it arrives.
    Watch(WatchArgs),
    /// Place one bid.
    Bid(BidArgs),
    /// Mint a token.
    Token(TokenArgs),
    /// Print completions for a shell.
    Completions {
        /// The shell to print them for.
        shell: clap_complete::Shell,
    },
    /// Run the store alone, for a parent process.
    #[command(hide = true)]
    Store {
        /// Seed of everything random.
        #[arg(long)]
        seed: u64,
    },
    /// Run an HTTP server without GraphQL, for a parent process.
    #[command(hide = true)]
    Plain,
    /// Run the service itself, for a parent process.
    #[command(hide = true, disable_help_flag = true)]
    Serve {
        /// Flags of the service.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        flags: Vec<std::ffi::OsString>,
    },
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The scenario to run.
    #[arg(value_enum, default_value_t = Name::Steady)]
    pub scenario: Name,
    /// The service to use, and the identities to use it with.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// How long to send bids, for example 30s or 2m.
    #[arg(long, value_parser = values::duration)]
    pub duration: Option<Duration>,
    /// Bids a second, in total over all auctions.
    #[arg(long, value_parser = values::number)]
    pub rate: Option<f64>,
    /// Number of auctions.
    #[arg(long, value_parser = values::whole::<usize>)]
    pub auctions: Option<usize>,
    /// Number of bidders, spread over the auctions.
    #[arg(long, value_parser = values::whole::<usize>)]
    pub bidders: Option<usize>,
    /// Number of watchers, spread over the auctions.
    #[arg(long, value_parser = values::whole::<usize>)]
    pub watchers: Option<usize>,
    /// Seed of the schedule; by default a random one, which is printed.
    #[arg(long, value_parser = values::whole::<u64>)]
    pub seed: Option<u64>,
    /// Number of runs, each with the next seed. The report shows the median run, the figures of all
    /// runs, and the worst verdict. `compare` derives the noise from them.
    #[arg(long, value_name = "TIMES", value_parser = values::repeats, default_value = "1")]
    pub repeat: usize,
    /// Relay mode of the service that is started; default: stream. With --url it is only a label in
    /// the report.
    #[arg(long, value_parser = ["stream", "hybrid", "lambda"])]
    pub relay: Option<String>,
    /// Write the report to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the report to this file, as a self-contained HTML page.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Objective, for example p99<300ms or deliver.p50<5ms; may be repeated. Default: p99<300ms;
    /// churn, slow, snipe and chaos judge guarantees only.
    #[arg(long, value_name = "EXPR")]
    pub slo: Vec<Slo>,
    /// Share of watchers that stop reading, for example 0.1.
    #[arg(long, value_parser = values::number)]
    pub stalled: Option<f64>,
    /// Number of servers to start over one table, with a nats-server between them. Bidders and
    /// watchers are spread over them.
    #[arg(long, value_parser = values::whole::<usize>)]
    pub nodes: Option<usize>,
    /// Whether a nats-server connects the servers of --nodes. Without it at most two servers can
    /// share a table, because DynamoDB Streams allows two readers per shard.
    #[arg(long, value_enum, default_value_t = Switch::On)]
    pub bus: Switch,
    /// Number of times a server is killed; for chaos.
    #[arg(long, value_parser = values::whole::<usize>)]
    pub kills: Option<usize>,
    /// Where the store of the service runs. Default: inside; chaos runs both layouts, one after the
    /// other.
    #[arg(long, value_enum)]
    pub layout: Option<Layout>,
    /// Simulated connection between the clients and the service.
    #[arg(long, value_enum, default_value_t)]
    pub last_mile: LastMile,
    /// Flag for the service that is started, for example --server-flag=--group-commit-max=1; may be
    /// repeated.
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    pub server_flag: Vec<String>,
}

/// Arguments of `fanout`.
#[derive(Debug, Args)]
pub struct FanoutArgs {
    /// Number of watchers, all of one auction.
    #[arg(long, default_value_t = 1_000, value_parser = values::whole::<usize>)]
    pub watchers: usize,
    /// Bids a second.
    #[arg(long, default_value_t = 5.0, value_parser = values::number)]
    pub rate: f64,
    /// How long to send bids.
    #[arg(long, value_parser = values::duration, default_value = "20s")]
    pub duration: Duration,
    /// Seed of the schedule; by default a random one, which is printed.
    #[arg(long, value_parser = values::whole::<u64>)]
    pub seed: Option<u64>,
    /// Objective, for example p99<300ms or deliver.p50<5ms; may be repeated. Default: p99<300ms.
    #[arg(long, value_name = "EXPR")]
    pub slo: Vec<Slo>,
    /// Number of runs, each with the next seed. The report shows the median run, the figures of all
    /// runs, and the worst verdict. `compare` derives the noise from them.
    #[arg(long, value_name = "TIMES", value_parser = values::repeats, default_value = "1")]
    pub repeat: usize,
    /// Relay mode of the service that is started; default: stream. With --url it is only a label in
    /// the report.
    #[arg(long, value_parser = ["stream", "hybrid", "lambda"])]
    pub relay: Option<String>,
    /// The service to use, and the identities to use it with.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// Write the report to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the report to this file, as a self-contained HTML page.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Flag for the service that is started; may be repeated.
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    pub server_flag: Vec<String>,
}

impl From<FanoutArgs> for RunArgs {
    fn from(args: FanoutArgs) -> Self {
        Self {
            scenario: Name::Fanout,
            watchers: Some(args.watchers),
            rate: Some(args.rate),
            duration: Some(args.duration),
            seed: args.seed,
            repeat: args.repeat,
            slo: args.slo,
            relay: args.relay,
            service: args.service,
            json: args.json,
            html: args.html,
            server_flag: args.server_flag,
            ..Self::default()
        }
    }
}

/// Arguments of `lab`.
#[derive(Debug, Args)]
pub struct LabArgs {
    /// Use shorter runs, about three minutes in total.
    #[arg(long)]
    pub quick: bool,
    /// Experiment to run, or with --url a kind of traffic (trickle, steady, war, snipe); may be
    /// repeated. Default: all.
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// A behaviour as `probe --behaviour-out` writes it, instead of the published latencies of AWS.
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    pub behaviour: Option<PathBuf>,
    /// List the experiments.
    #[arg(long)]
    pub list: bool,
    /// Write report.html, report.md and report.json to this directory.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The service to use, and the identities to use it with.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// Seed of everything random.
    #[arg(long, default_value_t = 1, value_parser = values::whole::<u64>)]
    pub seed: u64,
}

/// Arguments of `probe`.
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// The DynamoDB to measure: embedded, aws (with the usual credentials and AWS_REGION), or a URL.
    #[arg(long, default_value = "embedded", value_name = "embedded|aws|URL")]
    pub dynamodb: String,
    /// How long to write, in total over all intervals.
    #[arg(long, default_value = "24s", value_parser = values::duration)]
    pub duration: Duration,
    /// Writes a second: in turns PutItem, and transactions of 1, 3 and 5 items.
    #[arg(long, default_value_t = 50.0, value_parser = values::number)]
    pub rate: f64,
    /// Intervals between two reads of a shard, in milliseconds; each has an equal part of the time.
    #[arg(long, default_value = "5,50,250", value_delimiter = ',', value_parser = values::whole::<u64>)]
    pub poll_ms: Vec<u64>,
    /// `aws`, or a JSON file that makes the embedded DynamoDB behave like AWS (docs/EMULATOR.md).
    #[arg(long, value_name = "aws|FILE")]
    pub embedded_behaviour: Option<PathBuf>,
    /// Seed of everything random in the embedded DynamoDB.
    #[arg(long, value_parser = values::whole::<u64>)]
    pub embedded_seed: Option<u64>,
    /// Write the report to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a behaviour that takes as long as what was measured to this file, for
    /// `lab --behaviour` and the service's --embedded-behaviour.
    #[arg(long, value_name = "FILE")]
    pub behaviour_out: Option<PathBuf>,
    /// Remove the tables that killed runs have left, and end.
    #[arg(long)]
    pub clean_up: bool,
}

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// The report to compare with.
    pub before: PathBuf,
    /// The report to judge.
    pub after: PathBuf,
    /// How much worse a figure may become, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 10.0, value_parser = values::percent)]
    pub tolerance: f64,
    /// Write both side by side to this file, as a self-contained HTML page.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// Arguments of `watch`.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// The id of the auction.
    pub auction_id: String,
    /// The URL of the service.
    #[arg(long, default_value = "http://127.0.0.1:8080", value_parser = base_url::parse)]
    pub url: String,
    /// Token; without one the watcher is anonymous.
    #[arg(long, env = "GAVEL_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Start after the bid with this number; 0 for all bids. Default: only new bids.
    #[arg(long, value_parser = values::whole::<u64>)]
    pub after: Option<u64>,
}

/// Arguments of `bid`.
#[derive(Debug, Args)]
pub struct BidArgs {
    /// The id of the auction.
    pub auction_id: String,
    /// The amount in minor units, for example 1250.
    #[arg(value_parser = values::amount)]
    pub amount: u64,
    /// The URL of the service.
    #[arg(long, default_value = "http://127.0.0.1:8080", value_parser = base_url::parse)]
    pub url: String,
    /// Token of a bidder.
    #[arg(long, env = "GAVEL_TOKEN", hide_env_values = true)]
    pub token: String,
}

/// Arguments of `token`.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// The id of the user.
    #[arg(long, default_value = "ann")]
    pub user: String,
    /// Role of the user: bidder, seller, auctioneer or observer; may be repeated.
    #[arg(long = "role", default_value = "bidder", value_parser = values::role)]
    pub roles: Vec<String>,
    /// How long the token is valid.
    #[arg(long, default_value = "1h", value_parser = values::duration)]
    pub ttl: Duration,
    /// Secret of the service, at least 32 bytes.
    #[arg(long, env = "GAVEL_JWT_SECRET", hide_env_values = true)]
    pub jwt_secret: String,
}
