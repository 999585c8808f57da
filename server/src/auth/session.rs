//! The authentication of callers, and the session of a socket.

use std::time::Duration;

use gavel_core::auction::Timestamp;
use tokio::sync::watch;

use super::principal::{AuthError, Principal};
use super::token::{Verifier, bearer};

/// Authenticates callers by their `Authorization`.
#[derive(Debug, Clone)]
pub struct Authenticator {
    verifier: Verifier,
    anonymous: bool,
}

impl Authenticator {
    /// An authenticator; `anonymous` admits callers without a token.
    pub fn new(verifier: Verifier, anonymous: bool) -> Self {
        Self { verifier, anonymous }
    }

    /// The principal of a caller.
    pub async fn admit(
        &self,
        authorization: Option<&str>,
        now: Timestamp,
    ) -> Result<Principal, AuthError> {
        match authorization {
            Some(authorization) => self.verifier.verify(bearer(authorization)?, now).await,
            None if self.anonymous => Ok(Principal::anonymous()),
            None => Err(AuthError::Missing),
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
        let renewed = self.authenticator.verifier.verify(token, now).await?;
        let is_same = self.principal.send_if_modified(|principal| {
            let is_same = principal.user_id == renewed.user_id;
            if is_same {
                *principal = renewed.clone();
            }
            is_same
        });
        if is_same { Ok(renewed) } else { Err(AuthError::AnotherUser) }
    }
}
