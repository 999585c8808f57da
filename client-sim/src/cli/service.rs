//! Which service, and as whom.

use anyhow::{bail, ensure};
use clap::Args;

use crate::service::base_url;
use crate::service::tokens::Tokens;

/// Which service, and as whom.
#[derive(Debug, Clone, Default, Args)]
pub struct ServiceArgs {
    /// Use this service instead of starting one, for example http://127.0.0.1:8080.
    #[arg(long, help_heading = HEADING, value_parser = base_url::parse)]
    pub url: Option<String>,
    /// The secret of that service, to mint tokens with.
    #[arg(long, help_heading = HEADING, env = "GAVEL_JWT_SECRET", hide_env_values = true)]
    pub jwt_secret: Option<String>,
    /// A token of that service, where an identity provider signs them: first that of a seller, who
    /// opens the auctions, then those of one or more bidders, who take turns. Watchers are anonymous,
    /// if the service admits that.
    #[arg(long, help_heading = HEADING, value_name = "TOKEN")]
    pub token: Vec<String>,
    /// A shell command that prints a token of the user CLIENT_SIM_USER with the role CLIENT_SIM_ROLES
    /// (seller, bidder or observer): one for each simulated user.
    #[arg(long, help_heading = HEADING, value_name = "COMMAND")]
    pub token_command: Option<String>,
}

const HEADING: &str = "A service that is there";

impl ServiceArgs {
    /// The service's base URL and where its tokens come from, if one is named.
    ///
    /// # Errors
    /// When nothing says where tokens come from, or two things do.
    pub fn target(&self) -> anyhow::Result<Option<(String, Tokens)>> {
        ensure!(
            self.token.is_empty() || self.token_command.is_none(),
            "--token and --token-command: give one of them"
        );
        let Some(url) = self.url.clone() else {
            ensure!(
                self.token.is_empty() && self.token_command.is_none(),
                "--token and --token-command are for --url: a service that is started here has a \
                 secret of its own"
            );
            return Ok(None);
        };
        // What is asked for beats what the environment happens to have.
        let tokens = match (&self.token_command, &self.jwt_secret) {
            (Some(command), _) => Tokens::Command(command.clone()),
            (None, _) if self.token.len() == 1 => {
                bail!(
                    "--token: give a seller's and at least one bidder's, for nobody may bid on \
                       their own auction"
                )
            }
            (None, _) if !self.token.is_empty() => Tokens::Given(self.token.clone()),
            (None, Some(secret)) => Tokens::Secret(secret.clone()),
            (None, None) => bail!(
                "--url needs --jwt-secret (or GAVEL_JWT_SECRET), the service's own secret, or, where \
                 an identity provider signs tokens, --token or --token-command"
            ),
        };
        Ok(Some((url, tokens)))
    }
}
