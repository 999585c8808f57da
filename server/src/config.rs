//! Settings: each is a flag and an environment variable `GAVEL_<NAME>`.
//!
//! A wrong value is told in one line that names it, before any port is bound.

pub mod command_line;
pub mod door;
pub mod budgets;
#[cfg(feature = "embedded")]
pub mod embedded;
pub mod print;

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use gavel_core::limits;

use self::budgets::BudgetArgs;
use self::command_line::heading;
use self::door::DoorArgs;
#[cfg(feature = "embedded")]
use self::embedded::EmbeddedArgs;
use crate::auth::JwksSource;
use crate::guard::Allowances;

/// Where DynamoDB is, unless it is told.
const DYNAMODB: &str = if cfg!(feature = "embedded") { "embedded" } else { "aws" };

/// How bids reach the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RelayMode {
    /// From the DynamoDB stream, polled by demand.
    Stream,
    /// From the lane, as soon as DynamoDB has acknowledged; the stream repairs, and brings what other
    /// servers write.
    Hybrid,
    /// From the DynamoDB stream, as a Lambda trigger would: a model of its event source mapping.
    #[cfg(feature = "lambda-model")]
    Lambda,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// For machines: one JSON object a line.
    Json,
}

/// Whether callers without a token may read and watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Yes.
    On,
    /// No.
    Off,
}

/// The flags of the service.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = heading::DELIVERY)]
pub struct Args {
    /// Address of GraphQL over HTTP and WebSocket.
    #[arg(long, help_heading = heading::LISTENING, env = "GAVEL_LISTEN", value_parser = parse_address, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Address of /healthz, /readyz and /metrics, if they should not be on --listen.
    #[arg(long, help_heading = heading::LISTENING, env = "GAVEL_ADMIN_LISTEN", value_parser = parse_address)]
    pub admin_listen: Option<SocketAddr>,

    /// Where DynamoDB is: `embedded`, `aws` (normal credential chain and region), or a URL.
    #[arg(long, help_heading = heading::STORE, env = "GAVEL_DYNAMODB", default_value = DYNAMODB, value_parser = parse_dynamodb)]
    pub dynamodb: Dynamodb,

    /// The store that comes with it.
    #[cfg(feature = "embedded")]
    #[command(flatten)]
    pub embedded: EmbeddedArgs,

    /// The table.
    #[arg(long, help_heading = heading::STORE, env = "GAVEL_TABLE", default_value = "gavel", value_parser = parse_table)]
    pub table: String,

    /// Whether a table that is absent is made at start. Default: on, but off with --dynamodb aws, where
    /// a wrong region or account must not become a new, empty table.
    #[arg(long, help_heading = heading::STORE, env = "GAVEL_CREATE_TABLE", value_enum, num_args = 0..=1,
        default_missing_value = "on")]
    pub create_table: Option<Switch>,

    /// How bids reach watchers.
    #[arg(long, help_heading = heading::DELIVERY, env = "GAVEL_RELAY", value_enum, default_value_t = RelayMode::Stream)]
    pub relay: RelayMode,

    /// A JSON file with the settings of --relay lambda: docs/LAMBDA.md. Default: Lambda's own.
    #[cfg(feature = "lambda-model")]
    #[arg(long, help_heading = heading::DELIVERY, env = "GAVEL_LAMBDA_SETTINGS")]
    pub lambda_settings: Option<PathBuf>,

    /// Bids committed in one transaction at most; 1 writes bid by bid.
    #[arg(long, help_heading = heading::DELIVERY, env = "GAVEL_GROUP_COMMIT_MAX", default_value_t = limits::GROUP_COMMIT_MAX)]
    pub group_commit_max: usize,

    /// Milliseconds between polls of a shard while a watcher waits for a bid.
    #[arg(long, help_heading = heading::DELIVERY, env = "GAVEL_POLL_BUSY_MS", default_value_t = 5)]
    pub poll_busy_ms: u64,

    /// Milliseconds between polls of a shard while any auction is watched.
    #[arg(long, help_heading = heading::DELIVERY, env = "GAVEL_POLL_WATCHED_MS", default_value_t = 50)]
    pub poll_watched_ms: u64,

    /// Milliseconds between polls of a shard otherwise.
    #[arg(long, help_heading = heading::DELIVERY, env = "GAVEL_POLL_IDLE_MS", default_value_t = 1000)]
    pub poll_idle_ms: u64,

    /// Watched auctions that are read from the table in a second, at most, while the stream shows
    /// nothing: so bids that another server wrote arrive within about a second if it stands still. 0:
    /// only every ten seconds.
    #[arg(long, help_heading = heading::DELIVERY, env = "GAVEL_QUIET_CHECKS_PER_SECOND",
        default_value_t = limits::QUIET_CHECKS_PER_SECOND_MAX)]
    pub quiet_checks_per_second: usize,

    /// The HS256 secret that tokens are signed with, at least 32 bytes. Absent: with `embedded` a
    /// random one is made and ready tokens are printed; with `aws` the service refuses to start.
    #[arg(long, help_heading = heading::TOKENS, env = "GAVEL_JWT_SECRET", hide_env_values = true)]
    pub jwt_secret: Option<String>,

    /// Where the keys of tokens are, as a JWK set: a URL, or a file. Tokens are then RS256, ES256 or
    /// EdDSA, and --jwt-secret has no place.
    #[arg(long, help_heading = heading::TOKENS, env = "GAVEL_JWKS", value_parser = parse_jwks)]
    pub jwks: Option<JwksSource>,

    /// Seconds that a token is taken after its expiry, for clocks that differ; an open socket has as
    /// long to renew it.
    #[arg(long, help_heading = heading::TOKENS, env = "GAVEL_JWT_LEEWAY_SECONDS",
        default_value_t = limits::TOKEN_LEEWAY.as_secs())]
    pub jwt_leeway_seconds: u64,

    /// The `iss` that tokens must have.
    #[arg(long, help_heading = heading::TOKENS, env = "GAVEL_JWT_ISSUER")]
    pub jwt_issuer: Option<String>,

    /// The `aud` that tokens must have.
    #[arg(long, help_heading = heading::TOKENS, env = "GAVEL_JWT_AUDIENCE")]
    pub jwt_audience: Option<String>,

    /// Whether callers without a token may read and watch.
    #[arg(long, help_heading = heading::TOKENS, env = "GAVEL_ANONYMOUS", value_enum, default_value_t = Switch::On)]
    pub anonymous: Switch,

    /// Who comes in, and how much each may do.
    #[command(flatten)]
    pub door: DoorArgs,

    /// How much work and memory each may take.
    #[command(flatten)]
    pub budgets: BudgetArgs,

    /// Seed auctions to play with, and print examples to try.
    #[arg(long, help_heading = heading::LISTENING, env = "GAVEL_DEMO")]
    pub demo: bool,

    /// Break a guarantee on purpose.
    #[cfg(feature = "sabotage")]
    #[arg(long, help_heading = heading::OBSERVING)]
    pub sabotage: Option<gavel_core::sabotage::Break>,

    /// Where `playground/install` has put the playground's assets; without them they come from a
    /// CDN.
    #[arg(long, help_heading = heading::LISTENING, env = "GAVEL_PLAYGROUND_DIR", default_value = "playground/assets")]
    pub playground_dir: PathBuf,

    /// The OTLP receiver that traces go to, by HTTP, as a full URL ending in /v1/traces. Absent: what
    /// the OTEL_EXPORTER_OTLP_* variables say; without them nothing is traced. OTEL_TRACES_SAMPLER
    /// says which traces are kept.
    #[arg(long, help_heading = heading::OBSERVING, env = "GAVEL_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,

    /// Debugging: a traced delivery has a span for each watcher, too, not only one for each group.
    #[arg(long, help_heading = heading::OBSERVING, env = "GAVEL_TRACE_WATCHERS")]
    pub trace_watchers: bool,

    /// How log lines look; which are shown is RUST_LOG's business.
    #[arg(long, help_heading = heading::OBSERVING, env = "GAVEL_LOG", value_enum, default_value_t = LogFormat::Pretty)]
    pub log: LogFormat,
}

/// Where DynamoDB is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dynamodb {
    /// In this process, on a thread of its own, reached over loopback.
    Embedded,
    /// AWS.
    Aws,
    /// Any other DynamoDB endpoint, for example the emulator in a process of its own.
    Url(String),
}

/// A setting that cannot stand: one line that names it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--{flag}: {problem}")]
pub struct ConfigError {
    /// The flag.
    pub flag: &'static str,
    /// What is wrong and what is allowed.
    pub problem: String,
}

/// Checks what clap cannot: values against each other and against the limits.
pub fn check(args: &Args) -> Result<(), ConfigError> {
    let error = |flag, problem: String| Err(ConfigError { flag, problem });
    let max = limits::GROUP_COMMIT_MAX;
    if !(1..=max).contains(&args.group_commit_max) {
        return error("group-commit-max", format!("must be from 1 to {max}"));
    }
    for (flag, ms) in [
        ("poll-busy-ms", args.poll_busy_ms),
        ("poll-watched-ms", args.poll_watched_ms),
        ("poll-idle-ms", args.poll_idle_ms),
    ] {
        if !(1..=60_000).contains(&ms) {
            return error(flag, "must be from 1 to 60000 milliseconds".to_owned());
        }
    }
    if args.poll_busy_ms > args.poll_watched_ms || args.poll_watched_ms > args.poll_idle_ms {
        return error(
            "poll-busy-ms",
            "the paces must not fall: busy <= watched <= idle".to_owned(),
        );
    }
    if args.dynamodb == Dynamodb::Aws && args.secret().is_none() && args.jwks.is_none() {
        return error("jwt-secret", "(or --jwks) is required with --dynamodb aws".to_owned());
    }
    if args.jwks.is_some() && args.secret().is_some() {
        return error("jwks", "has no place beside --jwt-secret: one kind of token".to_owned());
    }
    if args.jwks.is_some() && args.demo {
        return error("demo", "cannot sign tokens for a JWK set; use --jwt-secret".to_owned());
    }
    if args.jwt_leeway_seconds > limits::TOKEN_LEEWAY_MAX.as_secs() {
        let max = limits::TOKEN_LEEWAY_MAX.as_secs();
        return error("jwt-leeway-seconds", format!("must be at most {max}"));
    }
    args.door.check()?;
    args.budgets.check()?;
    if args.dynamodb != Dynamodb::Embedded {
        #[cfg(feature = "embedded")]
        if args.embedded.data_dir.is_some() {
            return error("data-dir", "only the embedded DynamoDB keeps data here".to_owned());
        }
        if args.demo && args.dynamodb == Dynamodb::Aws {
            return error("demo", "does not seed a table on AWS".to_owned());
        }
    }
    Ok(())
}

impl Args {
    /// What each client may do.
    pub fn allowances(&self) -> Result<Allowances, ConfigError> {
        let allowances = self.door.allowances()?;
        let is_limited = self.door.client_limits == Switch::On;
        Ok(if is_limited { self.budgets.allow(allowances) } else { allowances })
    }

    /// The secret, if one is configured. An empty variable, as compose files make, is none.
    pub fn secret(&self) -> Option<&str> {
        self.jwt_secret.as_deref().filter(|secret| !secret.is_empty())
    }

    /// Whether a table that is absent is made.
    pub fn creates_table(&self) -> bool {
        match self.create_table {
            Some(switch) => switch == Switch::On,
            None => self.dynamodb != Dynamodb::Aws,
        }
    }

    /// The time-out of the paces, as durations: busy, watched, idle.
    pub fn paces(&self) -> [Duration; 3] {
        [self.poll_busy_ms, self.poll_watched_ms, self.poll_idle_ms].map(Duration::from_millis)
    }
}

/// An address and its port. A name, such as localhost, stands for the first address that it has, an
/// IPv4 one before others.
fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let example = "use an address and a port, such as 127.0.0.1:8080 or localhost:8080";
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let addresses = text.to_socket_addrs().map_err(|error| format!("{error}; {example}"))?;
    addresses.min_by_key(SocketAddr::is_ipv6).ok_or_else(|| example.to_owned())
}

fn parse_dynamodb(text: &str) -> Result<Dynamodb, String> {
    match text {
        "embedded" if cfg!(feature = "embedded") => Ok(Dynamodb::Embedded),
        "embedded" => Err("this build has no embedded DynamoDB; use aws, or a URL".to_owned()),
        "aws" => Ok(Dynamodb::Aws),
        url if url.starts_with("http://") || url.starts_with("https://") => {
            Ok(Dynamodb::Url(url.to_owned()))
        }
        _ => Err("use embedded, aws, or a URL such as http://127.0.0.1:8000".to_owned()),
    }
}

fn parse_jwks(text: &str) -> Result<JwksSource, String> {
    match text {
        "" => Err("give a URL or a file".to_owned()),
        url if url.starts_with("https://") || url.starts_with("http://") => {
            Ok(JwksSource::Url(url.to_owned()))
        }
        file => Ok(JwksSource::File(PathBuf::from(file))),
    }
}

fn parse_table(text: &str) -> Result<String, String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if (3..=255).contains(&text.len()) && text.bytes().all(allowed) {
        return Ok(text.to_owned());
    }
    Err("a table name has 3 to 255 letters, digits, '_', '-' or '.'".to_owned())
}
