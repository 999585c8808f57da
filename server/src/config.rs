//! Settings: each is a flag and an environment variable `GAVEL_<NAME>`. There is one struct per
//! concern, which is passed to the part that needs it.
//!
//! An invalid value is reported in one line that names it, before any port is bound.

pub mod command_line;
pub mod listening;
pub mod store;
#[cfg(feature = "embedded")]
pub mod embedded;
pub mod delivery;
pub mod cluster;
pub mod tokens;
pub mod access;
pub mod clients;
pub mod connection;
pub mod documents;
pub mod service;
pub mod observing;
pub mod print;

use clap::{Args as ClapArgs, ValueEnum};

use self::access::AccessArgs;
use self::clients::ClientArgs;
use self::cluster::ClusterArgs;
use self::connection::ConnectionArgs;
use self::delivery::DeliveryArgs;
pub use self::delivery::RelayMode;
use self::documents::DocumentArgs;
#[cfg(feature = "embedded")]
use self::embedded::EmbeddedArgs;
use self::listening::ListeningArgs;
pub use self::observing::LogFormat;
use self::observing::ObservingArgs;
use self::service::ServiceArgs;
pub use self::store::Dynamodb;
use self::store::StoreArgs;
use self::tokens::TokenArgs;
use crate::limiter::ClientLimits;
use crate::limits;

/// A setting that is on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Enabled.
    On,
    /// Disabled.
    Off,
}

/// The settings of the service, each documented where it is declared.
#[derive(Debug, Clone, ClapArgs)]
#[expect(missing_docs, reason = "a concern's name, and its struct's documentation")]
pub struct Args {
    #[command(flatten)]
    pub listening: ListeningArgs,
    #[command(flatten)]
    pub store: StoreArgs,
    #[cfg(feature = "embedded")]
    #[command(flatten)]
    pub embedded: EmbeddedArgs,
    #[command(flatten)]
    pub delivery: DeliveryArgs,
    #[command(flatten)]
    pub cluster: ClusterArgs,
    #[command(flatten)]
    pub tokens: TokenArgs,
    #[command(flatten)]
    pub access: AccessArgs,
    #[command(flatten)]
    pub clients: ClientArgs,
    #[command(flatten)]
    pub connection: ConnectionArgs,
    #[command(flatten)]
    pub documents: DocumentArgs,
    #[command(flatten)]
    pub service: ServiceArgs,
    #[command(flatten)]
    pub observing: ObservingArgs,
}

/// An invalid setting, described in one line that names it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--{flag}: {problem}")]
pub struct ConfigError {
    /// The flag.
    pub flag: &'static str,
    /// What is wrong and what is allowed.
    pub problem: String,
}

fn error(flag: &'static str, problem: &str) -> Result<(), ConfigError> {
    Err(ConfigError { flag, problem: problem.to_owned() })
}

/// Checks the value of each flag against its minimum and maximum.
fn in_range(settings: &[(&'static str, usize, usize, usize)]) -> Result<(), ConfigError> {
    for &(flag, value, least, most) in settings {
        if !(least..=most).contains(&value) {
            return error(flag, &format!("must be from {least} to {most}"));
        }
    }
    Ok(())
}

/// Checks what clap cannot: values against the limits and against each other.
pub fn check(args: &Args) -> Result<(), ConfigError> {
    args.delivery.check()?;
    args.tokens.check()?;
    args.allowances()?;
    args.connection.check()?;
    args.documents.check()?;
    args.service.check()?;
    check_budgets(args)?;
    args.cluster.check(&args.store.table)?;
    #[cfg(feature = "lambda-model")]
    if !args.cluster.cluster.is_empty() && args.delivery.relay == RelayMode::Lambda {
        return error("cluster", "is not modelled with --relay lambda");
    }
    let (dynamodb, tokens) = (&args.store.dynamodb, &args.tokens);
    if *dynamodb == Dynamodb::Aws && !tokens.have_an_issuer() && tokens.authorizer.is_none() {
        let problem = "(or --jwks, --oidc-issuer or --authorizer) is required with --dynamodb aws";
        return error("jwt-secret", problem);
    }
    if (tokens.jwks.is_some() || tokens.oidc_issuer.is_some()) && args.listening.demo {
        return error("demo", "cannot sign tokens for a JWK set; use --jwt-secret");
    }
    #[cfg(feature = "embedded")]
    if *dynamodb != Dynamodb::Embedded && args.embedded.data_dir.is_some() {
        return error("data-dir", "requires --dynamodb embedded");
    }
    if *dynamodb == Dynamodb::Aws && args.listening.demo {
        return error("demo", "cannot be used with --dynamodb aws");
    }
    Ok(())
}

/// Rejects budgets that are too small for what one request may ask for.
fn check_budgets(args: &Args) -> Result<(), ConfigError> {
    let (clients, service, documents) = (&args.clients, &args.service, &args.documents);
    for (flag, budget) in [
        ("answer-bytes-per-client", clients.answer_bytes_per_client),
        ("answer-bytes-in-memory", service.answer_bytes_in_memory),
    ] {
        if budget != 0 && budget < documents.answer_bytes {
            return error(flag, "must be 0 or at least --answer-bytes");
        }
    }
    let heaviest = limits::GROUP_WEIGHT + documents.subscription_complexity;
    for (flag, budget) in [
        ("groups-per-address", clients.groups_per_address),
        ("groups-per-auction", clients.groups_per_auction),
        ("groups", service.groups),
    ] {
        if budget != 0 && budget < heaviest {
            let problem =
                format!("must be 0 or at least {heaviest}, the weight of one subscription");
            return error(flag, &problem);
        }
    }
    Ok(())
}

impl Args {
    /// The limits of each client, and of all clients together.
    pub fn allowances(&self) -> Result<ClientLimits, ConfigError> {
        let open = ClientLimits {
            trusted_header: self.access.trusted_proxy_header.clone(),
            origins: self.access.origins()?,
            ..ClientLimits::default()
        };
        let is_limited = self.clients.client_limits == Switch::On;
        Ok(if is_limited { self.service.allow(self.clients.allow(open)) } else { open })
    }
}
