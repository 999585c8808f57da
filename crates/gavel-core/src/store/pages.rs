//! Pages of a list that is spread over partitions of the index. Pure.
//!
//! The list is ordered by time, then by partition, then by the index's own order among auctions of
//! the same time in one partition, which is unknown but stable. Where a page ends within such ties,
//! each partition is therefore continued from a key, not from a time: a page costs the same however
//! many auctions share an end.

use super::phase::{Place, partition_of};
use crate::auction::Timestamp;
use crate::limits;

/// The direction of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The earliest first.
    Ascending,
    /// The latest first.
    Descending,
}

/// The part of one partition that comes after a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Times from this one on.
    pub from: Timestamp,
    /// Times up to this one.
    pub until: Timestamp,
    /// Entries after this key, which is within the times.
    pub after: Option<Place>,
}

/// The part of a partition after a position, with times up to `until`; `None` if nothing can
/// follow.
pub fn span(
    partition: u8,
    after: Option<&Place>,
    until: Timestamp,
    direction: Direction,
) -> Option<Span> {
    let whole = Span { from: Timestamp::from_micros(0), until, after: None };
    let span = match (after, direction) {
        (None, _) => whole,
        (Some(seen), _) if partition_of(&seen.id) == partition => match direction {
            Direction::Ascending => Span { from: seen.at, after: Some(seen.clone()), ..whole },
            Direction::Descending => Span { until: seen.at, after: Some(seen.clone()), ..whole },
        },
        (Some(seen), Direction::Ascending) => {
            // Ties in partitions before that one have been seen.
            let is_seen = partition < partition_of(&seen.id);
            let from_us = seen.at.as_micros().saturating_add(i64::from(is_seen));
            Span { from: Timestamp::from_micros(from_us), ..whole }
        }
        (Some(seen), Direction::Descending) => {
            let is_seen = partition > partition_of(&seen.id);
            let until_us = seen.at.as_micros().saturating_sub(i64::from(is_seen));
            Span { until: Timestamp::from_micros(until_us), ..whole }
        }
    };
    (span.from <= span.until).then_some(span)
}

/// The first `limit` of the next entries of all partitions, in the list's order. `partitions` are
/// in the order of their numbers, each in its own order.
pub fn merge(partitions: Vec<Vec<Place>>, limit: usize, direction: Direction) -> Vec<Place> {
    let mut places: Vec<Place> = match direction {
        Direction::Ascending => partitions.into_iter().flatten().collect(),
        Direction::Descending => partitions.into_iter().rev().flatten().collect(),
    };
    // Stable: ties stay in the order of their partitions, and of the index within each.
    match direction {
        Direction::Ascending => places.sort_by_key(|place| place.at),
        Direction::Descending => places.sort_by_key(|place| std::cmp::Reverse(place.at)),
    }
    places.truncate(limit);
    places
}

/// The numbers of the partitions of a phase.
pub fn partitions() -> impl Iterator<Item = u8> {
    0..limits::DUE_PARTITIONS
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::auction::AuctionId;

    /// Partitions as an index holds them: by time, ties in an order of its own.
    struct Index(Vec<Vec<Place>>);

    impl Index {
        fn of(times: &[i64]) -> Self {
            let mut index = vec![Vec::new(); partitions().count()];
            for at in times {
                let place = Place { at: Timestamp::from_micros(*at), id: AuctionId::random() };
                index[usize::from(partition_of(&place.id))].push(place);
            }
            index.iter_mut().for_each(|partition| partition.sort_by_key(|place| place.at));
            Self(index)
        }

        /// What a query of `limit` items answers.
        fn query(&self, partition: u8, span: &Span, limit: usize, by: Direction) -> Vec<Place> {
            let mut all = self.0[usize::from(partition)].clone();
            if by == Direction::Descending {
                all.reverse();
            }
            let seen = |after: &Place| all.iter().position(|place| place == after);
            let skip = span.after.as_ref().and_then(seen).map_or(0, |at| at + 1);
            let rest = all.into_iter().skip(skip);
            rest.filter(|place| place.at >= span.from && place.at <= span.until)
                .take(limit)
                .collect()
        }

        /// Every page of the list, and the most items that one of them read.
        fn list(&self, limit: usize, by: Direction) -> (Vec<Place>, usize) {
            let (mut seen, mut read_max) = (Vec::new(), 0);
            loop {
                let until = Timestamp::from_micros(i64::MAX);
                let read: Vec<Vec<Place>> = partitions()
                    .map(|number| match span(number, seen.last(), until, by) {
                        Some(span) => self.query(number, &span, limit, by),
                        None => Vec::new(),
                    })
                    .collect();
                read_max = read_max.max(read.iter().map(Vec::len).sum());
                let page = merge(read, limit, by);
                if page.is_empty() {
                    return (seen, read_max);
                }
                seen.extend(page);
            }
        }
    }

    proptest! {
        #[test]
        fn pages_hold_every_auction_once_in_the_order_of_time_and_cost_the_same_with_any_ties(
            times in prop::collection::vec(0..4_i64, 0..200),
            limit in 1..12_usize,
            descending: bool,
        ) {
            let index = Index::of(&times);
            let by = if descending { Direction::Descending } else { Direction::Ascending };
            let (seen, read_max) = index.list(limit, by);
            let ids: HashSet<_> = seen.iter().map(|place| &place.id).collect();
            prop_assert_eq!((seen.len(), ids.len()), (times.len(), times.len()));
            let ordered = match by {
                Direction::Ascending => seen.is_sorted_by_key(|place| place.at),
                Direction::Descending => seen.is_sorted_by(|a, b| a.at >= b.at),
            };
            prop_assert!(ordered);
            prop_assert!(read_max <= limit * partitions().count());
        }
    }

    #[test]
    fn a_page_of_six_thousand_lots_with_one_end_reads_a_page_of_each_partition() {
        let index = Index::of(&[7].repeat(6000));
        let (seen, read_max) = index.list(20, Direction::Ascending);
        assert_eq!((seen.len(), read_max), (6000, 20 * partitions().count()));
    }
}
