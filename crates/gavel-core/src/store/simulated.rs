//! A table in memory that fails on purpose: what lanes are tested over.
//!
//! It keeps what DynamoDB promises (conditions hold, all or nothing, a token is carried out once)
//! and nothing else: answers are lost, requests come late, other servers write first, and what a
//! transaction has written shows up item by item.

mod fault;
mod state;

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use fault::Chaos;
pub use fault::Fault;
use state::State;

use crate::auction::{Auction, AuctionId};
use crate::store::lease::{Lease, LeaseWrite};
use crate::store::leases::Leases;
use crate::store::{
    CommitError, IdempotencyKey, KeyRecord, Order, StoreError, StoredBid, Table, Transaction,
};

/// How the names of those begin who bid through no lane of the test.
const RIVAL: &str = "rival";

/// One auction's part of a table, as one server reaches it.
pub struct Simulated {
    state: Arc<Mutex<State>>,
    held: Arc<Notify>,
    released: Arc<Notify>,
    /// From then on this server reaches nothing: it is dead.
    cut: CancellationToken,
}

impl Simulated {
    /// A table that has one auction, and does not fail yet.
    pub fn new(auction: Auction) -> Self {
        Self {
            state: Arc::new(Mutex::new(State::new(auction))),
            held: Arc::default(),
            released: Arc::default(),
            cut: CancellationToken::new(),
        }
    }

    /// The same table, until it is cut off.
    pub fn connection(&self, cut: CancellationToken) -> Self {
        let Self { state, held, released, .. } = self;
        Self { state: state.clone(), held: held.clone(), released: released.clone(), cut }
    }

    /// The fates of the next commits, in order, and of every one after them.
    pub fn script(&self, faults: &[Fault], then: Fault) {
        let mut state = self.state.lock();
        state.script = faults.iter().copied().collect();
        state.then = then;
    }

    /// Whether reads fail from now on.
    pub fn fail_reads(&self, fail: bool) {
        self.state.lock().reads_fail = fail;
    }

    /// Shows each transaction that is carried out from now on, with the time from which each item
    /// can be read: the auction, then each bid with its key behind it.
    pub fn shows(&self, stream: impl FnMut(&Transaction, &[Instant]) + Send + 'static) {
        self.state.lock().stream = Some(Box::new(stream));
    }

    /// From now on a token is as good as new when it comes again.
    pub fn forget_tokens(&self) {
        self.state.lock().tokens = None;
    }

    /// Faults and travel times by a seed, until [`Simulated::calm`].
    pub fn chaos(&self, seed: u64) {
        self.state.lock().chaos = Some(Chaos::new(seed));
    }

    /// No more faults; what was late arrives.
    pub fn calm(&self) {
        let mut state = self.state.lock();
        state.chaos = None;
        for (_, transaction) in std::mem::take(&mut state.late) {
            state.apply(&transaction).ok();
        }
        state.land();
    }

    /// Ends when a commit is [`Fault::Held`].
    pub async fn holds(&self) {
        self.held.notified().await;
    }

    /// Answers the commit that is held.
    pub fn release(&self) {
        self.released.notify_one();
    }

    /// The auction as it stands.
    pub fn auction(&self) -> Auction {
        self.state.lock().auction.clone()
    }

    /// Every bid in the table.
    pub fn written(&self) -> Vec<StoredBid> {
        self.state.lock().bids.clone()
    }

    /// Whether a bid stands under this key.
    pub fn remembers(&self, key: &IdempotencyKey) -> bool {
        self.state.lock().keys.contains_key(key)
    }

    /// Whether a bid was written by none of the lanes.
    pub fn is_rivals(stored: &StoredBid) -> bool {
        stored.bid.bidder_id.as_str().starts_with(RIVAL)
    }

    /// How often a commit was tried.
    pub fn commits(&self) -> usize {
        self.state.lock().commits
    }

    async fn travel(&self) {
        let travel = self.state.lock().chaos.as_mut().map(Chaos::travel);
        if let Some(travel) = travel {
            sleep(travel).await;
        }
    }

    async fn read<V>(
        &self,
        read: impl FnOnce(&mut State) -> Result<V, StoreError>,
    ) -> Result<V, StoreError> {
        self.travel().await;
        self.reach()?;
        let result = self.state.lock().read(read);
        self.travel().await;
        self.reach()?;
        result
    }

    fn reach(&self) -> Result<(), StoreError> {
        if self.cut.is_cancelled() {
            return Err(StoreError::Unknown("cut off".to_owned()));
        }
        Ok(())
    }
}

impl Table for Simulated {
    async fn load(&self, id: &AuctionId) -> Result<Option<Auction>, StoreError> {
        self.read(|state| Ok(Some(state.seen_auction()).filter(|a| a.id == *id).cloned())).await
    }

    async fn commit(&self, transaction: &Transaction) -> Result<(), CommitError> {
        self.travel().await;
        self.reach()?;
        let (fault, result) = self.state.lock().commit(transaction);
        if fault == Fault::Held {
            self.held.notify_one();
            self.released.notified().await;
        }
        // What is acknowledged can be read.
        let landed = result.is_ok().then(|| self.state.lock().landed(transaction)).flatten();
        if let Some(landed) = landed {
            sleep_until(landed).await;
        }
        self.travel().await;
        self.reach()?;
        result
    }

    async fn keys(&self, keys: &[IdempotencyKey]) -> Result<Vec<Option<KeyRecord>>, StoreError> {
        self.read(|state| keys.iter().map(|key| state.key(key)).collect()).await
    }

    async fn bid(&self, _: &AuctionId, sequence: u64) -> Result<Option<StoredBid>, StoreError> {
        self.read(|state| state.bid(sequence)).await
    }

    async fn page(
        &self,
        _: &AuctionId,
        order: Order,
        limit: usize,
    ) -> Result<Vec<StoredBid>, StoreError> {
        let page = |state: &mut State| -> Vec<StoredBid> {
            let bids = state.seen_bids();
            let wanted = |stored: &&StoredBid| match order {
                Order::After(after) => stored.bid.sequence > after,
                Order::Before(before) => stored.bid.sequence < before,
            };
            match order {
                Order::After(_) => bids.filter(wanted).take(limit).cloned().collect(),
                Order::Before(_) => bids.rev().filter(wanted).take(limit).cloned().collect(),
            }
        };
        self.read(|state| Ok(page(state))).await
    }

    async fn load_each(
        &self,
        ids: &[AuctionId],
    ) -> Result<Vec<Result<Auction, StoreError>>, StoreError> {
        let auction = |state: &mut State| {
            Some(state.seen_auction()).filter(|auction| ids.contains(&auction.id)).cloned()
        };
        Ok(self.read(|state| Ok(auction(state))).await?.map(Ok).into_iter().collect())
    }
}

impl Leases for Simulated {
    async fn leases(&self, count: usize) -> Result<Vec<Option<Lease>>, StoreError> {
        self.read(|state| Ok((0..count).map(|slot| state.leases.get(&slot).cloned()).collect()))
            .await
    }

    async fn write_lease(&self, write: &LeaseWrite) -> Result<bool, StoreError> {
        let is_written = |state: &mut State| {
            let holds = state.leases.get(&write.slot) == write.expected.as_ref();
            if holds {
                state.leases.insert(write.slot, write.next.clone());
            }
            Ok(holds)
        };
        self.read(is_written).await
    }
}
