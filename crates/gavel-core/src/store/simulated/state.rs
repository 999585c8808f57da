//! What the table holds, and what becomes of a transaction.

use std::collections::{HashMap, VecDeque};

use super::RIVAL;
use super::fault::{Chaos, Fault};
use crate::auction::{Auction, BidId, BidRequest, decide};
use crate::store::{
    CommitError, IdempotencyKey, KeyRecord, NewBid, StoreError, StoredBid, Transaction,
};
use crate::{clock, limits};
use tokio::time::Instant;

/// Who is shown what was written.
type Shown = Box<dyn FnMut(&Transaction) + Send>;

pub(super) struct State {
    pub(super) auction: Auction,
    /// What the last transaction has written may be seen in part until then; the auction before it.
    pub(super) unsettled: Option<(Instant, Auction)>,
    pub(super) bids: Vec<StoredBid>,
    pub(super) keys: HashMap<IdempotencyKey, KeyRecord>,
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
}

impl State {
    pub(super) fn new(auction: Auction) -> Self {
        Self {
            auction,
            unsettled: None,
            bids: Vec::new(),
            keys: HashMap::new(),
            tokens: Some(HashMap::new()),
            late: Vec::new(),
            script: VecDeque::new(),
            then: Fault::None,
            reads_fail: false,
            chaos: None,
            commits: 0,
            stream: None,
        }
    }

    pub(super) fn read<V>(&mut self, read: impl FnOnce(&mut State) -> V) -> Result<V, StoreError> {
        self.apply_late();
        let fails = self.chaos.as_mut().is_some_and(Chaos::read_fails);
        if self.reads_fail || fails {
            return Err(StoreError::Unknown("simulated".to_owned()));
        }
        Ok(read(self))
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

    /// What a read sees of an item that the last transaction wrote: whether it is written. Reads of
    /// several items are not isolated from transactions.
    fn sees_last(&mut self) -> bool {
        let is_unsettled =
            self.unsettled.as_ref().is_some_and(|(until, _)| Instant::now() < *until);
        !is_unsettled || self.chaos.as_mut().is_none_or(Chaos::sees)
    }

    /// The auction, as a read sees it.
    pub(super) fn seen_auction(&mut self) -> Auction {
        let sees_last = self.sees_last();
        match &self.unsettled {
            Some((_, before)) if !sees_last => before.clone(),
            _ => self.auction.clone(),
        }
    }

    /// The bids, as a read sees them.
    pub(super) fn seen_bids(&mut self) -> Vec<StoredBid> {
        let settled = match &self.unsettled {
            Some((_, before)) => before.sequence,
            None => u64::MAX,
        };
        let bids = self.bids.clone();
        bids.into_iter().filter(|b| b.bid.sequence <= settled || self.sees_last()).collect()
    }

    pub(super) fn apply_late(&mut self) {
        let now = Instant::now();
        let due: Vec<_> = self.late.extract_if(.., |(at, _)| *at <= now).collect();
        for (_, transaction) in due {
            self.apply(&transaction).ok();
        }
    }

    fn rival_bids(&mut self) {
        let mut next = self.auction.clone();
        let request = BidRequest {
            id: BidId::random(),
            auction_id: next.id.clone(),
            bidder_id: format!("{RIVAL}-{}", next.version).into(),
            amount: next.minimum_bid(),
            sent_at: None,
            received_at: clock::now(),
            traceparent: None,
        };
        let Ok(bid) = decide(&mut next, &request) else { return };
        next.version += 1;
        let transaction = Transaction {
            token: bid.id.to_string(),
            expected_version: self.auction.version,
            auction: next,
            bids: vec![NewBid { bid, key: None }],
            written_at: clock::now(),
        };
        self.apply(&transaction).expect("a rival knows the auction as it stands");
    }

    /// What TransactWriteItems does. A panic here is a lane that writes what it must not.
    pub(super) fn apply(&mut self, transaction: &Transaction) -> Result<(), CommitError> {
        if let Some(first) = self.tokens.as_ref().and_then(|known| known.get(&transaction.token)) {
            assert_eq!(first, transaction, "a token names one request");
            return Ok(());
        }
        if self.auction.version != transaction.expected_version {
            return Err(CommitError::VersionTaken(Some(Box::new(self.auction.clone()))));
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
        for NewBid { bid, key } in &transaction.bids {
            let sequence = self.bids.len() as u64 + 1;
            assert_eq!(bid.sequence, sequence, "a bid goes to the next free sequence");
            let stored = StoredBid { bid: bid.clone(), written_at: transaction.written_at };
            self.bids.push(stored);
            let record = KeyRecord { bid_id: bid.id.clone(), sequence, amount: bid.amount };
            self.keys.extend(key.clone().map(|key| (key, record)));
        }
        assert_eq!(transaction.auction.sequence, self.bids.len() as u64);
        let before = std::mem::replace(&mut self.auction, transaction.auction.clone());
        self.unsettled =
            self.chaos.as_mut().map(|chaos| (Instant::now() + chaos.settles(), before));
        if let Some(stream) = &mut self.stream {
            stream(transaction);
        }
        if let Some(tokens) = &mut self.tokens {
            tokens.insert(transaction.token.clone(), transaction.clone());
        }
        Ok(())
    }
}
