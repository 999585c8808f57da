//! The lanes of a process: looked up or started per auction, ended when idle or when the auction
//! has ended.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::command::{BidAnswer, Command, LaneError, PlaceBid};
use super::counts::{LaneCounts, NoPlace};
use super::lane::Lane;
use super::notifier::CommitNotifier;
use crate::auction::{Auction, AuctionId, Transition};
use crate::limits;
use crate::store::Table;
use crate::tasks::Tasks;

/// Settings of the lanes.
#[derive(Debug, Clone, Copy)]
pub struct LaneSettings {
    /// Most bids in one transaction.
    pub group_commit_max: usize,
    /// Whether bidders are recorded with their first bid, for their standings.
    pub standings: bool,
    /// How long a lane without work is kept.
    pub idle: Duration,
}

impl Default for LaneSettings {
    fn default() -> Self {
        Self {
            group_commit_max: limits::GROUP_COMMIT_MAX,
            standings: true,
            idle: limits::LANE_IDLE,
        }
    }
}

/// The lanes of a process. Clones share them.
#[derive(Debug)]
pub struct Lanes<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Clone for Lanes<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

#[derive(Debug)]
struct Shared<T> {
    table: Arc<T>,
    notifier: CommitNotifier<T>,
    settings: LaneSettings,
    tasks: Tasks,
    counts: Arc<LaneCounts>,
    /// Locked only for a look-up and a `try_send`, so that a lane can end itself under the lock
    /// without a command slipping into its queue. `None` once closed.
    queues: Mutex<Option<HashMap<AuctionId, mpsc::Sender<Command>>>>,
}

impl<T: Table> Lanes<T> {
    /// Lanes over a table. Tasks run on `tasks`.
    pub fn new(
        table: Arc<T>,
        notifier: CommitNotifier<T>,
        settings: LaneSettings,
        tasks: Tasks,
    ) -> Self {
        let queues = Mutex::new(Some(HashMap::new()));
        let counts = Arc::default();
        Self { shared: Arc::new(Shared { table, notifier, settings, tasks, counts, queues }) }
    }

    /// Decides and writes a bid. Dropping this future does not stop the bid.
    pub async fn place(&self, bid: PlaceBid) -> Result<BidAnswer, LaneError> {
        let (reply, answer) = oneshot::channel();
        let id = bid.request.auction_id.clone();
        if let Err((error, command)) = self.send(&id, Command::Bid(Box::new(bid), reply)) {
            command.fail(error);
        }
        // The lane died with the bid: the outcome is unknown.
        let answered = answer.await.unwrap_or(Err(LaneError::OutcomeUnknown));
        self.shared.counts.bids.inc((&answered).into());
        answered
    }

    /// Opens, closes or cancels an auction; returns its state afterwards.
    pub async fn transition(
        &self,
        id: &AuctionId,
        transition: Transition,
    ) -> Result<Auction, LaneError> {
        let (reply, answer) = oneshot::channel();
        if let Err((error, command)) = self.send(id, Command::Transition(transition, reply)) {
            command.fail(error);
        }
        answer.await.unwrap_or(Err(LaneError::OutcomeUnknown))
    }

    /// Accepts no more commands; lanes finish their work and end.
    pub fn close(&self) {
        *self.shared.queues.lock() = None;
    }

    /// The counts of the lanes.
    pub fn counts(&self) -> Arc<LaneCounts> {
        Arc::clone(&self.shared.counts)
    }

    /// The number of waiting commands: in total, and in the longest queue.
    pub fn queued(&self) -> (usize, usize) {
        let queues = self.shared.queues.lock();
        let waiting = queues.iter().flat_map(HashMap::values);
        let waiting = waiting.map(|queue| queue.max_capacity() - queue.capacity());
        waiting.fold((0, 0), |(all, longest), queued| (all + queued, longest.max(queued)))
    }

    /// The number of busy auctions.
    pub fn count(&self) -> usize {
        self.shared.queues.lock().as_ref().map_or(0, HashMap::len)
    }

    /// Queues a command, or returns it with the error.
    fn send(&self, id: &AuctionId, command: Command) -> Result<(), (LaneError, Command)> {
        let mut guard = self.shared.queues.lock();
        let Some(queues) = guard.as_mut() else { return Err((LaneError::Stopping, command)) };
        let command = match queues.get(id) {
            None => command,
            Some(queue) => match queue.try_send(command) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(command)) => {
                    self.shared.counts.no_place.inc(NoPlace::Queue);
                    return Err((LaneError::Overloaded, command));
                }
                Err(TrySendError::Closed(command)) => command,
            },
        };
        if queues.len() >= limits::LANES_MAX {
            self.shared.counts.no_place.inc(NoPlace::Lanes);
            return Err((LaneError::Overloaded, command));
        }
        let (queue, commands) = mpsc::channel(limits::LANE_QUEUE_MAX);
        if let Err(TrySendError::Full(command) | TrySendError::Closed(command)) =
            queue.try_send(command)
        {
            return Err((LaneError::Overloaded, command));
        }
        queues.insert(id.clone(), queue);
        self.start(id.clone(), commands);
        Ok(())
    }

    /// Whether bidders are recorded with their first bid.
    pub fn records_bidders(&self) -> bool {
        self.shared.settings.standings
    }

    fn start(&self, id: AuctionId, mut commands: mpsc::Receiver<Command>) {
        let lanes = self.clone();
        let shared = &self.shared;
        let mut lane = Lane::new(
            id.clone(),
            Arc::clone(&shared.table),
            shared.notifier.clone(),
            &shared.settings,
            Arc::clone(&shared.counts),
        );
        let idle = shared.settings.idle;
        shared.tasks.spawn("lane", async move {
            loop {
                match tokio::time::timeout(idle, commands.recv()).await {
                    Ok(None) => return,
                    Ok(Some(first)) => {
                        let mut batch = Vec::with_capacity(1 + commands.len());
                        batch.push(first);
                        while let Ok(command) = commands.try_recv() {
                            batch.push(command);
                        }
                        lane.work(batch, &mut commands).await;
                        // A lane whose auction has ended or does not exist takes no capacity from
                        // others.
                        if !lane.is_of_use() && lanes.end_if_idle(&id, &commands) {
                            return;
                        }
                    }
                    Err(_) if lanes.end_if_idle(&id, &commands) => return,
                    Err(_) => {}
                }
            }
        });
    }

    /// Forgets a lane whose queue is empty.
    fn end_if_idle(&self, id: &AuctionId, commands: &mpsc::Receiver<Command>) -> bool {
        let mut guard = self.shared.queues.lock();
        if !commands.is_empty() {
            return false;
        }
        if let Some(queues) = guard.as_mut() {
            queues.remove(id);
        }
        true
    }
}
