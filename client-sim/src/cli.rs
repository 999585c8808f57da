//! The command line: what is asked, checked and turned into plans.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum as _};

use crate::lab::Ask;
use crate::lab::experiment::Depth;
use crate::lab::play::Place;
use crate::last_mile::LastMile;
use crate::open_files;
use crate::plan::{Layout, Plan, Target, View};
use crate::scenario::{Name, Scenario};
use crate::slo::Slo;
use crate::token::{Mint, ROLES};

/// Simulated bidders and watchers that time Gavel from client to client.
#[derive(Debug, Parser)]
#[command(version)]
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
    /// code 0, 1 usage or set-up, 97 a run proves nothing, 98 a guarantee broken.
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
    /// Run against this service instead of starting one, for example http://127.0.0.1:8080.
    #[arg(long)]
    pub url: Option<String>,
    /// The secret of that service, to mint tokens with.
    #[arg(long, env = "GAVEL_JWT_SECRET", hide_env_values = true)]
    pub jwt_secret: Option<String>,
    /// How long bids are sent, for example 30s or 2m.
    #[arg(long, value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// Bids a second, all auctions together.
    #[arg(long)]
    pub rate: Option<f64>,
    /// Auctions.
    #[arg(long)]
    pub auctions: Option<usize>,
    /// Bidders, spread over the auctions.
    #[arg(long)]
    pub bidders: Option<usize>,
    /// Watchers, spread over the auctions.
    #[arg(long)]
    pub watchers: Option<usize>,
    /// What the schedule is drawn with; a random one is printed.
    #[arg(long)]
    pub seed: Option<u64>,
    /// The relay mode of the service that is started (with --url: only for the report).
    #[arg(long)]
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
    #[arg(long)]
    pub stalled: Option<f64>,
    /// How often the server is killed; for chaos.
    #[arg(long)]
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
    #[arg(long, default_value_t = 1_000)]
    pub watchers: usize,
    /// Bids a second.
    #[arg(long, default_value_t = 5.0)]
    pub rate: f64,
    /// How long bids are sent.
    #[arg(long, value_parser = parse_duration, default_value = "20s")]
    pub duration: Duration,
    /// Run against this service instead of starting one.
    #[arg(long)]
    pub url: Option<String>,
    /// The secret of that service, to mint tokens with.
    #[arg(long, env = "GAVEL_JWT_SECRET", hide_env_values = true)]
    pub jwt_secret: Option<String>,
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
            url: args.url,
            jwt_secret: args.jwt_secret,
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
    /// An experiment; may be given several times. Default: all.
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// Say which experiments there are.
    #[arg(long)]
    pub list: bool,
    /// Write report.html, report.md and report.json into this folder.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Send the traffic to this service instead of starting some.
    #[arg(long)]
    pub url: Option<String>,
    /// The secret of that service, to mint tokens with.
    #[arg(long, env = "GAVEL_JWT_SECRET", hide_env_values = true)]
    pub jwt_secret: Option<String>,
    /// What everything random is drawn with.
    #[arg(long, default_value_t = 1)]
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
    #[arg(long, value_name = "PERCENT", default_value_t = 10.0, value_parser = parse_percent)]
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
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// A token; without one the watcher is anonymous.
    #[arg(long, env = "GAVEL_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Start after the bid of this number; 0 for all. Without it: from now on.
    #[arg(long)]
    pub after: Option<u64>,
}

/// `bid`.
#[derive(Debug, Args)]
pub struct BidArgs {
    /// The auction.
    pub auction_id: String,
    /// Minor units, for example 1250.
    pub amount: u64,
    /// The service.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
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
    #[arg(long = "role", default_value = "bidder", value_parser = parse_role)]
    pub roles: Vec<String>,
    /// How long it lives.
    #[arg(long, default_value = "1h", value_parser = parse_duration)]
    pub ttl: Duration,
    /// The secret of the service, at least 32 bytes.
    #[arg(long, env = "GAVEL_JWT_SECRET", hide_env_values = true)]
    pub jwt_secret: String,
}

impl Default for RunArgs {
    /// What `client-sim` alone means.
    fn default() -> Self {
        #[derive(Parser)]
        struct Alone {
            #[command(flatten)]
            run: RunArgs,
        }
        Alone::parse_from(["client-sim"]).run
    }
}

impl RunArgs {
    /// The plan, or what cannot be.
    ///
    /// # Errors
    /// One line that names the flag.
    pub fn plan(&self) -> anyhow::Result<Plan> {
        let mut scenario = Scenario::of(self.scenario);
        scenario.duration = self.duration.unwrap_or(scenario.duration);
        scenario.rate = self.rate.unwrap_or(scenario.rate);
        scenario.auctions = self.auctions.unwrap_or(scenario.auctions);
        scenario.bidders = self.bidders.unwrap_or(scenario.bidders);
        scenario.watchers = self.watchers.unwrap_or(scenario.watchers);
        scenario.stalled = self.stalled.unwrap_or(scenario.stalled);
        scenario.kills = self.kills.unwrap_or(scenario.kills);
        scenario.check().map_err(anyhow::Error::msg)?;
        open_files::check(scenario.watchers)?;
        let seed = self.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
        let target = match &self.url {
            Some(url) => {
                anyhow::ensure!(
                    self.server_flag.is_empty() && self.layout.is_none() && scenario.kills == 0,
                    "--server-flag, --layout and --kills (as chaos has) are for a service that is \
                     started here, not for --url"
                );
                let secret = secret(self.jwt_secret.as_ref())?;
                Target::Url { url: url.clone(), secret, relay: self.relay.clone() }
            }
            None => Target::Own {
                relay: self.relay.clone().unwrap_or_else(|| "stream".to_owned()),
                flags: self.server_flag.clone(),
                layouts: match self.layout {
                    Some(layout) => vec![layout],
                    None if scenario.name == Name::Chaos => vec![Layout::Apart, Layout::Inside],
                    None => vec![Layout::Inside],
                },
            },
        };
        let slos = if self.slo.is_empty() && scenario.name.judges_latency() {
            vec!["p99<300ms".parse().map_err(anyhow::Error::msg)?]
        } else {
            self.slo.clone()
        };
        let command = self.command(&scenario, seed);
        Ok(Plan {
            scenario,
            seed,
            slos,
            target,
            last_mile: self.last_mile,
            view: View::Live,
            script: Vec::new(),
            command,
        })
    }

    /// The command that repeats the run, without its secrets.
    fn command(&self, scenario: &Scenario, seed: u64) -> String {
        let mut command = format!(
            "client-sim run {} --seed {seed} --auctions {} --bidders {} --watchers {} --rate {} \
             --duration {}ms",
            scenario.name.as_str(),
            scenario.auctions,
            scenario.bidders,
            scenario.watchers,
            scenario.rate,
            scenario.duration.as_millis(),
        );
        let mut flag = |name: &str, value: &str| {
            for part in [" --", name, " '", value, "'"] {
                command.push_str(part);
            }
        };
        self.stalled.iter().for_each(|share| flag("stalled", &share.to_string()));
        self.kills.iter().for_each(|kills| flag("kills", &kills.to_string()));
        let layout = self.layout.and_then(|layout| layout.to_possible_value());
        layout.iter().for_each(|layout| flag("layout", layout.get_name()));
        if let Some(mile) =
            self.last_mile.to_possible_value().filter(|_| self.last_mile != LastMile::None)
        {
            flag("last-mile", mile.get_name());
        }
        self.url.iter().for_each(|url| flag("url", url));
        self.relay.iter().for_each(|relay| flag("relay", relay));
        self.slo.iter().for_each(|slo| flag("slo", slo.expr()));
        self.server_flag.iter().for_each(|given| flag("server-flag", given));
        command
    }
}

impl LabArgs {
    /// What is asked.
    ///
    /// # Errors
    /// One line that names the flag.
    pub fn ask(&self) -> anyhow::Result<Ask> {
        let place = match &self.url {
            Some(url) => Place::Url { url: url.clone(), secret: secret(self.jwt_secret.as_ref())? },
            None => Place::Own,
        };
        let mut command = format!("client-sim lab --seed {}", self.seed);
        if self.quick {
            command.push_str(" --quick");
        }
        for (flag, value) in self
            .only
            .iter()
            .map(|name| ("only", name))
            .chain(self.url.iter().map(|url| ("url", url)))
        {
            [" --", flag, " '", value, "'"].iter().for_each(|part| command.push_str(part));
        }
        let depth = if self.quick { Depth::Quick } else { Depth::Full };
        let (only, out) = (self.only.clone(), self.out.clone());
        Ok(Ask { depth, only, seed: self.seed, place, out, command })
    }
}

fn secret(given: Option<&String>) -> anyhow::Result<String> {
    given
        .cloned()
        .context("--url needs --jwt-secret (or GAVEL_JWT_SECRET), the service's own secret")
}

impl TokenArgs {
    /// The token.
    ///
    /// # Errors
    /// When the secret is too short for the service to accept it.
    pub fn mint(&self) -> anyhow::Result<String> {
        anyhow::ensure!(
            self.jwt_secret.len() >= 32,
            "--jwt-secret must be at least 32 bytes of random text"
        );
        let roles: Vec<&str> = self.roles.iter().map(String::as_str).collect();
        Mint::new(&self.jwt_secret).token(&self.user, &roles, self.ttl)
    }
}

fn parse_percent(text: &str) -> Result<f64, String> {
    let percent = text.trim_end_matches('%').parse::<f64>().ok();
    percent.filter(|p| (0.0..=1_000.0).contains(p)).ok_or_else(|| "from 0 to 1000".to_owned())
}

fn parse_role(text: &str) -> Result<String, String> {
    let known = ROLES.contains(&text);
    if known { Ok(text.to_owned()) } else { Err(format!("one of {}", ROLES.join(", "))) }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let problem = || "write a number and ms, s, m or h, as 30s".to_owned();
    let end = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(problem)?;
    let number: u64 = text[..end].parse().map_err(|_| problem())?;
    let unit_ms = match &text[end..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(problem()),
    };
    number.checked_mul(unit_ms).map(Duration::from_millis).ok_or_else(problem)
}
