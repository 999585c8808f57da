//! The service to use, and the identities to use it with.

use anyhow::{bail, ensure};
use clap::Args;

use crate::service::base_url;
use crate::service::tokens::Tokens;

/// The service to use, and the identities to use it with.
#[derive(Debug, Clone, Default, Args)]
pub struct ServiceArgs {
    /// Use this service instead of starting one, for example http://127.0.0.1:8080; repeat for the
    /// servers of a cluster, and clients are spread over them.
    #[arg(long, help_heading = HEADING, value_parser = base_url::parse)]
    pub url: Vec<String>,
    /// Secret of that service, to mint tokens with.
    #[arg(long, help_heading = HEADING, env = "GAVEL_JWT_SECRET", hide_env_values = true)]
    pub jwt_secret: Option<String>,
    /// Token for that service, if an identity provider signs its tokens; repeat for several: first
    /// that of a seller, who opens the auctions, then those of one or more bidders, who take turns.
    /// Watchers are anonymous, if the service allows it.
    #[arg(long, help_heading = HEADING, value_name = "TOKEN")]
    pub token: Vec<String>,
    /// Shell command that prints a token for the user CLIENT_SIM_USER with the role
    /// CLIENT_SIM_ROLES (seller, bidder or observer); run once per simulated user.
    #[arg(long, help_heading = HEADING, value_name = "COMMAND")]
    pub token_command: Option<String>,
}

const HEADING: &str = "Existing service";

impl ServiceArgs {
    /// The base URLs of the service and the source of its tokens, if a service is named.
    ///
    /// # Errors
    /// When no source of tokens is given, or two are.
    pub fn target(&self) -> anyhow::Result<Option<(Vec<String>, Tokens)>> {
        ensure!(
            self.token.is_empty() || self.token_command.is_none(),
            "--token and --token-command cannot be used together"
        );
        if self.url.is_empty() {
            ensure!(
                self.token.is_empty() && self.token_command.is_none(),
                "--token and --token-command need --url: a service that is started here has its \
                 own secret"
            );
            return Ok(None);
        }
        // A flag takes precedence over a variable that happens to be set.
        let tokens = match (&self.token_command, &self.jwt_secret) {
            (Some(command), _) => Tokens::Command(command.clone()),
            (None, _) if self.token.len() == 1 => {
                bail!(
                    "--token: give one of a seller and at least one of a bidder, because nobody \
                       may bid on their own auction"
                )
            }
            (None, _) if !self.token.is_empty() => Tokens::Given(self.token.clone()),
            (None, Some(secret)) => Tokens::Secret(secret.clone()),
            (None, None) => bail!(
                "--url needs --jwt-secret (or GAVEL_JWT_SECRET) with the secret of the service or, \
                 if an identity provider signs its tokens, --token or --token-command"
            ),
        };
        Ok(Some((self.url.clone(), tokens)))
    }
}
