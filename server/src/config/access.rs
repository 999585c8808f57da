//! Access settings: allowed origins, the trusted proxy header, introspection, the playground and the page.

use axum::http::HeaderName;
use clap::Args as ClapArgs;

use super::command_line::heading;
use super::{ConfigError, Switch};
use crate::limiter::Origins;

/// Access settings.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = heading::ACCESS)]
pub struct AccessArgs {
    /// Origins besides the service's own whose web pages may use the service, such as
    /// https://shop.example; separate several with commas, `*` allows all. Applies to CORS and to
    /// the WebSocket upgrade.
    #[arg(long, env = "GAVEL_ALLOW_ORIGIN", value_delimiter = ',')]
    pub allow_origin: Vec<String>,

    /// The header in which the one proxy in front passes on the client's address, such as
    /// x-forwarded-for. Leave it unset without a proxy: any client can send a header.
    #[arg(long, env = "GAVEL_TRUSTED_PROXY_HEADER")]
    pub trusted_proxy_header: Option<HeaderName>,

    /// Whether introspection (__schema and __type) is allowed.
    #[arg(long, env = "GAVEL_INTROSPECTION", value_enum, default_value_t = Switch::On)]
    pub introspection: Switch,

    /// Whether browsers are served the playground at /graphql.
    #[arg(long, env = "GAVEL_PLAYGROUND", value_enum, default_value_t = Switch::On)]
    pub playground: Switch,

    /// Whether browsers are served the page for bidders at /.
    #[arg(long, env = "GAVEL_PAGE", value_enum, default_value_t = Switch::On)]
    pub page: Switch,
}

impl AccessArgs {
    /// The allowed origins.
    pub(super) fn origins(&self) -> Result<Origins, ConfigError> {
        let origins = Origins::of(&self.allow_origin);
        origins.map_err(|problem| ConfigError { flag: "allow-origin", problem })
    }
}
