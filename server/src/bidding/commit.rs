//! Sending one sealed transaction until its outcome is known, or time is up.

use std::time::Duration;

use rand::Rng as _;
use tokio::time::{Instant, sleep};
use tracing::{error, warn};

use crate::auction::Auction;
use crate::limits;
use crate::sabotage::{self, Break};
use crate::store::{CommitError, KeyRecord, StoreError, Table, Transaction};

/// What became of a transaction.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is in the table.
    Committed,
    /// It is not: another server wrote the auction first. This is the auction as it stands.
    VersionTaken(Box<Auction>),
    /// It is not: these bids' keys are remembered already.
    KeysTaken(Vec<(usize, KeyRecord)>),
    /// It is not, and trying again did not help.
    Unavailable,
    /// Nobody knows.
    Unknown,
    /// It is not and cannot be: a programmer's error.
    Impossible,
}

/// Sends a transaction, again and unchanged while its outcome is unknown.
pub(super) async fn send<T: Table>(table: &T, transaction: &Transaction) -> Outcome {
    let started = Instant::now();
    let mut unknown = false;
    for attempt in 0_u32.. {
        let result = table.commit(transaction).await;
        match result {
            Ok(()) => return Outcome::Committed,
            Err(CommitError::VersionTaken(Some(current))) => {
                if !unknown || sabotage::is(Break::Reread) {
                    return Outcome::VersionTaken(current);
                }
                // An earlier attempt whose answer was lost may itself have taken the version.
                match is_ours(table, transaction, &current).await {
                    Ok(true) => return Outcome::Committed,
                    Ok(false) => return Outcome::VersionTaken(current),
                    Err(error) => log_retry(transaction, attempt, &error),
                }
            }
            Err(CommitError::VersionTaken(None)) => {
                error!(auction.id = %transaction.auction.id, "the auction's item has vanished");
                return Outcome::Impossible;
            }
            // The version was as expected, so no earlier attempt was carried out either.
            Err(CommitError::KeysTaken(taken)) => return Outcome::KeysTaken(taken),
            Err(CommitError::Busy(problem)) => {
                log_retry(transaction, attempt, &StoreError::Unavailable(problem));
            }
            Err(CommitError::Store(error @ StoreError::Unavailable(_))) => {
                log_retry(transaction, attempt, &error);
            }
            Err(CommitError::Store(error @ StoreError::Unknown(_))) => {
                unknown = true;
                log_retry(transaction, attempt, &error);
            }
            Err(CommitError::Store(error)) => {
                error!(auction.id = %transaction.auction.id, %error, "transaction refused");
                return if unknown { Outcome::Unknown } else { Outcome::Impossible };
            }
        }
        let patience =
            if unknown { limits::UNKNOWN_OUTCOME_RETRY } else { limits::UNAVAILABLE_RETRY };
        if started.elapsed() >= patience {
            return if unknown { Outcome::Unknown } else { Outcome::Unavailable };
        }
        pause(attempt).await;
    }
    unreachable!("the loop ends by time long before the attempts run out")
}

/// Whether what stands in the table is what this transaction wrote.
async fn is_ours<T: Table>(
    table: &T,
    transaction: &Transaction,
    current: &Auction,
) -> Result<bool, StoreError> {
    let Some(first) = transaction.bids.first() else {
        // A lifecycle command alone: deciding it again on what stands gives the same end.
        return Ok(*current == transaction.auction);
    };
    let at = first.bid.sequence;
    let stored = table.bids(&transaction.auction.id, at - 1, 1).await?;
    Ok(stored.first().is_some_and(|stored| stored.bid.id == first.bid.id))
}

/// A pause with jitter that grows with the attempt, from about 10 ms to about 500 ms.
pub(super) async fn pause(attempt: u32) {
    let ceiling_ms = 20_u64.saturating_mul(1 << attempt.min(5)).min(500);
    let jittered_ms = rand::rng().random_range(ceiling_ms / 2..=ceiling_ms);
    sleep(Duration::from_millis(jittered_ms)).await;
}

fn log_retry(transaction: &Transaction, attempt: u32, error: &StoreError) {
    warn!(
        auction.id = %transaction.auction.id,
        version = transaction.auction.version,
        bids = transaction.bids.len(),
        attempt,
        %error,
        "transaction not acknowledged; sending it again",
    );
}
