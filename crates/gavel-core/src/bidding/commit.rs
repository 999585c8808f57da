//! Sends one sealed transaction until its outcome is known, or time is up.

use std::time::Duration;

use gavel_trace::log_ids;
use rand::Rng as _;
use tokio::time::{Instant, sleep};
use tracing::{debug, error, warn};

use super::counts::{CommitOutcome, LaneCounts};
use crate::auction::Auction;
use crate::fault_injection::{self, Fault};
use crate::limits;
use crate::store::{CommitError, KeyRecord, StoreError, Table, Transaction};

/// The outcome of a transaction.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is written.
    Committed,
    /// It is not written: another server wrote the auction first. This is its current state.
    VersionTaken(Box<Auction>),
    /// It is not written: the keys of these bids exist already.
    KeysTaken(Vec<(usize, KeyRecord)>),
    /// It is not written, and retrying did not help.
    Unavailable,
    /// Whether it is written is unknown.
    Unknown,
    /// It is not written and never can be: a bug in this service.
    Impossible,
}

impl Outcome {
    /// The name of the outcome in the log.
    fn name(&self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::VersionTaken(_) => "another server wrote first",
            Self::KeysTaken(_) => "known keys",
            Self::Unavailable => "not written",
            Self::Unknown => "unknown",
            Self::Impossible => "impossible",
        }
    }
}

impl From<&Outcome> for CommitOutcome {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Committed => Self::Committed,
            Outcome::VersionTaken(_) => Self::VersionTaken,
            Outcome::KeysTaken(_) => Self::KeysTaken,
            Outcome::Unavailable => Self::Unavailable,
            Outcome::Unknown => Self::Unknown,
            Outcome::Impossible => Self::Impossible,
        }
    }
}

/// Sends a transaction, and resends it unchanged while its outcome is unknown. One log line sums up
/// what went wrong.
pub(super) async fn send<T: Table>(
    table: &T,
    transaction: &Transaction,
    counts: &LaneCounts,
) -> Outcome {
    let started = Instant::now();
    let mut failures = Failures::default();
    let outcome = until_known(table, transaction, started, &mut failures, counts).await;
    counts.commits.inc((&outcome).into());
    failures.log(transaction, started, &outcome);
    outcome
}

/// The failures before a transaction ended.
#[derive(Debug, Default)]
struct Failures {
    count: u32,
    last: Option<StoreError>,
}

impl Failures {
    fn note(&mut self, transaction: &Transaction, error: StoreError) {
        let id = &transaction.auction.id;
        debug!(auction.id = %id, attempt = self.count, %error, "transaction not acknowledged");
        self.count += 1;
        self.last = Some(error);
    }

    fn log(self, transaction: &Transaction, started: Instant, outcome: &Outcome) {
        let id = &transaction.auction.id;
        let trace_id =
            || log_ids(transaction.bids.iter().map(|new| new.bid.traceparent.as_deref()));
        match (outcome, self.last) {
            (Outcome::Impossible, last) => error!(
                auction.id = %id,
                version = transaction.auction.version,
                error = last.map(|error| error.to_string()),
                trace.id = trace_id(),
                "the transaction cannot be carried out",
            ),
            // Denied access is reported once a minute; a line for each bid would only repeat it.
            (Outcome::Unavailable, Some(StoreError::Denied(_))) | (_, None) => {}
            (outcome, Some(error)) => warn!(
                auction.id = %id,
                version = transaction.auction.version,
                bids = transaction.bids.len(),
                failures = self.count,
                took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
                %error,
                outcome = outcome.name(),
                trace.id = trace_id(),
                "a transaction was not acknowledged at once",
            ),
        }
    }
}

async fn until_known<T: Table>(
    table: &T,
    transaction: &Transaction,
    started: Instant,
    failures: &mut Failures,
    counts: &LaneCounts,
) -> Outcome {
    let mut unknown = false;
    for attempt in 0_u32.. {
        let result = table.commit(transaction).await;
        match result {
            Ok(()) => return Outcome::Committed,
            Err(CommitError::VersionTaken(Some(current))) => {
                if !unknown || fault_injection::is(Fault::Reread) {
                    return Outcome::VersionTaken(current);
                }
                // An earlier attempt whose answer was lost may itself have taken the version.
                match is_ours(table, transaction, &current).await {
                    Ok(true) => return Outcome::Committed,
                    Ok(false) => return Outcome::VersionTaken(current),
                    Err(error) => failures.note(transaction, error),
                }
            }
            Err(CommitError::VersionTaken(None)) => {
                let vanished = "the auction's item has vanished".to_owned();
                failures.note(transaction, StoreError::Refused(vanished));
                return Outcome::Impossible;
            }
            // The version was as expected, so no earlier attempt was carried out either.
            Err(CommitError::KeysTaken(taken)) => return Outcome::KeysTaken(taken),
            Err(CommitError::Busy(problem) | CommitError::Throttled(problem)) => {
                failures.note(transaction, StoreError::Unavailable(problem));
            }
            Err(CommitError::Store(
                error @ (StoreError::Unavailable(_) | StoreError::Throttled(_)),
            )) => {
                failures.note(transaction, error);
            }
            Err(CommitError::Store(error @ StoreError::Denied(_))) => {
                failures.note(transaction, error);
                // Another attempt is pointless, except to learn the outcome of an earlier one.
                if !unknown {
                    return Outcome::Unavailable;
                }
            }
            Err(CommitError::Store(error @ StoreError::Unknown(_))) => {
                unknown = true;
                failures.note(transaction, error);
            }
            Err(CommitError::Store(error)) => {
                failures.note(transaction, error);
                return if unknown { Outcome::Unknown } else { Outcome::Impossible };
            }
        }
        let patience =
            if unknown { limits::UNKNOWN_OUTCOME_RETRY } else { limits::UNAVAILABLE_RETRY };
        if started.elapsed() >= patience {
            return if unknown { Outcome::Unknown } else { Outcome::Unavailable };
        }
        pause(attempt).await;
        counts.resends.inc();
    }
    unreachable!("the loop ends by time long before the attempts run out")
}

/// Whether the table holds what this transaction wrote.
async fn is_ours<T: Table>(
    table: &T,
    transaction: &Transaction,
    current: &Auction,
) -> Result<bool, StoreError> {
    let Some(first) = transaction.bids.first() else {
        // A lifecycle command alone: deciding it again on the current state gives the same result.
        return Ok(*current == transaction.auction);
    };
    let stored = table.bid(&transaction.auction.id, first.bid.sequence).await?;
    Ok(stored.is_some_and(|stored| stored.bid.id == first.bid.id))
}

/// Pauses with jitter, longer with each attempt: from about 10 ms to about 500 ms.
pub(super) async fn pause(attempt: u32) {
    let ceiling_ms = 20_u64.saturating_mul(1 << attempt.min(5)).min(500);
    let jittered_ms = rand::rng().random_range(ceiling_ms / 2..=ceiling_ms);
    sleep(Duration::from_millis(jittered_ms)).await;
}
