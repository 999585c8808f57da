//! Whether the stream may be hiding something, and which watched auctions are then read from the
//! table. Pure.
//!
//! A stream that shows nothing has nothing to show, or has stalled: there is no telling which. This
//! server knows its own writes, and asks for them; the writes of another server it can find only in
//! the table. So while a shard shows nothing, watched auctions are read: each about once a second,
//! within a limit, because each read costs.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::auction::AuctionId;
use crate::limits;

/// When each shard that is read last showed a record. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct StreamActivity(Arc<Mutex<Shards>>);

#[derive(Debug, Default)]
struct Shards {
    shown: BTreeMap<Arc<str>, Option<Instant>>,
    /// Whether what other servers write is known without the stream.
    is_covered: bool,
}

impl StreamActivity {
    /// Reading of a shard begins.
    pub fn begins(&self, shard: &Arc<str>) {
        self.0.lock().shown.entry(Arc::clone(shard)).or_default();
    }

    /// A shard has shown a record.
    pub fn shows(&self, shard: &Arc<str>, now: Instant) {
        if let Some(shown) = self.0.lock().shown.get_mut(shard) {
            *shown = Some(now);
        }
    }

    /// Reading of a shard ends.
    pub fn ends(&self, shard: &Arc<str>) {
        self.0.lock().shown.remove(shard);
    }

    /// Reading of all shards ends.
    pub fn clear(&self) {
        self.0.lock().shown.clear();
    }

    /// Whether the nodes of a cluster say what they write: then a stream that shows nothing hides
    /// nothing.
    pub fn set_covered(&self, is_covered: bool) {
        self.0.lock().is_covered = is_covered;
    }

    /// Whether a shard has shown nothing for a while, or there is no shard.
    pub fn is_quiet(&self, now: Instant) -> bool {
        let shards = self.0.lock();
        let is_quiet = |shown: &Option<Instant>| {
            shown.is_none_or(|at| now.saturating_duration_since(at) >= limits::STREAM_QUIET_AFTER)
        };
        let none = shards.shown.is_empty();
        !shards.is_covered && (none || shards.shown.values().any(is_quiet))
    }
}

/// A watched auction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Watched {
    pub(super) id: AuctionId,
    /// When the topic last received anything, from whatever source.
    pub(super) heard: Instant,
    /// When it last had a bid.
    pub(super) active: Option<Instant>,
}

/// Chooses the auctions to read now, at most `max`, of which nothing was received for a while. If
/// there are too many, half are those with the latest bids, and half those that have waited
/// longest.
pub(super) fn choose(watched: Vec<Watched>, max: usize, now: Instant) -> Vec<AuctionId> {
    let is_due = |watched: &Watched| {
        now.saturating_duration_since(watched.heard) >= limits::STREAM_QUIET_AFTER
    };
    let mut due: Vec<Watched> = watched.into_iter().filter(is_due).collect();
    if due.len() > max {
        let lively = max / 2;
        if lively > 0 {
            due.select_nth_unstable_by(lively - 1, |a, b| b.active.cmp(&a.active));
        }
        let (_, rest) = due.split_at_mut(lively);
        let waiting = max - lively;
        if waiting > 0 {
            rest.select_nth_unstable_by(waiting - 1, |a, b| a.heard.cmp(&b.heard));
        }
        due.truncate(max);
    }
    due.into_iter().map(|watched| watched.id).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const QUIET: Duration = limits::STREAM_QUIET_AFTER;

    #[test]
    fn a_stream_is_quiet_as_soon_as_one_shard_is() {
        let (activity, start) = (StreamActivity::default(), Instant::now());
        let [a, b]: [Arc<str>; 2] = ["a".into(), "b".into()];
        assert!(activity.is_quiet(start), "nothing is read");
        activity.begins(&a);
        assert!(activity.is_quiet(start), "nothing was shown");
        activity.shows(&a, start);
        assert!(!activity.is_quiet(start));
        activity.begins(&b);
        assert!(activity.is_quiet(start), "the other one has shown nothing");
        activity.shows(&b, start + QUIET);
        assert!(activity.is_quiet(start + QUIET));
        activity.ends(&a);
        activity.begins(&b);
        assert!(!activity.is_quiet(start + QUIET), "known already");
        // A record of a shard that is read no more says nothing.
        activity.clear();
        activity.shows(&b, start + QUIET);
        assert!(activity.is_quiet(start + QUIET));
    }

    fn watched(heard: Instant, active: Option<Instant>) -> Watched {
        Watched { id: AuctionId::random(), heard, active }
    }

    #[test]
    fn what_nothing_was_heard_of_for_a_while_is_read() {
        let start = Instant::now();
        let now = start + QUIET;
        let (due, heard) = (watched(start, None), watched(start + QUIET / 2, Some(now)));
        assert_eq!(choose(vec![due.clone(), heard], 10, now), [due.id]);
    }

    #[test]
    fn of_too_many_the_liveliest_and_those_that_wait_longest_are_read() {
        let start = Instant::now();
        let now = start + Duration::from_secs(60);
        let at = |ago: u64| start + Duration::from_secs(60 - ago);
        let lively = watched(at(2), Some(at(2)));
        let oldest = watched(at(50), None);
        let others: Vec<Watched> = (3..30).map(|n| watched(at(n), Some(at(n)))).collect();
        let all = [vec![lively.clone(), oldest.clone()], others].concat();
        let mut chosen = choose(all.clone(), 2, now);
        let mut expected = vec![lively.id, oldest.id];
        chosen.sort();
        expected.sort();
        assert_eq!(chosen, expected);
        assert_eq!(choose(all.clone(), 10, now).len(), 10);
        assert_eq!(choose(all.clone(), 1, now).len(), 1);
        assert!(choose(all, 0, now).is_empty());
    }
}
