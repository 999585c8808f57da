//! The directory: which auctions have a status, for lobbies. It reads the table's index regularly,
//! once for all lobbies of that status, and only while there are any.

use std::collections::HashMap;
use std::sync::Arc;

use gavel_core::auction::{AuctionId, Status};
use gavel_core::outage::Outage;
use gavel_core::store::pages::Direction;
use gavel_core::store::phase::Phase;
use gavel_core::store::{Dynamo, StoreError};
use gavel_core::tasks::Tasks;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::lots::List;
use crate::limits;

/// The directory. Clones share it.
#[derive(Clone)]
pub struct Directory {
    store: Arc<Dynamo>,
    tasks: Tasks,
    /// Cancelled at shutdown.
    shutdown: CancellationToken,
    /// The lists that somebody follows.
    lists: Arc<Mutex<HashMap<Status, watch::Sender<List>>>>,
}

impl Directory {
    /// A directory of a table's auctions. Lists are renewed on `tasks`.
    pub fn new(store: Arc<Dynamo>, tasks: Tasks, shutdown: CancellationToken) -> Self {
        Self { store, tasks, shutdown, lists: Arc::default() }
    }

    /// The ids of a status, at most [`limits::AUCTION_IDS_MAX`], and their changes. The order is that
    /// of the query `auctions`; of those that have ended, the last comes first.
    pub(super) async fn follow(&self, status: Status) -> Result<watch::Receiver<List>, StoreError> {
        // Held while the first list is read: it is read once, however many want it.
        let mut lists = self.lists.lock().await;
        if let Some(list) = lists.get(&status) {
            return Ok(list.subscribe());
        }
        let (list, following) = watch::channel(self.look(status).await?);
        lists.insert(status, list.clone());
        self.tasks.spawn("directory", self.clone().renew(status, list));
        Ok(following)
    }

    /// Renews a list while somebody follows it.
    async fn renew(self, status: Status, list: watch::Sender<List>) {
        let mut outage = Outage::default();
        loop {
            tokio::select! {
                () = sleep(limits::LOBBY_LOOK_EVERY) => {}
                () = self.shutdown.cancelled() => return,
            }
            {
                let mut lists = self.lists.lock().await;
                if list.is_closed() {
                    lists.remove(&status);
                    return;
                }
            }
            match self.look(status).await {
                Ok(ids) => {
                    outage.succeeded(Instant::now());
                    // Also if nothing has changed: what could not be watched is tried again.
                    list.send_replace(ids);
                }
                Err(error) => {
                    if outage.failed(Instant::now()) {
                        warn!(%error, "cannot list auctions for lobbies; they keep what they have");
                    }
                }
            }
        }
    }

    async fn look(&self, status: Status) -> Result<List, StoreError> {
        let direction =
            if status.is_final() { Direction::Descending } else { Direction::Ascending };
        let mut ids: Vec<AuctionId> = Vec::new();
        for phase in Phase::of_status(Some(status)) {
            let wanted = limits::AUCTION_IDS_MAX - ids.len();
            ids.extend(self.store.ids(*phase, wanted, direction).await?);
            if ids.len() >= limits::AUCTION_IDS_MAX {
                break;
            }
        }
        Ok(ids.into())
    }
}
