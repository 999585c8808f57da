//! The gate that callers pass, and the session of a socket.

use parking_lot::Mutex;
use tokio::sync::watch;

use super::principal::{AuthError, Principal};
use super::token::{Verifier, bearer};
use crate::auction::Timestamp;

/// Lets callers in by their `Authorization`.
#[derive(Debug, Clone)]
pub struct Gate {
    verifier: Verifier,
    anonymous: bool,
}

impl Gate {
    /// A gate that lets callers without a token in if `anonymous`.
    pub fn new(verifier: Verifier, anonymous: bool) -> Self {
        Self { verifier, anonymous }
    }

    /// Who a caller is.
    pub fn admit(
        &self,
        authorization: Option<&str>,
        now: Timestamp,
    ) -> Result<Principal, AuthError> {
        match authorization {
            Some(authorization) => self.verifier.verify(bearer(authorization)?, now),
            None if self.anonymous => Ok(Principal::anonymous()),
            None => Err(AuthError::Missing),
        }
    }
}

/// Who is on a socket: set when it is admitted, renewed by the same user.
#[derive(Debug)]
pub struct Session {
    gate: Gate,
    principal: Mutex<Principal>,
    expires_at: watch::Sender<Option<Timestamp>>,
}

impl Session {
    /// The session of an admitted caller.
    pub fn new(gate: Gate, principal: Principal) -> Self {
        let expires_at = watch::Sender::new(principal.expires_at);
        Self { gate, principal: Mutex::new(principal), expires_at }
    }

    /// Who it is now.
    pub fn principal(&self) -> Principal {
        self.principal.lock().clone()
    }

    /// When the session ends unless it is renewed; the receiver wakes when that changes.
    pub fn expiry(&self) -> watch::Receiver<Option<Timestamp>> {
        self.expires_at.subscribe()
    }

    /// Puts a new token of the same user in place of the old one.
    pub fn renew(&self, token: &str, now: Timestamp) -> Result<Principal, AuthError> {
        let renewed = self.gate.verifier.verify(token, now)?;
        let mut principal = self.principal.lock();
        if principal.user_id != renewed.user_id {
            return Err(AuthError::AnotherUser);
        }
        *principal = renewed.clone();
        self.expires_at.send_replace(renewed.expires_at);
        Ok(renewed)
    }
}
