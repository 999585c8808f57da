//! The expiry of a socket's token: its client is warned in advance, and the socket is closed after
//! a grace period, unless the token is renewed.

use std::time::Duration;

use gavel_core::auction::Timestamp;
use gavel_core::clock;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::auth::{Principal, Session};
use crate::limits;

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Warn the client.
    Warn,
    /// Close the socket.
    Expired,
}

/// The expiry of a session; by default there is none.
#[derive(Debug, Default)]
pub(super) struct Expiry {
    principal: Option<watch::Receiver<Principal>>,
    grace: Duration,
    /// The expiry that the client was warned of.
    warned_of: Option<Timestamp>,
}

impl Expiry {
    /// The expiry of a session.
    pub(super) fn of(session: &Session) -> Self {
        Self { principal: Some(session.renewals()), grace: session.grace(), warned_of: None }
    }

    /// How long the token is still valid. `None`: there is no token.
    pub(super) fn left(&self, now: Timestamp) -> Option<Duration> {
        self.expires_at().map(|at| at.since(now))
    }

    /// Returns when something is due. Cancel safe.
    pub(super) async fn due(&mut self) -> Due {
        loop {
            let Some(principal) = &mut self.principal else { return std::future::pending().await };
            let at = principal.borrow_and_update().expires_at;
            let due = async {
                match at {
                    Some(at) => sleep(wait(at, self.warned_of, self.grace, clock::now())).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                changed = principal.changed() => {
                    if changed.is_err() {
                        return std::future::pending().await;
                    }
                    continue;
                }
            }
            let warned = self.warned_of == at;
            self.warned_of = at;
            return if warned { Due::Expired } else { Due::Warn };
        }
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.principal.as_ref().and_then(|principal| principal.borrow().expires_at)
    }
}

/// How long until something is due for a token that expires at `at`.
fn wait(at: Timestamp, warned_of: Option<Timestamp>, grace: Duration, now: Timestamp) -> Duration {
    if warned_of == Some(at) {
        return at.plus(grace).since(now);
    }
    at.since(now).saturating_sub(limits::TOKEN_WARNING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warning_comes_before_the_expiry_and_the_end_a_grace_after_it() {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let at = now.plus(Duration::from_secs(100));
        let grace = Duration::from_secs(5);
        assert_eq!(wait(at, None, grace, now), Duration::from_secs(70));
        assert_eq!(wait(at, Some(at), grace, now), Duration::from_secs(105));
        assert_eq!(wait(at, Some(now), grace, now), Duration::from_secs(70), "another token");
        let soon = now.plus(Duration::from_secs(3));
        assert_eq!(wait(soon, None, grace, now), Duration::ZERO, "at once, if it is short");
    }
}
