//! A simulated table: what DynamoDB does to one auction, and what it does wrong. For tests.
//!
//! Time is tokio's, so a test with paused time runs minutes of faults in milliseconds. Everything
//! random comes from one seed.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::time::{Instant, sleep};

use crate::auction::{Auction, AuctionId, Timestamp};
use crate::store::{
    CommitError, IdempotencyKey, KeyRecord, StoreError, StoredBid, Table, Transaction,
};

/// How often each thing goes wrong, of 1.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Faults {
    /// Not carried out, and said so.
    pub(super) unavailable: f64,
    /// Not carried out, and nobody knows.
    pub(super) lost_request: f64,
    /// Carried out, and nobody knows.
    pub(super) lost_answer: f64,
    /// Carried out some seconds later, and nobody knows.
    pub(super) late_request: f64,
    /// A token that is no longer remembered.
    pub(super) forgotten_token: f64,
    /// Held by another transaction.
    pub(super) busy: f64,
}

impl Faults {
    /// Everything goes wrong now and then.
    pub(super) fn all() -> Self {
        Self {
            unavailable: 0.1,
            lost_request: 0.1,
            lost_answer: 0.1,
            late_request: 0.05,
            forgotten_token: 0.3,
            busy: 0.1,
        }
    }
}

/// The table of one auction.
#[derive(Debug)]
pub(super) struct SimulatedTable {
    world: Mutex<World>,
}

#[derive(Debug)]
struct World {
    auction: Auction,
    bids: Vec<StoredBid>,
    keys: HashMap<IdempotencyKey, KeyRecord>,
    tokens: HashSet<String>,
    /// Requests on a slow way, with the time of their arrival.
    under_way: Vec<(Instant, Transaction)>,
    faults: Faults,
    random: StdRng,
    commits: usize,
}

impl SimulatedTable {
    pub(super) fn new(auction: Auction, faults: Faults, seed: u64) -> Self {
        let world = World {
            auction,
            bids: Vec::new(),
            keys: HashMap::new(),
            tokens: HashSet::new(),
            under_way: Vec::new(),
            faults,
            random: StdRng::seed_from_u64(seed),
            commits: 0,
        };
        Self { world: Mutex::new(world) }
    }

    pub(super) fn set_faults(&self, faults: Faults) {
        self.world.lock().faults = faults;
    }

    /// The auction and its bids, once everything under way has arrived.
    pub(super) fn finally(&self) -> (Auction, Vec<StoredBid>) {
        let mut world = self.world.lock();
        for (_, transaction) in std::mem::take(&mut world.under_way) {
            // Too late for most: then nothing happens.
            world.apply(&transaction).ok();
        }
        (world.auction.clone(), world.bids.clone())
    }

    /// Transactions that were carried out.
    pub(super) fn commits(&self) -> usize {
        self.world.lock().commits
    }

    async fn travel(&self) {
        let ms = self.world.lock().random.random_range(1..20);
        sleep(Duration::from_millis(ms)).await;
        self.world.lock().arrive();
    }

    fn read_fault(&self) -> Result<(), StoreError> {
        let mut world = self.world.lock();
        let rate = world.faults.unavailable;
        if world.hits(rate) {
            return Err(StoreError::Unavailable("simulated".to_owned()));
        }
        Ok(())
    }
}

impl World {
    fn hits(&mut self, rate: f64) -> bool {
        rate > 0.0 && self.random.random::<f64>() < rate
    }

    fn arrive(&mut self) {
        let now = Instant::now();
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.under_way).into_iter().partition(|(at, _)| *at <= now);
        self.under_way = later;
        for (_, transaction) in due {
            self.apply(&transaction).ok();
        }
    }

    /// All or nothing, as TransactWriteItems.
    fn apply(&mut self, transaction: &Transaction) -> Result<(), CommitError> {
        let forgotten = self.faults.forgotten_token;
        if self.tokens.contains(&transaction.token) && !self.hits(forgotten) {
            return Ok(());
        }
        if self.auction.version != transaction.expected_version {
            return Err(CommitError::VersionTaken(Some(Box::new(self.auction.clone()))));
        }
        let keyed = transaction.bids.iter().enumerate();
        let taken: Vec<(usize, KeyRecord)> = keyed
            .filter_map(|(at, new)| {
                let record = self.keys.get(new.key.as_ref()?)?;
                Some((at, record.clone()))
            })
            .collect();
        if !taken.is_empty() {
            return Err(CommitError::KeysTaken(taken));
        }
        for new in &transaction.bids {
            let bid = new.bid.clone();
            if let Some(key) = &new.key {
                let record = KeyRecord {
                    bid_id: bid.id.clone(),
                    sequence: bid.sequence,
                    amount: bid.amount,
                };
                self.keys.insert(key.clone(), record);
            }
            self.bids.push(StoredBid { bid, written_at: transaction.written_at });
        }
        self.auction = transaction.auction.clone();
        self.tokens.insert(transaction.token.clone());
        self.commits += 1;
        Ok(())
    }
}

impl Table for SimulatedTable {
    async fn load(&self, _: &AuctionId) -> Result<Option<Auction>, StoreError> {
        self.travel().await;
        self.read_fault()?;
        Ok(Some(self.world.lock().auction.clone()))
    }

    async fn commit(&self, transaction: &Transaction) -> Result<(), CommitError> {
        self.travel().await;
        let unknown = || CommitError::Store(StoreError::Unknown("simulated".to_owned()));
        let applied = {
            let mut world = self.world.lock();
            let faults = world.faults;
            if world.hits(faults.unavailable) {
                return Err(StoreError::Unavailable("simulated".to_owned()).into());
            }
            if world.hits(faults.busy) {
                return Err(CommitError::Busy("simulated".to_owned()));
            }
            if world.hits(faults.lost_request) {
                return Err(unknown());
            }
            if world.hits(faults.late_request) {
                let after = Duration::from_millis(world.random.random_range(50..5_000));
                world.under_way.push((Instant::now() + after, transaction.clone()));
                return Err(unknown());
            }
            let applied = world.apply(transaction);
            if world.hits(faults.lost_answer) {
                return Err(unknown());
            }
            applied
        };
        self.travel().await;
        applied
    }

    async fn keys(&self, keys: &[IdempotencyKey]) -> Result<Vec<Option<KeyRecord>>, StoreError> {
        self.travel().await;
        self.read_fault()?;
        let world = self.world.lock();
        Ok(keys.iter().map(|key| world.keys.get(key).cloned()).collect())
    }

    async fn bids(
        &self,
        _: &AuctionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<StoredBid>, StoreError> {
        self.travel().await;
        self.read_fault()?;
        let world = self.world.lock();
        let later = world.bids.iter().filter(|stored| stored.bid.sequence > after);
        Ok(later.take(limit).cloned().collect())
    }
}

/// An open auction that ends in an hour.
pub(super) fn auction(now: Timestamp) -> Auction {
    let amount = |minor| crate::auction::Amount::new(minor).unwrap_or(crate::auction::Amount::MAX);
    crate::auction::Draft {
        title: "A lamp".to_owned(),
        description: String::new(),
        currency: "EUR".to_owned(),
        opening_price: amount(1_000),
        minimum_increment: amount(100),
        reserve_price: None,
        opens_at: Some(now),
        ends_at: now.plus(Duration::from_secs(3600)),
        soft_close_seconds: 0,
        soft_close_extensions_max: 0,
        leader_may_raise: true,
    }
    .into_auction(AuctionId::random(), "seller".into(), now)
    .expect("the terms stand")
}
