//! The authentication of callers, and the session of a socket.

use std::time::Duration;

use gavel_core::auction::Timestamp;
use tokio::sync::watch;

use super::api_keys::ApiKeys;
use super::authorizer::Authorizer;
use super::credentials::Credentials;
use super::principal::{AuthError, Principal};
use super::token::{Verifier, bearer};

/// Authenticates callers by their credentials.
#[derive(Debug, Clone)]
pub struct Authenticator {
    verifier: Verifier,
    anonymous: bool,
    api_keys: Option<ApiKeys>,
    authorizer: Option<Authorizer>,
    /// Whether the authorizer checks JWTs, too, because nothing else can.
    authorizes_jwts: bool,
}

impl Authenticator {
    /// An authenticator; `anonymous` admits callers without credentials.
    pub fn new(verifier: Verifier, anonymous: bool) -> Self {
        let (api_keys, authorizer, authorizes_jwts) = Default::default();
        Self { verifier, anonymous, api_keys, authorizer, authorizes_jwts }
    }

    /// The same, which knows API keys.
    pub fn with_api_keys(self, api_keys: Option<ApiKeys>) -> Self {
        Self { api_keys, ..self }
    }

    /// The same, with a hook for tokens that are no JWT, or with `authorizes_jwts` for all.
    pub fn with_authorizer(self, authorizer: Option<Authorizer>, authorizes_jwts: bool) -> Self {
        Self { authorizer, authorizes_jwts, ..self }
    }

    /// The principal of a caller.
    pub async fn admit(&self, given: &Credentials, now: Timestamp) -> Result<Principal, AuthError> {
        match (&given.authorization, &given.api_key, &self.api_keys) {
            (Some(_), Some(_), Some(_)) => Err(AuthError::Several),
            (Some(authorization), ..) => self.authorized(authorization, now).await,
            (None, Some(key), Some(keys)) => keys.principal(key, now),
            // Without a file of API keys, the header means nothing here: it may be a gateway's.
            _ if self.anonymous => Ok(Principal::anonymous()),
            _ => Err(AuthError::Missing),
        }
    }

    async fn authorized(
        &self,
        authorization: &str,
        now: Timestamp,
    ) -> Result<Principal, AuthError> {
        let token = bearer(authorization);
        let is_jwt = token.as_ref().is_ok_and(|token| token.split('.').count() == 3);
        match &self.authorizer {
            Some(hook)
                if token != Err(AuthError::AwsSignature) && (self.authorizes_jwts || !is_jwt) =>
            {
                hook.check(authorization, now).await
            }
            _ => self.verifier.verify(token?, now).await,
        }
    }
}

/// The principal of a socket: set when it is admitted, renewed by the same user.
#[derive(Debug)]
pub struct Session {
    authenticator: Authenticator,
    principal: watch::Sender<Principal>,
}

impl Session {
    /// The session of an admitted caller.
    pub fn new(authenticator: Authenticator, principal: Principal) -> Self {
        Self { authenticator, principal: watch::Sender::new(principal) }
    }

    /// The current principal.
    pub fn principal(&self) -> Principal {
        self.principal.borrow().clone()
    }

    /// The current principal; the receiver wakes when the token is renewed.
    pub fn renewals(&self) -> watch::Receiver<Principal> {
        self.principal.subscribe()
    }

    /// How long the socket stays open after its token has expired.
    pub fn grace(&self) -> Duration {
        self.authenticator.verifier.leeway()
    }

    /// Replaces the token with a new one of the same user.
    pub async fn renew(&self, token: &str, now: Timestamp) -> Result<Principal, AuthError> {
        let renewed = self.authenticator.authorized(token, now).await?;
        if self.replace(&renewed) { Ok(renewed) } else { Err(AuthError::AnotherUser) }
    }

    /// The caller of one operation that has credentials of its own. A newer token of the same user
    /// renews that of the socket.
    pub async fn caller(
        &self,
        given: &Credentials,
        now: Timestamp,
    ) -> Result<Principal, AuthError> {
        let caller = self.authenticator.admit(given, now).await?;
        let current = self.principal();
        if caller.user_id == current.user_id && caller.expires_at > current.expires_at {
            self.replace(&caller);
        }
        Ok(caller)
    }

    fn replace(&self, renewed: &Principal) -> bool {
        self.principal.send_if_modified(|principal| {
            let is_same = principal.user_id == renewed.user_id;
            if is_same {
                *principal = renewed.clone();
            }
            is_same
        })
    }
}
