//! Who may use the service: opens what the settings for tokens name.

use std::time::Duration;

use anyhow::Context as _;
use gavel_core::tasks::Tasks;
use tokio_util::sync::CancellationToken;

use crate::auth::{ApiKeys, Authenticator, Authorizer, Jwks, JwksSource, Rules, Verifier, oidc};
use crate::config::Switch;
use crate::config::tokens::TokenArgs;

/// What authenticates callers.
pub(super) struct Identity {
    pub(super) verifier: Verifier,
    pub(super) authenticator: Authenticator,
    /// Whether the secret was generated here: then anybody may have tokens that are signed with it.
    pub(super) secret_is_random: bool,
    jwks: Option<Jwks>,
    api_keys: Option<ApiKeys>,
}

impl Identity {
    /// Opens JWK set and files.
    ///
    /// # Errors
    /// When one of them cannot be had; the flag is named.
    pub(super) async fn open(args: &TokenArgs) -> anyhow::Result<Self> {
        let jwks = match (&args.jwks, &args.oidc_issuer) {
            (Some(source), _) => Some(Jwks::open(source.clone()).await.context("--jwks")?),
            (None, Some(issuer)) => {
                let opened = async { Jwks::open(oidc::discover(issuer).await?).await }.await;
                Some(opened.context("--oidc-issuer")?)
            }
            (None, None) => None,
        };
        let api_keys = args.api_keys.as_deref().map(ApiKeys::open).transpose();
        let api_keys = api_keys.context("--api-keys")?;
        let authorizer = args.authorizer.clone().map(Authorizer::new).transpose()?;
        let (verifier, is_random) = verifier(args, jwks.clone())?;
        let authorizes_jwts = !args.have_an_issuer();
        let authenticator = Authenticator::new(verifier.clone(), args.anonymous == Switch::On)
            .with_api_keys(api_keys.clone())
            .with_authorizer(authorizer.clone(), authorizes_jwts);
        let secret_is_random = is_random && authorizer.is_none();
        Ok(Self { verifier, authenticator, secret_is_random, jwks, api_keys })
    }

    /// Checks the settings, and the files that they name; nothing is fetched.
    ///
    /// # Errors
    /// When the service could not start with them.
    pub(super) async fn check(args: &TokenArgs) -> anyhow::Result<()> {
        if let Some(file) = &args.api_keys {
            drop(ApiKeys::open(file).context("--api-keys")?);
        }
        match &args.jwks {
            None => drop(verifier(args, None)?),
            Some(JwksSource::Url(_)) => {}
            Some(file) => drop(Jwks::open(file.clone()).await.context("--jwks")?),
        }
        Ok(())
    }

    /// Keeps keys current.
    pub(super) fn keep(self, tasks: &Tasks, stop: &CancellationToken) {
        if let Some(jwks) = self.jwks {
            tasks.spawn("jwks", jwks.keep(stop.clone()));
        }
        if let Some(api_keys) = self.api_keys {
            tasks.spawn("API keys", api_keys.keep(stop.clone()));
        }
    }
}

/// The verifier of tokens, and whether its secret was generated here.
fn verifier(args: &TokenArgs, jwks: Option<Jwks>) -> anyhow::Result<(Verifier, bool)> {
    let rules = Rules {
        issuer: args.oidc_issuer.clone().or_else(|| args.jwt_issuer.clone()),
        audience: args.jwt_audience.clone(),
        roles: args.roles(),
        leeway: Duration::from_secs(args.jwt_leeway_seconds),
    };
    if let Some(jwks) = jwks {
        return Ok((Verifier::with_jwks(jwks, rules), false));
    }
    let (secret, is_random) = match args.secret() {
        Some(secret) => (secret.to_owned(), false),
        None => (format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>()), true),
    };
    let verifier = Verifier::new(&secret, rules).context("--jwt-secret")?;
    Ok((verifier, is_random))
}
