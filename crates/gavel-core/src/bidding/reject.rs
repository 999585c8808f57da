//! Rejects bids, and answers repeats from the table: the reads behind a lane's answers.

use gavel_trace::log_ids;
use tokio::time::Instant;
use tracing::error;

use super::command::{BidAnswer, BidReply, Command, LaneError, PlaceBid, answer};
use super::commit::pause;
use crate::auction::{Auction, AuctionId, RejectionCode, Timestamp};
use crate::limits;
use crate::store::{IdempotencyKey, KeyRecord, StoreError, StoredBid, Table};

/// A rejected bid and its reply channel.
#[derive(Debug)]
pub(super) struct Rejected {
    pub(super) code: RejectionCode,
    pub(super) bid: Box<PlaceBid>,
    pub(super) reply: BidReply,
}

/// A bid that repeats the leader's, and its reply channel.
#[derive(Debug)]
pub(super) struct Repeat {
    pub(super) bid: Box<PlaceBid>,
    pub(super) reply: BidReply,
}

/// Reads what the answers need.
pub(super) struct Rejector<'a, T> {
    pub(super) id: &'a AuctionId,
    pub(super) table: &'a T,
}

impl<T: Table> Rejector<'_, T> {
    /// Loads the auction for these commands, by a consistent read.
    pub(super) async fn load(&self, commands: &[Command]) -> Result<Auction, LaneError> {
        let bids = || commands.iter().filter_map(Command::bid);
        self.with_retry(bids, || self.table.load(self.id)).await?.ok_or(LaneError::NotFound)
    }

    /// Rejects bids, unless the table has their keys: a retry of an accepted bid is too low because
    /// of its own success.
    pub(super) async fn reject(&self, rejected: Vec<Rejected>, auction: &Auction) {
        let rejection = |code| Ok(BidAnswer::Rejected { code, auction: Box::new(auction.clone()) });
        let (keyed, unkeyed): (Vec<Rejected>, Vec<Rejected>) =
            rejected.into_iter().partition(|rejected| rejected.bid.key.is_some());
        for rejected in unkeyed {
            answer(rejected.reply, rejection(rejected.code));
        }
        if keyed.is_empty() {
            return;
        }
        let keys: Vec<IdempotencyKey> =
            keyed.iter().filter_map(|rejected| rejected.bid.key.clone()).collect();
        let bids = || keyed.iter().map(|rejected| &*rejected.bid);
        let records = match self.with_retry(bids, || self.table.keys(&keys)).await {
            Ok(records) => records,
            Err(error) => {
                for Rejected { bid, reply, .. } in keyed {
                    answer(reply, Err(error.clone().without_lookup(&bid)));
                }
                return;
            }
        };
        for (rejected, record) in keyed.into_iter().zip(records) {
            let result = match record {
                Some(record) => self.previous_answer(&record, &rejected.bid).await,
                None => rejection(rejected.code),
            };
            answer(rejected.reply, result);
        }
    }

    /// Answers bids that repeat the leader's with that bid.
    pub(super) async fn repeat_lead(&self, repeats: Vec<Repeat>, auction: &Auction) {
        if repeats.is_empty() {
            return;
        }
        let bids = || repeats.iter().map(|repeat| &*repeat.bid);
        let read = || self.table.bid(self.id, auction.sequence);
        let lead = self.with_retry(bids, read).await.map(|stored| {
            stored.filter(|stored| auction.leader_id.as_ref() == Some(&stored.bid.bidder_id))
        });
        for Repeat { bid, reply } in repeats {
            let result = match &lead {
                Ok(Some(stored)) => repeated(stored.clone(), stored.written_at, &bid),
                // Somebody else deleted it from the table.
                Ok(None) => {
                    let (code, auction) = (RejectionCode::AlreadyLeading, auction.clone());
                    Ok(BidAnswer::Rejected { code, auction: Box::new(auction) })
                }
                Err(error) => Err(error.clone()),
            };
            answer(reply, result);
        }
    }

    /// Fails commands that were definitely not written. The keys of bids are looked up once: a bid
    /// that an earlier request has written is answered with that bid, and one whose key cannot be
    /// looked up has an unknown outcome.
    pub(super) async fn give_up(&self, commands: Vec<Command>, error: &LaneError) {
        let bids = commands.iter().filter_map(Command::bid);
        let keys: Vec<IdempotencyKey> = bids.filter_map(|bid| bid.key.clone()).collect();
        let found = if keys.is_empty() { Ok(Vec::new()) } else { self.table.keys(&keys).await };
        let mut found = found.ok().map(Vec::into_iter);
        for command in commands {
            match (command, &mut found) {
                (Command::Bid(bid, reply), Some(records)) if bid.key.is_some() => {
                    let result = match records.next().flatten() {
                        Some(record) => self.previous_answer(&record, &bid).await,
                        None => Err(error.clone()),
                    };
                    answer(reply, result);
                }
                (command, _) => command.fail(error.clone()),
            }
        }
    }

    /// The first answer to a key, if the table has it.
    pub(super) async fn previous_answer(
        &self,
        record: &KeyRecord,
        bid: &PlaceBid,
    ) -> Result<BidAnswer, LaneError> {
        if record.amount != bid.request.amount {
            return Err(LaneError::IdempotencyConflict);
        }
        let read = || self.table.bid(self.id, record.sequence);
        let stored = self.with_retry(|| std::iter::once(bid), read).await;
        let stored = stored.map_err(|error| error.without_lookup(bid))?;
        match stored {
            Some(stored) if stored.bid.id == record.bid_id => {
                let written_at = stored.written_at;
                repeated(stored, written_at, bid)
            }
            _ => {
                error!(
                    auction.id = %self.id,
                    bid.id = %record.bid_id,
                    trace.id = trace_ids(std::iter::once(bid)),
                    "an idempotency key has no bid",
                );
                Err(LaneError::Internal)
            }
        }
    }

    /// Reads for these bids, retrying for a bounded time. One log line reports a failure.
    async fn with_retry<'b, V, F, R, B>(
        &self,
        bids: impl Fn() -> B,
        read: F,
    ) -> Result<V, LaneError>
    where
        F: Fn() -> R,
        R: Future<Output = Result<V, StoreError>>,
        B: Iterator<Item = &'b PlaceBid>,
    {
        let started = Instant::now();
        for attempt in 0_u32.. {
            let (error, answer) = match read().await {
                Ok(value) => return Ok(value),
                Err(error @ (StoreError::Refused(_) | StoreError::Corrupt(_))) => {
                    (error, LaneError::Internal)
                }
                // Another attempt is pointless, and the store reports it once a minute.
                Err(StoreError::Denied(_)) => return Err(LaneError::StoreUnavailable),
                Err(error) if started.elapsed() >= limits::UNAVAILABLE_RETRY => {
                    (error, LaneError::StoreUnavailable)
                }
                Err(_) => {
                    pause(attempt).await;
                    continue;
                }
            };
            let trace_id = trace_ids(bids());
            error!(auction.id = %self.id, %error, attempt, trace.id = trace_id, "a read failed");
            return Err(answer);
        }
        unreachable!("the loop ends by time long before the attempts run out")
    }
}

/// The answer to a repeat whose first bid is known.
pub(super) fn repeated(
    stored: StoredBid,
    committed_at: Timestamp,
    bid: &PlaceBid,
) -> Result<BidAnswer, LaneError> {
    if stored.bid.amount != bid.request.amount {
        return Err(LaneError::IdempotencyConflict);
    }
    Ok(BidAnswer::Accepted { stored, repeated: true, committed_at, group: None })
}

/// The traces of these bids, for the log.
fn trace_ids<'b>(bids: impl Iterator<Item = &'b PlaceBid>) -> Option<String> {
    log_ids(bids.map(|bid| bid.request.traceparent.as_deref()))
}
