//! The recent condition of the store: whether writes succeed, and failures in the log once a minute
//! instead of once per request.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::error::StoreError;
use crate::outage::Outage;

/// The observed condition of a store.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Since when no write has succeeded although some were tried.
    writes_fail_since: Mutex<Option<Instant>>,
    denied: Mutex<Outage>,
    unanswered: Mutex<Outage>,
    unreadable: Mutex<Outage>,
}

impl Watch {
    /// Records a failed request: one log line when failures begin, and one a minute while they
    /// last.
    pub(super) fn failed(&self, failed: &StoreError, now: Instant) {
        match failed {
            StoreError::Denied(_) => {
                if self.denied.lock().failed(now) {
                    error!(error = %failed, "DynamoDB denies access; nothing is read or written");
                }
            }
            StoreError::Unavailable(_) | StoreError::Throttled(_) | StoreError::Unknown(_) => {
                if self.unanswered.lock().failed(now) {
                    warn!(error = %failed, "a request to DynamoDB failed");
                }
            }
            // These are reported where they arise, each one.
            StoreError::Refused(_) | StoreError::Corrupt(_) => {}
        }
    }

    /// Records that an unreadable item was left out of a list: one log line, and one a minute.
    pub(super) fn passed_over(&self, failed: &StoreError, now: Instant) {
        if self.unreadable.lock().failed(now) {
            error!(error = %failed, "an unreadable item was left out of a list");
        }
    }

    /// Records a request that was answered.
    pub(super) fn succeeded(&self, now: Instant) {
        for outage in [&self.denied, &self.unanswered] {
            if let Some(lasted) = outage.lock().succeeded(now) {
                info!(?lasted, "DynamoDB answers again");
            }
        }
    }

    /// Records the result of a write.
    pub(super) fn wrote<E>(&self, written: Result<(), E>, now: Instant) {
        let mut since = self.writes_fail_since.lock();
        match written {
            Ok(()) => *since = None,
            Err(_) => _ = since.get_or_insert(now),
        }
    }

    /// For how long no write has succeeded although some were tried.
    pub(super) fn writes_fail_for(&self, now: Instant) -> Option<Duration> {
        self.writes_fail_since.lock().map(|since| now.saturating_duration_since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_fail_from_the_first_that_did_until_one_goes_through() {
        let (watch, start) = (Watch::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(watch.writes_fail_for(at(0)), None);
        watch.wrote(Err(()), at(1));
        watch.wrote(Err(()), at(3));
        assert_eq!(watch.writes_fail_for(at(4)), Some(Duration::from_secs(3)));
        watch.wrote::<()>(Ok(()), at(5));
        assert_eq!(watch.writes_fail_for(at(6)), None);
    }
}
