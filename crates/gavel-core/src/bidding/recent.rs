//! The keys of recently accepted bids: repeats of them are answered without a read.

use std::collections::{HashMap, VecDeque};

use crate::auction::Timestamp;
use crate::limits;
use crate::store::{IdempotencyKey, StoredBid};

/// An accepted bid with an idempotency key.
#[derive(Debug, Clone)]
pub(super) struct RecentBid {
    /// The bid as written.
    pub(super) stored: StoredBid,
    /// When the bid was acknowledged.
    pub(super) committed_at: Timestamp,
}

/// A bounded memory. The oldest key is dropped first; the table still has it.
#[derive(Debug, Default)]
pub(super) struct RecentKeys {
    bids: HashMap<IdempotencyKey, RecentBid>,
    order: VecDeque<IdempotencyKey>,
}

impl RecentKeys {
    pub(super) fn get(&self, key: &IdempotencyKey) -> Option<&RecentBid> {
        self.bids.get(key)
    }

    pub(super) fn insert(&mut self, key: IdempotencyKey, bid: RecentBid) {
        if self.bids.insert(key.clone(), bid).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > limits::LANE_RECENT_KEYS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.bids.remove(&oldest);
        }
    }
}
