//! A table in memory that fails on purpose: what lanes are tested over.
//!
//! It keeps what DynamoDB promises (conditions hold, all or nothing, a token is carried out once)
//! and nothing else: answers are lost, requests come late, other servers write first.

mod fault;
mod state;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::sleep;

use fault::Chaos;
pub(super) use fault::Fault;
use state::State;

use crate::auction::{Auction, AuctionId};
use crate::store::{
    CommitError, IdempotencyKey, KeyRecord, StoreError, StoredBid, Table, Transaction,
};

/// How the names of those begin who bid through no lane of the test.
const RIVAL: &str = "rival";

/// One auction's part of a table.
#[derive(Debug)]
pub(super) struct Simulated {
    state: Mutex<State>,
    held: Notify,
    released: Notify,
}

impl Simulated {
    pub(super) fn new(auction: Auction) -> Self {
        Self {
            state: Mutex::new(State::new(auction)),
            held: Notify::new(),
            released: Notify::new(),
        }
    }

    /// The fates of the next commits, in order, and of every one after them.
    pub(super) fn script(&self, faults: &[Fault], then: Fault) {
        let mut state = self.state.lock();
        state.script = faults.iter().copied().collect();
        state.then = then;
    }

    /// Whether reads fail from now on.
    pub(super) fn fail_reads(&self, fail: bool) {
        self.state.lock().reads_fail = fail;
    }

    /// From now on a token is as good as new when it comes again.
    pub(super) fn forget_tokens(&self) {
        self.state.lock().tokens = None;
    }

    /// Faults and travel times by a seed, until [`Simulated::calm`].
    pub(super) fn chaos(&self, seed: u64) {
        self.state.lock().chaos = Some(Chaos::new(seed));
    }

    /// No more faults; what was late arrives.
    pub(super) fn calm(&self) {
        let mut state = self.state.lock();
        state.chaos = None;
        for (_, transaction) in std::mem::take(&mut state.late) {
            state.apply(&transaction).ok();
        }
    }

    /// Ends when a commit is [`Fault::Held`].
    pub(super) async fn holds(&self) {
        self.held.notified().await;
    }

    /// Answers the commit that is held.
    pub(super) fn release(&self) {
        self.released.notify_one();
    }

    /// The auction as it stands.
    pub(super) fn auction(&self) -> Auction {
        self.state.lock().auction.clone()
    }

    /// Every bid in the table.
    pub(super) fn written(&self) -> Vec<StoredBid> {
        self.state.lock().bids.clone()
    }

    /// Whether a bid stands under this key.
    pub(super) fn remembers(&self, key: &IdempotencyKey) -> bool {
        self.state.lock().keys.contains_key(key)
    }

    /// Whether a bid was written by none of the lanes.
    pub(super) fn is_rivals(stored: &StoredBid) -> bool {
        stored.bid.bidder_id.as_str().starts_with(RIVAL)
    }

    /// How often a commit was tried.
    pub(super) fn commits(&self) -> usize {
        self.state.lock().commits
    }

    async fn travel(&self) {
        let travel = self.state.lock().chaos.as_mut().map(Chaos::travel);
        if let Some(travel) = travel {
            sleep(travel).await;
        }
    }

    async fn read<V>(&self, read: impl FnOnce(&State) -> V) -> Result<V, StoreError> {
        self.travel().await;
        let result = self.state.lock().read(read);
        self.travel().await;
        result
    }
}

impl Table for Simulated {
    async fn load(&self, id: &AuctionId) -> Result<Option<Auction>, StoreError> {
        self.read(|state| Some(&state.auction).filter(|auction| auction.id == *id).cloned()).await
    }

    async fn commit(&self, transaction: &Transaction) -> Result<(), CommitError> {
        self.travel().await;
        let (fault, result) = self.state.lock().commit(transaction);
        if fault == Fault::Held {
            self.held.notify_one();
            self.released.notified().await;
        }
        self.travel().await;
        result
    }

    async fn keys(&self, keys: &[IdempotencyKey]) -> Result<Vec<Option<KeyRecord>>, StoreError> {
        self.read(|state| keys.iter().map(|key| state.keys.get(key).cloned()).collect()).await
    }

    async fn bids(
        &self,
        _: &AuctionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<StoredBid>, StoreError> {
        let page = |state: &State| {
            let over = state.bids.iter().filter(|stored| stored.bid.sequence > after);
            over.take(limit).cloned().collect()
        };
        self.read(page).await
    }
}
