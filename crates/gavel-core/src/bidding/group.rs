//! Plans a group: which commands it accepts, and when a rejection may be answered. Pure.
//!
//! Commands are decided in order on a working copy of the last committed state. A command that the
//! committed state rejects for good may be answered at once. Every other rejection depends on
//! something not proven yet (a bid of the same group, or a committed state that another server may
//! have changed). It is answered once the group's conditional write has proven it, or after a
//! consistent read.

use std::collections::{HashMap, HashSet};

use crate::auction::{
    Applied, Auction, Bid, RejectionCode, Timestamp, Transition, TransitionError, UserId, decide,
    lifecycle, rejection, repeats_lead,
};
use crate::store::IdempotencyKey;

use super::command::PlaceBid;

/// A command without its reply channel.
#[derive(Debug, Clone, Copy)]
pub enum Intent<'a> {
    /// Decide a bid.
    Bid(&'a PlaceBid),
    /// Open, close or cancel.
    Transition(Transition),
}

/// The decision on a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Accepted: written with this group.
    Accept(Bid),
    /// Rejected for good by the committed state: may be answered at once.
    RefuseNow(RejectionCode),
    /// Rejected, if the group commits or, when it writes nothing, on a consistent read.
    RefuseOnCommit(RejectionCode),
    /// The same idempotency key as this accepted command of the group.
    RepeatOf(usize),
    /// A repeat of the leader's bid, without a key: this bid, which the group writes.
    Again(Bid),
    /// A repeat of the leader's bid, without a key: the last bid of the committed state, which may
    /// be answered at once.
    RepeatLead,
    /// The transition changes the auction: written with this group.
    Apply,
    /// The auction is already in that state.
    Unchanged,
    /// The transition is not possible.
    RefuseTransition(TransitionError),
    /// The transaction is full: the command is decided again in the next group.
    Wait,
}

/// A group before it is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// One verdict per command, in order.
    pub verdicts: Vec<Verdict>,
    /// The auction after the group, with its version raised; `None` if there is nothing to write.
    pub next: Option<Auction>,
    /// Bidders of the accepted bids that are not known to have bid on the auction before.
    pub newcomers: Vec<UserId>,
}

/// What a group may have.
#[derive(Debug, Clone, Copy)]
pub struct GroupBounds<'a> {
    /// Most accepted bids.
    pub bids_max: usize,
    /// Most newcomers, and the bidders that are none. `None`: newcomers are not recorded.
    pub newcomers: Option<(usize, &'a HashSet<UserId>)>,
}

impl GroupBounds<'_> {
    /// So many bids, by whomever.
    pub fn bids(bids_max: usize) -> Self {
        Self { bids_max, newcomers: None }
    }
}

impl Plan {
    /// Whether a command must be decided on a consistent read: a rejection that no write of this
    /// group would prove.
    pub fn needs_read(&self) -> bool {
        self.next.is_none()
            && self.verdicts.iter().any(|verdict| {
                matches!(
                    verdict,
                    Verdict::RefuseOnCommit(_) | Verdict::RefuseTransition(_) | Verdict::Unchanged
                )
            })
    }
}

/// Decides commands in order on the committed state, within the bounds of a group.
pub fn plan(
    committed: &Auction,
    intents: &[Intent<'_>],
    bounds: &GroupBounds<'_>,
    now: Timestamp,
) -> Plan {
    let mut group = Group {
        committed,
        working: committed.clone(),
        changed: false,
        lead: None,
        bounds: *bounds,
        bids_left: bounds.bids_max,
        waiting: false,
        keys: HashMap::new(),
        newcomers: Vec::new(),
    };
    let verdicts = intents
        .iter()
        .enumerate()
        .map(|(index, intent)| match intent {
            Intent::Bid(bid) => group.bid(index, bid),
            Intent::Transition(transition) => group.transition(*transition, now),
        })
        .collect();
    let next = group.changed.then(|| {
        let mut next = group.working.clone();
        next.version += 1;
        next
    });
    Plan { verdicts, next, newcomers: group.newcomers }
}

struct Group<'a> {
    committed: &'a Auction,
    working: Auction,
    changed: bool,
    /// The last bid that the group accepts.
    lead: Option<Bid>,
    bounds: GroupBounds<'a>,
    bids_left: usize,
    newcomers: Vec<UserId>,
    /// A command waits for the next group, so every later one that could overtake it does too.
    waiting: bool,
    keys: HashMap<&'a IdempotencyKey, usize>,
}

impl<'a> Group<'a> {
    fn bid(&mut self, index: usize, bid: &'a PlaceBid) -> Verdict {
        if let Some(first) = bid.key.as_ref().and_then(|key| self.keys.get(key)) {
            return Verdict::RepeatOf(*first);
        }
        let is_repeat = bid.key.is_none() && repeats_lead(&self.working, &bid.request);
        if !is_repeat
            && let Some(rejection) = rejection(self.committed, &bid.request)
            && rejection.for_good
        {
            return Verdict::RefuseNow(rejection.code);
        }
        if is_repeat && !self.waiting {
            return self.lead.clone().map_or(Verdict::RepeatLead, Verdict::Again);
        }
        let is_newcomer = self.is_newcomer(&bid.request.bidder_id);
        let newcomers_max = self.bounds.newcomers.map_or(0, |(max, _)| max);
        let is_full = is_newcomer && self.newcomers.len() >= newcomers_max;
        if self.waiting || self.bids_left == 0 || is_full {
            self.waiting = true;
            return Verdict::Wait;
        }
        match decide(&mut self.working, &bid.request) {
            Ok(accepted) => {
                self.changed = true;
                self.bids_left -= 1;
                if is_newcomer {
                    self.newcomers.push(bid.request.bidder_id.clone());
                }
                self.lead = Some(accepted.clone());
                if let Some(key) = &bid.key {
                    self.keys.insert(key, index);
                }
                Verdict::Accept(accepted)
            }
            Err(rejection) => Verdict::RefuseOnCommit(rejection.code),
        }
    }

    fn is_newcomer(&self, bidder: &UserId) -> bool {
        self.bounds
            .newcomers
            .is_some_and(|(_, known)| !known.contains(bidder) && !self.newcomers.contains(bidder))
    }

    fn transition(&mut self, transition: Transition, now: Timestamp) -> Verdict {
        if self.waiting {
            return Verdict::Wait;
        }
        match lifecycle::apply(&mut self.working, transition, now) {
            Ok(Applied::Changed) => {
                self.changed = true;
                Verdict::Apply
            }
            Ok(Applied::Unchanged) => Verdict::Unchanged,
            Err(error) => Verdict::RefuseTransition(error),
        }
    }
}
