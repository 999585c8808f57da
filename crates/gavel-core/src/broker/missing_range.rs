//! Missing ranges: bids that were committed but are not in the table, because somebody deleted
//! them. Pure.
//!
//! Reads are not snapshots: a bid that one read does not return may be there a moment later. So a
//! bid counts as missing only if it was counted before a first read, and still is missing from a
//! read that started well after.

use tokio::time::Instant;

use crate::limits;

/// What successive reads did not return.
#[derive(Debug, Default)]
pub(super) struct MissingRange(Option<Missing>);

#[derive(Debug, Clone, Copy)]
struct Missing {
    after: u64,
    counted: u64,
    since: Instant,
}

impl MissingRange {
    /// A read did not return the bid that follows `after`; the auction counted up to `counted`
    /// before it. `Some`: the bids up to there have been missing for long enough and will not come.
    pub(super) fn missed(
        &mut self,
        after: u64,
        counted: u64,
        asked: Instant,
        answered: Instant,
    ) -> Option<u64> {
        let missing = self.0.filter(|missing| missing.after == after);
        let missing = missing.unwrap_or(Missing { after, counted, since: answered });
        let stands = asked.saturating_duration_since(missing.since) >= limits::MISSING_STANDS;
        self.0 = (!stands).then_some(missing);
        stands.then_some(missing.counted)
    }

    /// A read failed: earlier reads prove nothing any more.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_hole_has_been_missing_from_two_reads_that_lie_apart() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let stands = limits::MISSING_STANDS.as_millis() as u64;
        let mut missing_range = MissingRange::default();
        assert_eq!(missing_range.missed(3, 5, at(0), at(10)), None);
        assert_eq!(
            missing_range.missed(3, 9, at(20), at(stands + 100)),
            None,
            "asked for too early"
        );
        assert_eq!(missing_range.missed(3, 9, at(stands + 9), at(stands + 9)), None);
        assert_eq!(
            missing_range.missed(3, 9, at(stands + 10), at(stands + 10)),
            Some(5),
            "counted first"
        );
        assert_eq!(
            missing_range.missed(3, 9, at(stands + 20), at(stands + 20)),
            None,
            "it begins anew"
        );
    }

    #[test]
    fn another_place_and_a_failed_read_begin_anew() {
        let start = Instant::now();
        let late = start + limits::MISSING_STANDS;
        let mut missing_range = MissingRange::default();
        assert_eq!(missing_range.missed(3, 5, start, start), None);
        assert_eq!(missing_range.missed(4, 5, late, late), None);
        missing_range.forget();
        let later = late + limits::MISSING_STANDS;
        assert_eq!(missing_range.missed(4, 5, later, later), None);
    }
}
