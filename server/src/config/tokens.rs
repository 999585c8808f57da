//! Settings for tokens: their keys, their claims, and callers without one.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::command_line::heading;
use super::{ConfigError, Switch, error};
use crate::auth::roles::ROLES_CLAIM;
use crate::auth::{JwksSource, Role, RoleRules};
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

    /// The issuer of tokens, whose metadata (OpenID Connect discovery) names its JWK set; instead of
    /// --jwks and --jwt-issuer.
    #[arg(long, env = "GAVEL_OIDC_ISSUER", value_parser = parse_url)]
    pub oidc_issuer: Option<String>,

    /// The claim that holds a token's roles (bidder, seller, auctioneer, observer), or the path to
    /// it, such as `realm_access.roles`: an array of names, or one string with spaces between them.
    /// Use `cognito:groups` for the groups of an Amazon Cognito user pool.
    #[arg(long, env = "GAVEL_JWT_ROLES_CLAIM", default_value = ROLES_CLAIM)]
    pub jwt_roles_claim: String,

    /// The roles that names in that claim grant, as NAME=ROLE; separate several with commas. Other
    /// names then grant none.
    #[arg(long, env = "GAVEL_JWT_ROLE_MAP", value_delimiter = ',', value_parser = parse_mapping)]
    pub jwt_role_map: Vec<(String, Role)>,

    /// The role of a token that grants none.
    #[arg(long, env = "GAVEL_JWT_DEFAULT_ROLE", value_parser = parse_role)]
    pub jwt_default_role: Option<Role>,

    /// A file of API keys, which callers send as `x-api-key`; `gavel-server api-key` makes them. It
    /// is read again when it changes.
    #[arg(long, env = "GAVEL_API_KEYS")]
    pub api_keys: Option<PathBuf>,

    /// A hook that checks tokens that are no JWT (all tokens, without --jwt-secret, --jwks and
    /// --oidc-issuer): it is sent a POST with `{"authorizationToken": ...}` and answers as an AppSync
    /// Lambda authorizer does.
    #[arg(long, env = "GAVEL_AUTHORIZER", value_parser = parse_url)]
    pub authorizer: Option<String>,

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

    /// How claims grant roles.
    pub fn roles(&self) -> RoleRules {
        RoleRules {
            claim: self.jwt_roles_claim.clone(),
            map: self.jwt_role_map.clone(),
            default: self.jwt_default_role,
        }
    }

    /// Whether tokens are signed by somebody that the settings name.
    pub fn have_an_issuer(&self) -> bool {
        self.secret().is_some() || self.jwks.is_some() || self.oidc_issuer.is_some()
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.jwks.is_some() && self.secret().is_some() {
            return error("jwks", "cannot be used with --jwt-secret");
        }
        let others = [self.secret().is_some(), self.jwks.is_some(), self.jwt_issuer.is_some()];
        if self.oidc_issuer.is_some() && others.contains(&true) {
            return error("oidc-issuer", "replaces --jwt-secret, --jwks and --jwt-issuer");
        }
        let max = limits::TOKEN_LEEWAY_MAX.as_secs();
        if self.jwt_leeway_seconds > max {
            return error("jwt-leeway-seconds", &format!("must be at most {max}"));
        }
        Ok(())
    }
}

fn parse_url(text: &str) -> Result<String, String> {
    match text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) {
        Some(rest) if !rest.is_empty() => Ok(text.to_owned()),
        _ => Err("must be a URL, such as https://id.example/pool".to_owned()),
    }
}

/// Parses the name of a role.
pub(crate) fn parse_role(text: &str) -> Result<Role, String> {
    Role::named(text).ok_or_else(|| format!("must be one of {}", Role::names()))
}

fn parse_mapping(text: &str) -> Result<(String, Role), String> {
    match text.rsplit_once('=') {
        Some((name, role)) if !name.is_empty() => Ok((name.to_owned(), parse_role(role)?)),
        _ => Err("must be NAME=ROLE, such as Buyers=bidder".to_owned()),
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
