//! Settings for tokens: their keys, their claims, and callers without one.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::command_line::heading;
use super::{ConfigError, Switch, error};
use crate::auth::JwksSource;
use crate::auth::token::ROLES_CLAIM;
use crate::limits;

/// Settings for tokens.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = heading::TOKENS)]
pub struct TokenArgs {
    /// HS256 secret that tokens are signed with, at least 32 bytes. Absent: with `embedded` a
    /// random secret is generated and ready-made tokens are printed; with `aws` the service refuses
    /// to start.
    #[arg(long, env = "GAVEL_JWT_SECRET", hide_env_values = true)]
    pub jwt_secret: Option<String>,

    /// JWK set with the keys of tokens: a URL or a file. Tokens are then RS256, ES256 or EdDSA, and
    /// --jwt-secret must not be set.
    #[arg(long, env = "GAVEL_JWKS", value_parser = parse_jwks)]
    pub jwks: Option<JwksSource>,

    /// Seconds for which a token is accepted after its expiry, to allow for clocks that differ; an
    /// open socket has as long to renew it.
    #[arg(long, env = "GAVEL_JWT_LEEWAY_SECONDS",
        default_value_t = limits::TOKEN_LEEWAY.as_secs())]
    pub jwt_leeway_seconds: u64,

    /// The `iss` claim that tokens must have.
    #[arg(long, env = "GAVEL_JWT_ISSUER")]
    pub jwt_issuer: Option<String>,

    /// The `aud` claim that tokens must have.
    #[arg(long, env = "GAVEL_JWT_AUDIENCE")]
    pub jwt_audience: Option<String>,

    /// The claim that holds a token's roles (bidder, seller, auctioneer, observer): an array of
    /// names, or one string with spaces between them. Use `cognito:groups` for the groups of an
    /// Amazon Cognito user pool.
    #[arg(long, env = "GAVEL_JWT_ROLES_CLAIM", default_value = ROLES_CLAIM)]
    pub jwt_roles_claim: String,

    /// Whether callers without a token may read and watch.
    #[arg(long, env = "GAVEL_ANONYMOUS", value_enum, default_value_t = Switch::On)]
    pub anonymous: Switch,
}

impl TokenArgs {
    /// The secret, if one is configured. An empty variable, as compose files set it, counts as
    /// absent.
    pub fn secret(&self) -> Option<&str> {
        self.jwt_secret.as_deref().filter(|secret| !secret.is_empty())
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.jwks.is_some() && self.secret().is_some() {
            return error("jwks", "cannot be used with --jwt-secret");
        }
        let max = limits::TOKEN_LEEWAY_MAX.as_secs();
        if self.jwt_leeway_seconds > max {
            return error("jwt-leeway-seconds", &format!("must be at most {max}"));
        }
        Ok(())
    }
}

fn parse_jwks(text: &str) -> Result<JwksSource, String> {
    match text {
        "" => Err("must be a URL or a file".to_owned()),
        url if url.starts_with("https://") || url.starts_with("http://") => {
            Ok(JwksSource::Url(url.to_owned()))
        }
        file => Ok(JwksSource::File(PathBuf::from(file))),
    }
}
