//! Bidders send each bid at its time, and record the answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::clock;
use crate::load::auction::Auction;
use crate::load::schedule::Planned;
use crate::measure::attempt::{Answers, Attempt, Outcome};
use crate::measure::live::Live;
use crate::service::answer::{BidAnswer, CallError};
use crate::service::api::{Api, Bid};
use crate::service::tokens::Users;
use crate::service::trace;

/// Bids that are due and wait to be sent; beyond this number the schedule falls behind, and the
/// report says so.
const DUE_MAX: usize = 10_000;
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// The context of the bidders.
pub struct Bidders {
    /// The servers of the service.
    pub apis: Vec<Api>,
    /// One token per bidder.
    pub users: Arc<Users>,
    /// The auctions.
    pub auctions: Arc<Vec<Auction>>,
    /// Identifies the run in keys and trace contexts.
    pub run_id: u64,
    /// Whether each bid exceeds every bid before it.
    pub rising: bool,
    /// How long a bid without an answer is retried.
    pub patience: Duration,
    /// When the run starts, if that is still ahead.
    pub start_us: i64,
    /// The live figures of the run.
    pub live: Arc<Live>,
}

impl Bidders {
    /// Sends every planned bid at its time and waits for the answers.
    ///
    /// # Errors
    /// When the pacing thread cannot be started.
    pub async fn run(self: Arc<Self>, planned: Vec<Planned>) -> anyhow::Result<Vec<Attempt>> {
        let attempts = Arc::new(Mutex::new(BTreeMap::new()));
        let mut due = pace(planned, self.start_us)?;
        let mut sending = JoinSet::new();
        while let Some((number, bid, intended_us)) = due.recv().await {
            let bidders = Arc::clone(&self);
            let attempts = Arc::clone(&attempts);
            sending.spawn(async move {
                let attempt = bidders.attempt(number, bid, intended_us).await;
                bidders.live.answered(&attempt.outcome);
                attempts.lock().insert(number, attempt);
            });
            while sending.try_join_next().is_some() {}
        }
        while let Some(sent) = sending.join_next().await {
            sent?;
        }
        let attempts = std::mem::take(&mut *attempts.lock());
        Ok(attempts.into_values().collect())
    }

    /// The server that a bidder uses; another one after each missing answer.
    fn api(&self, bidder: usize, retries: u32) -> &Api {
        &self.apis[bidder.wrapping_add(retries as usize) % self.apis.len()]
    }

    async fn attempt(&self, number: u64, planned: Planned, intended_us: i64) -> Attempt {
        let auction = &self.auctions[planned.auction];
        let key = format!("{:016x}-{number}", self.run_id);
        let trace_id = (u128::from(self.run_id) << 64) | u128::from(number);
        let traceparent = trace::traceparent(trace_id, number + 1);
        // A bid that waits for a connection has not been sent: its wait is part of `schedule`.
        let mut turn = self.api(planned.bidder, 0).turn().await;
        let sent_us = clock::now_us();
        self.live.sent(sent_us - intended_us);
        let bid = Bid {
            auction_id: &auction.id,
            amount: if self.rising { auction.nth(number) } else { auction.outbid(planned.steps) },
            key: planned.keyed.then_some(key.as_str()),
            sent_us,
            traceparent: &traceparent,
        };
        let token = self.users.bidder(planned.bidder);
        let give_up = Instant::now() + self.patience;
        let mut retries = 0;
        let mut answers = Answers::default();
        let outcome = loop {
            let asked_us = clock::now_us();
            let answer = self.api(planned.bidder, retries).place_bid(token, bid).await;
            drop(turn.take());
            if let Some(limit) = answer.as_ref().err().and_then(CallError::limit) {
                self.live.limited(limit);
            }
            let pause = answer.as_ref().err().and_then(CallError::retry_after);
            let (answer, again) = outcome(answer, planned.keyed);
            let outcome = answers.take(asked_us, answer);
            // Without a key, a bid that may have been written cannot be sent again.
            let again = again && (planned.keyed || outcome != Outcome::Unknown);
            if !again || Instant::now() > give_up {
                break outcome;
            }
            // The same key: whatever happened to the first request, this is no second bid.
            retries += 1;
            tokio::time::sleep(pause.unwrap_or(RETRY_PAUSE * retries.min(4))).await;
            turn = self.api(planned.bidder, retries).turn().await;
        };
        let answered_us = (outcome.is_answer()).then(clock::now_us);
        trace::placed(&traceparent, intended_us);
        Attempt {
            auction: planned.auction,
            intended_us,
            sent_us,
            answered_us,
            traceparent,
            keyed: planned.keyed,
            retries,
            denied_us: answers.denied_us.filter(|_| planned.keyed),
            outcome,
        }
    }
}

/// The outcome of one answer, and whether to retry.
fn outcome(answer: Result<BidAnswer, CallError>, keyed: bool) -> (Outcome, bool) {
    match answer {
        Ok(BidAnswer::BidAccepted { bid, repeated: true, .. }) if !keyed => {
            (Outcome::Repeated { bid_id: bid.id, sequence: bid.sequence }, false)
        }
        Ok(BidAnswer::BidAccepted { bid, repeated, committed_at }) => {
            let accepted = Outcome::Accepted {
                bid_id: bid.id,
                sequence: bid.sequence,
                written_us: bid.timing.written_at.0,
                committed_us: (!repeated).then_some(committed_at.0),
            };
            (accepted, false)
        }
        Ok(BidAnswer::BidRejected { code, .. }) => (Outcome::Rejected(code), false),
        Err(CallError::Refused(error)) if error.code == "OUTCOME_UNKNOWN" => {
            (Outcome::Unknown, true)
        }
        Err(CallError::Refused(error)) => (Outcome::Failed(error.code), error.retryable),
        // No server received it, so none wrote it.
        Err(CallError::Unsent(_)) => (Outcome::Failed("UNREACHABLE".to_owned()), true),
        Err(CallError::Lost(_)) => (Outcome::Unknown, true),
    }
}

/// Releases each bid at its time, from a thread of its own: the runtime's timers have a granularity
/// of a millisecond, which would be part of every latency.
fn pace(
    planned: Vec<Planned>,
    start_us: i64,
) -> anyhow::Result<mpsc::Receiver<(u64, Planned, i64)>> {
    let (due, receiver) = mpsc::channel(DUE_MAX);
    let wait = clock::until(start_us).max(Duration::from_millis(100));
    let start = Instant::now() + wait;
    let start_us = clock::now_us() + i64::try_from(wait.as_micros())?;
    std::thread::Builder::new().name("pacer".to_owned()).spawn(move || {
        for (number, bid) in planned.into_iter().enumerate() {
            std::thread::sleep((start + bid.at).saturating_duration_since(Instant::now()));
            let intended_us = start_us + i64::try_from(bid.at.as_micros()).unwrap_or(i64::MAX);
            if due.blocking_send((number as u64, bid, intended_us)).is_err() {
                return;
            }
        }
    })?;
    Ok(receiver)
}
