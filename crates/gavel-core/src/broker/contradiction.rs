//! Notices bids that were shown to watchers and that the table does not have. Pure.
//!
//! Whoever can publish on a cluster's bus can show such bids. A read that was begun after a bid was
//! published, and that is consistent, shows it or a later one; only while its transaction becomes
//! visible, item by item, may it not. So two reads some time apart have to agree.

use std::collections::HashMap;

use tokio::time::Instant;

use crate::auction::AuctionId;
use crate::limits;

/// Auctions of which the table showed less than watchers were.
#[derive(Debug, Default)]
pub(super) struct Contradictions {
    suspects: HashMap<AuctionId, Suspect>,
}

#[derive(Debug, Clone, Copy)]
struct Suspect {
    told: u64,
    since: Instant,
    is_said: bool,
}

impl Contradictions {
    /// A read that was begun when watchers had been shown `told` bids has found `found`. True: the
    /// table still lacks what it lacked a while ago. Said once.
    pub(super) fn read(&mut self, id: &AuctionId, told: u64, found: u64, now: Instant) -> bool {
        if found >= told {
            self.suspects.remove(id);
            return false;
        }
        let new = Suspect { told, since: now, is_said: false };
        let suspect = self.suspects.entry(id.clone()).or_insert(new);
        if found >= suspect.told {
            // It is another bid that is lacking now.
            *suspect = new;
        }
        let is_old = now.saturating_duration_since(suspect.since) >= limits::CONTRADICTED_AFTER;
        is_old && !std::mem::replace(&mut suspect.is_said, is_old)
    }

    /// Auctions that are not watched any more are forgotten.
    pub(super) fn retain(&mut self, is_live: impl Fn(&AuctionId) -> bool) {
        self.suspects.retain(|id, _| is_live(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_table_lacks_for_a_while_is_said_once() {
        let (mut seen, id) = (Contradictions::default(), AuctionId::random());
        let now = Instant::now();
        let (soon, later) =
            (now + limits::CONTRADICTED_AFTER / 2, now + limits::CONTRADICTED_AFTER);
        assert!(!seen.read(&id, 3, 3, now));
        assert!(!seen.read(&id, 4, 3, now));
        assert!(!seen.read(&id, 4, 3, soon), "its transaction may be becoming visible");
        assert!(seen.read(&id, 4, 3, later), "and is not any more");
        assert!(!seen.read(&id, 4, 3, later), "once");
        assert!(!seen.read(&id, 4, 4, later), "the table has caught up");
        assert!(!seen.read(&id, 6, 4, now));
        assert!(!seen.read(&id, 9, 7, later), "another bid is lacking now");
        assert!(seen.read(&id, 9, 7, later + limits::CONTRADICTED_AFTER));
        seen.retain(|_| false);
        assert!(!seen.read(&id, 9, 7, later), "as good as new");
    }
}
