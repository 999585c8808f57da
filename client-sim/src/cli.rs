//! The command line: what is asked, checked and turned into plans.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::load::scenario::Name;
use crate::measure::slo::Slo;
use crate::service::base_url;
use crate::service::last_mile::LastMile;
use crate::service::nodes::Layout;
use crate::service::server::VERSION;
use service::ServiceArgs;

pub mod bid;
pub mod watch;
mod plans;
mod service;
mod values;

/// Simulated bidders and watchers that time Gavel from client to client.
#[derive(Debug, Parser)]
#[command(version = VERSION)]
pub struct Cli {
    /// What to do; `run steady` if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario and judge it. Exit code 0 pass, 1 usage or set-up, 97 invalid run (this
    /// machine could not keep the schedule), 98 a guarantee broken, 99 an objective missed.
    Run(RunArgs),
    /// One auction with a crowd of watchers through the whole path: `run fanout`, in short.
    Fanout(FanoutArgs),
    /// Run the experiments that answer whether DynamoDB Streams can carry a realtime product. Exit
    /// code 0, 1 usage or set-up, 97 a run proves nothing, 98 a guarantee broken, 99 a goal missed.
    Lab(LabArgs),
    /// Hold two reports of `run --json`, or of `lab --out`, against each other: better, worse, or
    /// within noise. Exit code 0, 1 usage, 99 worse beyond the tolerance.
    Compare(CompareArgs),
    /// Print each bid of an auction as it comes.
    Watch(WatchArgs),
    /// Place one bid.
    Bid(BidArgs),
    /// Mint a token.
    Token(TokenArgs),
    /// Print a shell's completions.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Run the store alone, for a parent process.
    #[command(hide = true)]
    Store {
        /// What everything random is drawn with.
        #[arg(long)]
        seed: u64,
    },
    /// Run an HTTP server without GraphQL, for a parent process.
    #[command(hide = true)]
    Plain,
    /// Run the service itself, for a parent process.
    #[command(hide = true, disable_help_flag = true)]
    Serve {
        /// The service's flags.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        flags: Vec<std::ffi::OsString>,
    },
}

/// `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The scenario.
    #[arg(value_enum, default_value_t = Name::Steady)]
    pub scenario: Name,
    /// Which service, and as whom.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// How long bids are sent, for example 30s or 2m.
    #[arg(long, value_parser = values::duration)]
    pub duration: Option<Duration>,
    /// Bids a second, all auctions together.
    #[arg(long, value_parser = values::number)]
    pub rate: Option<f64>,
    /// Auctions.
    #[arg(long, value_parser = values::whole::<usize>)]
    pub auctions: Option<usize>,
    /// Bidders, spread over the auctions.
    #[arg(long, value_parser = values::whole::<usize>)]
    pub bidders: Option<usize>,
    /// Watchers, spread over the auctions.
    #[arg(long, value_parser = values::whole::<usize>)]
    pub watchers: Option<usize>,
    /// What the schedule is drawn with; a random one is printed.
    #[arg(long, value_parser = values::whole::<u64>)]
    pub seed: Option<u64>,
    /// Run it so often, each time with the next seed: the report has the run in the middle, the figures
    /// of all, and the verdict of the worst. `compare` takes the noise from that.
    #[arg(long, value_name = "TIMES", value_parser = values::repeats, default_value = "1")]
    pub repeat: usize,
    /// The relay mode of the service that is started; default: stream. With --url it only says what
    /// the report calls it.
    #[arg(long, value_parser = ["stream", "hybrid", "lambda"])]
    pub relay: Option<String>,
    /// Write the report as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the report as a page that needs no network.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// An objective, for example p99<300ms or deliver.p50<5ms; may be given several times. Default:
    /// p99<300ms; churn, slow, snipe and chaos judge guarantees only.
    #[arg(long, value_name = "EXPR")]
    pub slo: Vec<Slo>,
    /// The share of watchers that stop reading, for example 0.1.
    #[arg(long, value_parser = values::number)]
    pub stalled: Option<f64>,
    /// Servers of the service that is started: two share a table, and DynamoDB Streams lets no more
    /// than two read a shard. Bidders and watchers are spread over them.
    #[arg(long, value_parser = values::whole::<usize>)]
    pub nodes: Option<usize>,
    /// How often a server is killed; for chaos.
    #[arg(long, value_parser = values::whole::<usize>)]
    pub kills: Option<usize>,
    /// Where the store of the service that is started is. Default: inside; chaos plays both, one
    /// after the other.
    #[arg(long, value_enum)]
    pub layout: Option<Layout>,
    /// What lies between the clients and the service.
    #[arg(long, value_enum, default_value_t)]
    pub last_mile: LastMile,
    /// A flag for the service that is started, for example --server-flag=--group-commit-max=1; may
    /// be given several times.
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    pub server_flag: Vec<String>,
}

/// `fanout`.
#[derive(Debug, Args)]
pub struct FanoutArgs {
    /// Watchers, all of one auction.
    #[arg(long, default_value_t = 1_000, value_parser = values::whole::<usize>)]
    pub watchers: usize,
    /// Bids a second.
    #[arg(long, default_value_t = 5.0, value_parser = values::number)]
    pub rate: f64,
    /// How long bids are sent.
    #[arg(long, value_parser = values::duration, default_value = "20s")]
    pub duration: Duration,
    /// What the schedule is drawn with; a random one is printed.
    #[arg(long, value_parser = values::whole::<u64>)]
    pub seed: Option<u64>,
    /// An objective, for example p99<300ms or deliver.p50<5ms; may be given several times. Default:
    /// p99<300ms.
    #[arg(long, value_name = "EXPR")]
    pub slo: Vec<Slo>,
    /// Run it so often, each time with the next seed: the report has the run in the middle, the figures
    /// of all, and the verdict of the worst. `compare` takes the noise from that.
    #[arg(long, value_name = "TIMES", value_parser = values::repeats, default_value = "1")]
    pub repeat: usize,
    /// The relay mode of the service that is started; default: stream. With --url it only says what
    /// the report calls it.
    #[arg(long, value_parser = ["stream", "hybrid", "lambda"])]
    pub relay: Option<String>,
    /// Which service, and as whom.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// Write the report as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the report as a page that needs no network.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// A flag for the service that is started; may be given several times.
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

/// `lab`.
#[derive(Debug, Args)]
pub struct LabArgs {
    /// Shorter runs, about three minutes together.
    #[arg(long)]
    pub quick: bool,
    /// An experiment, or with --url a kind of traffic (trickle, steady, war, snipe); may be given
    /// several times. Default: all.
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// Say which experiments there are.
    #[arg(long)]
    pub list: bool,
    /// Write report.html, report.md and report.json into this folder.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Which service, and as whom.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// What everything random is drawn with.
    #[arg(long, default_value_t = 1, value_parser = values::whole::<u64>)]
    pub seed: u64,
}

/// `compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// The report to compare with.
    pub before: PathBuf,
    /// The report in question.
    pub after: PathBuf,
    /// How much worse a figure may be, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 10.0, value_parser = values::percent)]
    pub tolerance: f64,
    /// Write both side by side as a page that needs no network.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// `watch`.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// The auction.
    pub auction_id: String,
    /// The service.
    #[arg(long, default_value = "http://127.0.0.1:8080", value_parser = base_url::parse)]
    pub url: String,
    /// A token; without one the watcher is anonymous.
    #[arg(long, env = "GAVEL_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Start after the bid of this number; 0 for all. Without it: from now on.
    #[arg(long, value_parser = values::whole::<u64>)]
    pub after: Option<u64>,
}

/// `bid`.
#[derive(Debug, Args)]
pub struct BidArgs {
    /// The auction.
    pub auction_id: String,
    /// Minor units, for example 1250.
    #[arg(value_parser = values::amount)]
    pub amount: u64,
    /// The service.
    #[arg(long, default_value = "http://127.0.0.1:8080", value_parser = base_url::parse)]
    pub url: String,
    /// A bidder's token.
    #[arg(long, env = "GAVEL_TOKEN", hide_env_values = true)]
    pub token: String,
}

/// `token`.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// The user's id.
    #[arg(long, default_value = "ann")]
    pub user: String,
    /// A role: bidder, seller, auctioneer or observer; may be given several times.
    #[arg(long = "role", default_value = "bidder", value_parser = values::role)]
    pub roles: Vec<String>,
    /// How long it lives.
    #[arg(long, default_value = "1h", value_parser = values::duration)]
    pub ttl: Duration,
    /// The secret of the service, at least 32 bytes.
    #[arg(long, env = "GAVEL_JWT_SECRET", hide_env_values = true)]
    pub jwt_secret: String,
}
