//! What a node has changed of late, for its digests. Pure.
//!
//! The next number of an auction reveals a bid that was lost on the bus; of the last one nothing
//! follows. So each node repeats for a while how far every auction is that it wrote or read.

use std::collections::{HashMap, VecDeque};

use tokio::time::Instant;

use crate::auction::AuctionId;
use crate::limits;

/// How far an auction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Reached {
    /// The number of its last bid.
    pub sequence: u64,
    /// The number of its state.
    pub version: u64,
}

impl Reached {
    /// The higher of each number.
    pub fn furthest(self, other: Self) -> Self {
        Self {
            sequence: self.sequence.max(other.sequence),
            version: self.version.max(other.version),
        }
    }

    /// Whether one of the two numbers is smaller here.
    pub fn is_behind(self, other: Self) -> bool {
        self.sequence < other.sequence || self.version < other.version
    }
}

/// The latest changes that a node knows of.
#[derive(Debug, Default)]
pub struct Recent {
    reached: HashMap<AuctionId, (Reached, Instant)>,
    /// Each of them once, and when to look at it again: after its change at that time has grown old.
    order: VecDeque<(AuctionId, Instant)>,
}

impl Recent {
    /// An auction has come so far. False: there is no room for it.
    pub fn note(&mut self, id: &AuctionId, reached: Reached, now: Instant) -> bool {
        if let Some((known, since)) = self.reached.get_mut(id) {
            if known.is_behind(reached) {
                *known = known.furthest(reached);
                *since = now;
            }
            return true;
        }
        if self.order.len() >= limits::DIGEST_KEPT_MAX {
            return false;
        }
        self.reached.insert(id.clone(), (reached, now));
        self.order.push_back((id.clone(), now));
        true
    }

    /// What has changed within [`limits::DIGEST_KEEPS`], each auction once.
    pub fn digest(&mut self, now: Instant) -> Vec<(AuctionId, Reached)> {
        let is_old = |since: Instant| now.saturating_duration_since(since) > limits::DIGEST_KEEPS;
        while let Some((id, _)) = self.order.pop_front_if(|(_, since)| is_old(*since)) {
            match self.reached.get(&id) {
                Some((_, since)) if !is_old(*since) => self.order.push_back((id, *since)),
                _ => _ = self.reached.remove(&id),
            }
        }
        let young = self.reached.iter().filter(|(_, (_, since))| !is_old(*since));
        young.map(|(id, (reached, _))| (id.clone(), *reached)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const KEEPS: Duration = limits::DIGEST_KEEPS;

    fn reached(sequence: u64, version: u64) -> Reached {
        Reached { sequence, version }
    }

    #[test]
    fn a_change_stands_in_digests_for_a_while_and_then_no_more() {
        let (mut recent, now) = (Recent::default(), Instant::now());
        let id = AuctionId::random();
        assert!(recent.note(&id, reached(3, 5), now));
        assert_eq!(recent.digest(now + KEEPS), [(id.clone(), reached(3, 5))]);
        assert_eq!(recent.digest(now + KEEPS + Duration::from_millis(1)), []);
        assert!(recent.order.is_empty());
    }

    #[test]
    fn a_further_change_begins_the_while_anew_and_an_older_one_does_not() {
        let (mut recent, now) = (Recent::default(), Instant::now());
        let id = AuctionId::random();
        recent.note(&id, reached(3, 5), now);
        recent.note(&id, reached(4, 6), now + KEEPS);
        recent.note(&id, reached(1, 2), now + KEEPS * 2);
        assert_eq!(recent.digest(now + KEEPS * 2), [(id.clone(), reached(4, 6))]);
        assert_eq!(recent.digest(now + KEEPS * 2 + Duration::from_millis(1)), []);
    }

    #[test]
    fn its_room_is_bounded() {
        let (mut recent, now) = (Recent::default(), Instant::now());
        for _ in 0..limits::DIGEST_KEPT_MAX {
            assert!(recent.note(&AuctionId::random(), reached(1, 1), now));
        }
        assert!(!recent.note(&AuctionId::random(), reached(1, 1), now));
        recent.digest(now + KEEPS * 2);
        assert!(recent.note(&AuctionId::random(), reached(1, 1), now + KEEPS * 2));
    }
}
