//! What the table holds, and what becomes of a transaction.

use std::collections::{HashMap, HashSet, VecDeque};

use super::RIVAL;
use super::fault::{Chaos, Fault};
use crate::auction::{Auction, BidId, BidRequest, UserId, decide};
use crate::store::lease::Lease;
use crate::store::{
    CommitError, IdempotencyKey, KeyRecord, NewBid, StoreError, StoredBid, Transaction,
};
use crate::{clock, limits};
use tokio::time::Instant;

/// Who is shown what was written, with the time from which each item can be read: the auction, then
/// each bid with its key behind it.
type Shown = Box<dyn FnMut(&Transaction, &[Instant]) + Send>;

/// An item that a transaction writes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Item {
    Auction,
    Bid(u64),
    Key(IdempotencyKey),
}

pub(super) struct State {
    pub(super) auction: Auction,
    /// The auction before the last transaction.
    before: Auction,
    /// When what a transaction has written can be read, item by item.
    under_way: HashMap<Item, Instant>,
    pub(super) bids: Vec<StoredBid>,
    pub(super) keys: HashMap<IdempotencyKey, KeyRecord>,
    /// Who is recorded as a bidder.
    bidders: HashSet<UserId>,
    /// What each token named; `None`: an engine that forgets tokens at once.
    pub(super) tokens: Option<HashMap<String, Transaction>>,
    pub(super) late: Vec<(Instant, Transaction)>,
    pub(super) script: VecDeque<Fault>,
    /// When the script is done.
    pub(super) then: Fault,
    pub(super) reads_fail: bool,
    pub(super) chaos: Option<Chaos>,
    pub(super) commits: usize,
    pub(super) stream: Option<Shown>,
    pub(super) leases: HashMap<usize, Lease>,
}

impl State {
    pub(super) fn new(auction: Auction) -> Self {
        Self {
            before: auction.clone(),
            auction,
            under_way: HashMap::new(),
            bids: Vec::new(),
            keys: HashMap::new(),
            bidders: HashSet::new(),
            tokens: Some(HashMap::new()),
            late: Vec::new(),
            script: VecDeque::new(),
            then: Fault::None,
            reads_fail: false,
            chaos: None,
            commits: 0,
            stream: None,
            leases: HashMap::new(),
        }
    }

    pub(super) fn read<V>(
        &mut self,
        read: impl FnOnce(&mut State) -> Result<V, StoreError>,
    ) -> Result<V, StoreError> {
        self.apply_late();
        let fails = self.chaos.as_mut().is_some_and(Chaos::read_fails);
        if self.reads_fail || fails {
            return Err(StoreError::Unknown("simulated".to_owned()));
        }
        read(self)
    }

    pub(super) fn commit(&mut self, transaction: &Transaction) -> (Fault, Result<(), CommitError>) {
        self.apply_late();
        self.commits += 1;
        let fault = match (&mut self.chaos, self.script.pop_front()) {
            (_, Some(scripted)) => scripted,
            (Some(chaos), None) => chaos.fault(),
            (None, None) => self.then,
        };
        let unknown = Err(StoreError::Unknown("simulated".to_owned()).into());
        let result = match fault {
            Fault::None | Fault::Held => self.apply(transaction),
            Fault::AnswerLost => {
                self.apply(transaction).ok();
                unknown
            }
            Fault::RequestLost => unknown,
            Fault::Late(by) => {
                self.late.push((Instant::now() + by, transaction.clone()));
                unknown
            }
            Fault::Unavailable => Err(StoreError::Unavailable("simulated".to_owned()).into()),
            Fault::Busy => Err(CommitError::Busy("simulated".to_owned())),
            Fault::Overtaken => {
                self.rival_bids();
                self.apply(transaction)
            }
        };
        (fault, result)
    }

    fn is_under_way(&self, item: &Item) -> bool {
        self.under_way.get(item).is_some_and(|lands| Instant::now() < *lands)
    }

    /// The auction, as a read sees it.
    pub(super) fn seen_auction(&self) -> &Auction {
        if self.is_under_way(&Item::Auction) { &self.before } else { &self.auction }
    }

    /// The bids, as a read sees them that is not isolated from transactions.
    pub(super) fn seen_bids(&self) -> impl DoubleEndedIterator<Item = &StoredBid> {
        self.bids.iter().filter(|stored| !self.is_under_way(&Item::Bid(stored.bid.sequence)))
    }

    /// The bid under a sequence, by a read that is isolated from transactions.
    pub(super) fn bid(&self, sequence: u64) -> Result<Option<StoredBid>, StoreError> {
        self.isolated(&Item::Bid(sequence))?;
        Ok(self.bids.iter().find(|stored| stored.bid.sequence == sequence).cloned())
    }

    /// What is remembered under a key, by a read that is isolated from transactions.
    pub(super) fn key(&self, key: &IdempotencyKey) -> Result<Option<KeyRecord>, StoreError> {
        self.isolated(&Item::Key(key.clone()))?;
        Ok(self.keys.get(key).cloned())
    }

    fn isolated(&self, item: &Item) -> Result<(), StoreError> {
        let held = || StoreError::Unavailable("a transaction holds the item".to_owned());
        if self.is_under_way(item) { Err(held()) } else { Ok(()) }
    }

    /// When all that a transaction has written can be read.
    pub(super) fn landed(&self, transaction: &Transaction) -> Option<Instant> {
        items_of(transaction).filter_map(|item| self.under_way.get(&item)).max().copied()
    }

    /// What is under way is there.
    pub(super) fn land(&mut self) {
        self.under_way.clear();
    }

    pub(super) fn apply_late(&mut self) {
        let now = Instant::now();
        let due: Vec<_> = self.late.extract_if(.., |(at, _)| *at <= now).collect();
        for (_, transaction) in due {
            self.apply(&transaction).ok();
        }
    }

    fn rival_bids(&mut self) {
        if self.is_under_way(&Item::Auction) {
            return;
        }
        let mut next = self.auction.clone();
        let request = BidRequest {
            id: BidId::random(),
            auction_id: next.id.clone(),
            bidder_id: format!("{RIVAL}-{}", next.version).into(),
            amount: next.minimum_bid(),
            sent_at: None,
            received_at: clock::now(),
            forwarded_at: None,
            traceparent: None,
        };
        let Ok(bid) = decide(&mut next, &request) else { return };
        next.version += 1;
        let transaction = Transaction {
            token: bid.id.to_string(),
            expected_version: self.auction.version,
            auction: next,
            bids: vec![NewBid { bid, key: None }],
            newcomers: vec![request.bidder_id.clone()],
            written_at: clock::now(),
        };
        self.apply(&transaction).expect("a rival knows the auction as it stands");
        self.under_way.retain(|item, _| !items_of(&transaction).any(|written| written == *item));
    }

    /// What TransactWriteItems does. A panic here is a lane that writes what it must not.
    pub(super) fn apply(&mut self, transaction: &Transaction) -> Result<(), CommitError> {
        if let Some(first) = self.tokens.as_ref().and_then(|known| known.get(&transaction.token)) {
            assert_eq!(first, transaction, "a token names one request");
            if items_of(transaction).any(|item| self.is_under_way(&item)) {
                return Err(StoreError::Unknown("still in progress".to_owned()).into());
            }
            return Ok(());
        }
        if self.is_under_way(&Item::Auction) {
            return Err(CommitError::Busy("simulated".to_owned()));
        }
        if self.auction.version != transaction.expected_version {
            return Err(CommitError::VersionTaken(Some(Box::new(self.auction.clone()))));
        }
        if items_of(transaction).any(|item| self.is_under_way(&item)) {
            return Err(CommitError::Busy("simulated".to_owned()));
        }
        let bids = transaction.bids.iter().enumerate();
        let taken: Vec<(usize, KeyRecord)> = bids
            .filter_map(|(at, new)| Some((at, self.keys.get(new.key.as_ref()?)?.clone())))
            .collect();
        if !taken.is_empty() {
            return Err(CommitError::KeysTaken(taken));
        }
        assert!(!self.auction.status.is_final(), "nothing is written after the end");
        assert_eq!(transaction.auction.version, transaction.expected_version + 1);
        assert!(transaction.bids.len() <= limits::GROUP_COMMIT_MAX);
        let keys = transaction.bids.iter().filter(|new| new.key.is_some()).count();
        let actions = 1 + transaction.bids.len() + keys + transaction.newcomers.len();
        assert!(actions <= limits::TRANSACTION_ACTIONS_MAX);
        self.bidders.extend(transaction.newcomers.iter().cloned());
        for NewBid { bid, .. } in &transaction.bids {
            assert!(self.bidders.contains(&bid.bidder_id), "a bidder is recorded with a bid");
        }
        for NewBid { bid, key } in &transaction.bids {
            let sequence = self.bids.len() as u64 + 1;
            assert_eq!(bid.sequence, sequence, "a bid goes to the next free sequence");
            let stored = StoredBid { bid: bid.clone(), written_at: transaction.written_at };
            self.bids.push(stored);
            let record = KeyRecord { bid_id: bid.id.clone(), sequence, amount: bid.amount };
            self.keys.extend(key.clone().map(|key| (key, record)));
        }
        assert_eq!(transaction.auction.sequence, self.bids.len() as u64);
        self.before = std::mem::replace(&mut self.auction, transaction.auction.clone());
        let mut lands = || self.chaos.as_mut().map(Chaos::lands).unwrap_or_default();
        let lands: Vec<Instant> = items_of(transaction).map(|_| Instant::now() + lands()).collect();
        self.under_way.extend(items_of(transaction).zip(lands.iter().copied()));
        if let Some(stream) = &mut self.stream {
            stream(transaction, &lands);
        }
        if let Some(tokens) = &mut self.tokens {
            tokens.insert(transaction.token.clone(), transaction.clone());
        }
        Ok(())
    }
}

/// Every item that a transaction writes: the auction, then each bid with its key behind it.
fn items_of(transaction: &Transaction) -> impl Iterator<Item = Item> {
    let of_bid = |new: &NewBid| {
        [Some(Item::Bid(new.bid.sequence)), new.key.clone().map(Item::Key)].into_iter().flatten()
    };
    std::iter::once(Item::Auction).chain(transaction.bids.iter().flat_map(of_bid))
}
