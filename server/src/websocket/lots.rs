//! The auctions of a lobby: their topics, and which of them have changed.
//!
//! A lobby's list is given: fixed ids, or those of a status as the directory finds them. What the
//! list gains is opened at the side; what it loses stays until its last state was seen.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use gavel_core::auction::{Auction, AuctionId, Status};
use gavel_core::broker::topic::Reader;
use gavel_core::broker::{Broker, Progress, TopicError};
use gavel_core::store::{Dynamo, Table};
use tokio::sync::watch;

use crate::limits;

/// The ids of a lobby's auctions, in their order.
pub(super) type List = Arc<[AuctionId]>;

/// An auction of a lobby.
#[derive(Debug)]
struct Lot {
    /// `None`: it has ended, and nothing more will change.
    topic: Option<Reader>,
    /// The state that was last taken; `None`: it is new.
    state: Option<Arc<Auction>>,
    /// How often the list has been renewed without it.
    unlisted: u32,
}

/// A change of a topic, and the receiver of the next one; `None`: there will be none.
type Changed = BoxFuture<'static, Option<watch::Receiver<Progress>>>;
type Opened = BoxFuture<'static, (AuctionId, Result<Reader, TopicError>)>;

/// The auctions of a lobby.
pub(super) struct Lots<T: Table = Dynamo> {
    broker: Broker<T>,
    list: watch::Receiver<List>,
    /// The status of the list's auctions. `None`: they are listed by their ids.
    status: Option<Status>,
    /// Those that are open, by their ids.
    by_id: HashMap<AuctionId, Lot>,
    changes: FuturesUnordered<Changed>,
    opening: FuturesUnordered<Opened>,
    /// Ids that are being opened.
    wanted: Vec<AuctionId>,
    /// Whether the list may change.
    is_listed: bool,
}

impl<T: Table> Lots<T> {
    /// Opens the auctions of a list. Unknown ids are left out; any other failure is that of the
    /// first auction that cannot be watched.
    pub(super) async fn open(
        broker: &Broker<T>,
        mut list: watch::Receiver<List>,
        status: Option<Status>,
    ) -> Result<Self, TopicError> {
        let ids = list.borrow_and_update().clone();
        let opened: Vec<_> = futures_util::stream::iter(ids.iter().cloned())
            .map(|id| open(broker.clone(), id))
            .buffered(limits::LOBBY_OPENING_MAX)
            .collect()
            .await;
        let mut lots = Self {
            broker: broker.clone(),
            list,
            status,
            by_id: HashMap::new(),
            changes: FuturesUnordered::new(),
            opening: FuturesUnordered::new(),
            wanted: Vec::new(),
            is_listed: true,
        };
        for (id, reader) in opened {
            match reader {
                Ok(reader) => lots.add(id, reader),
                Err(TopicError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        lots.take();
        Ok(lots)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is none, and none will come.
    pub(super) fn is_empty_for_good(&self) -> bool {
        self.status.is_none() && self.by_id.is_empty()
    }

    /// Whether all have ended, and no others will come.
    pub(super) fn have_ended(&self) -> bool {
        self.status.is_none() && self.by_id.values().all(|lot| lot.topic.is_none())
    }

    /// Returns when something may have changed. Cancel safe.
    pub(super) async fn changed(&mut self) {
        loop {
            tokio::select! {
                Some(changed) = self.changes.next(), if !self.changes.is_empty() => {
                    if let Some(updates) = changed {
                        self.changes.push(next_change(updates));
                        return;
                    }
                }
                Some((id, opened)) = self.opening.next(), if !self.opening.is_empty() => {
                    self.wanted.retain(|wanted| *wanted != id);
                    // What cannot be watched now is tried again with the next list.
                    if let Ok(reader) = opened {
                        self.add(id, reader);
                        return;
                    }
                }
                listed = self.list.changed(), if self.is_listed => {
                    self.is_listed = listed.is_ok();
                    self.relist();
                }
                // Nothing is left to wait for.
                else => std::future::pending().await,
            }
        }
    }

    /// The new states of those that have changed since the last call.
    pub(super) fn take(&mut self) -> Vec<Arc<Auction>> {
        // What has changed up to here is taken: it need not wake anybody any more.
        while let Some(Some(changed)) = self.changes.next().now_or_never() {
            self.changes.extend(changed.map(next_change));
        }
        let mut taken = Vec::new();
        for lot in self.by_id.values_mut() {
            let Some(topic) = &lot.topic else { continue };
            let seen = lot.state.as_ref().map_or(0, |state| state.version);
            if topic.mark().version <= seen {
                continue;
            }
            let Some(auction) = topic.auction() else { continue };
            if auction.status.is_final() {
                lot.topic = None;
            }
            lot.state = Some(Arc::clone(&auction));
            taken.push(auction);
        }
        // So that equal changes make equal frames.
        taken.sort_by(|a, b| a.id.cmp(&b.id));
        let (status, list) = (self.status, self.list.borrow());
        // A lot that has left the list has left the lobby once that was seen.
        self.by_id.retain(|id, lot| {
            let is_other = lot.state.as_ref().is_some_and(|state| Some(state.status) != status);
            status.is_none() || !is_other || list.contains(id)
        });
        taken
    }

    /// The states as they were last taken, in the order of the list.
    pub(super) fn all(&self) -> Vec<Arc<Auction>> {
        let list = self.list.borrow();
        let states = list.iter().filter_map(|id| self.by_id.get(id)?.state.clone());
        states.filter(|state| self.status.is_none_or(|status| state.status == status)).collect()
    }

    fn add(&mut self, id: AuctionId, topic: Reader) {
        self.changes.push(next_change(topic.progress_updates()));
        self.by_id.insert(id, Lot { topic: Some(topic), state: None, unlisted: 0 });
    }

    /// Opens what the list has gained, and drops what it lost a while ago.
    fn relist(&mut self) {
        let list = self.list.borrow_and_update().clone();
        for id in list.iter() {
            if !self.by_id.contains_key(id) && !self.wanted.contains(id) {
                self.wanted.push(id.clone());
                self.opening.push(Box::pin(open(self.broker.clone(), id.clone())));
            }
        }
        self.by_id.retain(|id, lot| {
            lot.unlisted = if list.contains(id) { 0 } else { lot.unlisted + 1 };
            lot.unlisted < limits::LOBBY_UNLISTED_MAX
        });
    }
}

async fn open<T: Table>(
    broker: Broker<T>,
    id: AuctionId,
) -> (AuctionId, Result<Reader, TopicError>) {
    let opened = broker.topic(&id).await;
    (id, opened)
}

fn next_change(mut updates: watch::Receiver<Progress>) -> Changed {
    Box::pin(async move { updates.changed().await.is_ok().then_some(updates) })
}
