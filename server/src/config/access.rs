//! Settings of what browsers and strangers may do.

use axum::http::HeaderName;
use clap::Args as ClapArgs;

use super::command_line::heading;
use super::{ConfigError, Switch};
use crate::limiter::Origins;

/// What browsers and strangers may do.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = heading::ACCESS)]
pub struct AccessArgs {
    /// A web page that may use the service beside its own, such as https://shop.example; several by
    /// commas, `*` for all. It is let in by CORS and at the WebSocket upgrade.
    #[arg(long, env = "GAVEL_ALLOW_ORIGIN", value_delimiter = ',')]
    pub allow_origin: Vec<String>,

    /// The header in which the one proxy in front tells its client's address, such as
    /// x-forwarded-for. Without a proxy leave it out: anybody can send a header.
    #[arg(long, env = "GAVEL_TRUSTED_PROXY_HEADER")]
    pub trusted_proxy_header: Option<HeaderName>,

    /// Whether __schema and __type may be asked for.
    #[arg(long, env = "GAVEL_INTROSPECTION", value_enum, default_value_t = Switch::On)]
    pub introspection: Switch,

    /// Whether browsers get the playground at /graphql.
    #[arg(long, env = "GAVEL_PLAYGROUND", value_enum, default_value_t = Switch::On)]
    pub playground: Switch,
}

impl AccessArgs {
    /// The pages that may use the service.
    pub(super) fn origins(&self) -> Result<Origins, ConfigError> {
        let origins = Origins::of(&self.allow_origin);
        origins.map_err(|problem| ConfigError { flag: "allow-origin", problem })
    }
}
