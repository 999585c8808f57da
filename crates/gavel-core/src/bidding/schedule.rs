//! The schedule: sends open and close commands to lanes when the clock says so.
//!
//! Every server runs it; the lanes' conditional writes make sure that each change happens once.
//! Many auctions often share an end, so only a bounded number of commands is in flight, however
//! many are due: bids on other auctions still reach the store.

use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{LaneError, Lanes};
use crate::auction::{AuctionId, Canceller, Timestamp, Transition, TransitionError};
use crate::outage::Outage;
use crate::store::phase::Phase;
use crate::store::{Dynamo, StoreError};
use crate::{clock, limits};

/// A change that is due.
type Due = (AuctionId, Transition);
/// A change that was sent to its lane, and its result.
type Done = (AuctionId, Result<(), LaneError>);

/// Runs until shutdown.
pub async fn run(store: Arc<Dynamo>, lanes: Lanes<Dynamo>, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(limits::SCHEDULE_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut looking, mut changing) = (Outage::default(), Outage::default());
    let mut work = Work::new(limits::SCHEDULE_IN_FLIGHT_MAX, |due| carry_out(lanes.clone(), due));
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            Some((id, result)) = work.next() => report(&mut changing, &id, result),
            _ = ticks.tick(), if work.is_drained() => {
                let found = due(&store, clock::now()).await;
                let now = Instant::now();
                match found {
                    Ok(found) => {
                        work.add(found);
                        if let Some(lasted) = looking.succeeded(now) {
                            info!(?lasted, "due auctions are listed again");
                        }
                    }
                    Err(error) if looking.failed(now) => {
                        warn!(%error, "cannot list the due auctions; retrying");
                    }
                    Err(_) => {}
                }
            }
        }
    }
}

/// Reads a page of the changes that are due.
async fn due(store: &Dynamo, now: Timestamp) -> Result<Vec<Due>, StoreError> {
    let close = Transition::Close { grace: limits::CLOSE_GRACE };
    let ended = Timestamp::from_micros(now.as_micros() - limits::CLOSE_GRACE.as_micros() as i64);
    let until = |phase| if phase == Phase::Opening { now } else { ended };
    let due = store.due(until).await?;
    let change = |phase| if phase == Phase::Opening { Transition::Open } else { close };
    Ok(due.into_iter().map(|(phase, id)| (id, change(phase))).collect())
}

async fn carry_out(lanes: Lanes<Dynamo>, (id, transition): Due) -> Done {
    let mut result = lanes.transition(&id, transition).await;
    // A draft that reaches its end unopened can only be cancelled.
    if result == Err(LaneError::Transition(TransitionError::EndPassed)) {
        result = lanes.transition(&id, Transition::Cancel { by: Canceller::Auctioneer }).await;
    }
    let result = match result {
        Ok(_) | Err(LaneError::Transition(TransitionError::Final(_))) => Ok(()),
        Err(error) => Err(error),
    };
    (id, result)
}

/// Logs a line when changes begin to fail, and one a minute while they do: when the store fails,
/// all of them fail.
fn report(changing: &mut Outage, id: &AuctionId, result: Result<(), LaneError>) {
    let now = Instant::now();
    match result {
        Ok(()) => {
            if let Some(lasted) = changing.succeeded(now) {
                info!(?lasted, "auctions are opened and closed again");
            }
        }
        Err(error) if changing.failed(now) => {
            warn!(auction.id = %id, %error, "cannot open or close a due auction; retrying");
        }
        Err(_) => {}
    }
}

/// The changes that are due and not done: a queue, and a bounded number in flight.
struct Work<F> {
    in_flight_max: usize,
    start: F,
    waiting: VecDeque<Due>,
    /// The auctions that wait or are in flight: an index read meanwhile returns them again.
    known: HashSet<AuctionId>,
    in_flight: FuturesUnordered<Pin<Box<dyn Future<Output = Done> + Send>>>,
}

impl<F, R> Work<F>
where
    F: Fn(Due) -> R,
    R: Future<Output = Done> + Send + 'static,
{
    fn new(in_flight_max: usize, start: F) -> Self {
        let (waiting, known, in_flight) = Default::default();
        Self { in_flight_max, start, waiting, known, in_flight }
    }

    /// Whether everything that was added has been started.
    fn is_drained(&self) -> bool {
        self.waiting.is_empty()
    }

    fn add(&mut self, due: Vec<Due>) {
        for (id, transition) in due {
            if self.known.insert(id.clone()) {
                self.waiting.push_back((id, transition));
            }
        }
        self.fill();
    }

    fn fill(&mut self) {
        while self.in_flight.len() < self.in_flight_max
            && let Some(due) = self.waiting.pop_front()
        {
            self.in_flight.push(Box::pin((self.start)(due)));
        }
    }

    /// The next change to finish; `None` if nothing is in flight.
    async fn next(&mut self) -> Option<Done> {
        let done = self.in_flight.next().await?;
        self.known.remove(&done.0);
        self.fill();
        Some(done)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn what_is_due_at_one_instant_is_carried_out_once_and_a_few_at_a_time() {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut work = Work::new(16, |(id, _): Due| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            async move {
                most.fetch_max(1 + now.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
                tokio::task::yield_now().await;
                now.fetch_sub(1, Ordering::Relaxed);
                (id, Ok(()))
            }
        });
        let due: Vec<Due> = (0..1500).map(|_| (AuctionId::random(), Transition::Open)).collect();
        work.add(due.clone());
        // The index still shows them.
        work.add(due.clone());
        assert!(!work.is_drained());
        let mut done = HashSet::new();
        while let Some((id, _)) = work.next().await {
            assert!(done.insert(id), "each once");
        }
        assert!(work.is_drained());
        assert_eq!((done.len(), most.load(Ordering::Relaxed)), (1500, 16));
        // One that failed is due again.
        work.add(due[..1].to_vec());
        assert!(work.next().await.is_some());
    }
}
