//! The shards of a stream, their parents and children: pure.
//!
//! A shard holds the records of a range of key hashes that became visible
//! between its start and its end. A closed shard's children share its range and
//! start where it ended, so an item's records never overtake each other as long
//! as parents are read first.

use crate::clock::Micros;

use super::key::Key;

/// Open shards at once, at most; as many as a large table has.
pub(crate) const OPEN_MAX: usize = 256;

/// Key hashes from `low` to `high`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HashRange {
    pub(crate) low: u32,
    pub(crate) high: u32,
}

impl HashRange {
    const ALL: Self = Self { low: 0, high: u32::MAX };

    pub(crate) fn contains(self, hash: u32) -> bool {
        (self.low..=self.high).contains(&hash)
    }

    /// Equal parts, as far as integers allow.
    fn parts(self, count: u32) -> Vec<Self> {
        let width = u64::from(self.high - self.low) + 1;
        let cut =
            |part: u32| (u64::from(self.low) + width * u64::from(part) / u64::from(count)) as u32;
        (0..count)
            .map(|part| {
                let high = if part + 1 == count { self.high } else { cut(part + 1) - 1 };
                Self { low: cut(part), high }
            })
            .collect()
    }
}

/// One shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shard {
    pub(crate) id: String,
    pub(crate) parent: Option<String>,
    pub(crate) range: HashRange,
    /// The first time whose records it holds.
    pub(crate) starts: Micros,
    /// The first time whose records it no longer holds; `None`: still open.
    pub(crate) ends: Option<Micros>,
    /// When `DescribeStream` begins to list it.
    described_from: Micros,
    /// When `DescribeStream` stops listing it.
    described_until: Option<Micros>,
    /// The last of its records that was trimmed.
    pub(crate) trimmed: Option<Key>,
}

impl Shard {
    pub(crate) fn is_described(&self, now: Micros) -> bool {
        now >= self.described_from && self.described_until.is_none_or(|until| now < until)
    }
}

/// Why a shard was not split or rolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// No open shard has this id.
    #[error("no open shard has that id")]
    NotOpen,
    /// There are too many open shards already.
    #[error("there are {OPEN_MAX} open shards already")]
    TooMany,
    /// The shard holds one key hash only.
    #[error("the shard is too narrow to split")]
    TooNarrow,
    /// The shard has only just started.
    #[error("the shard is too young to close")]
    TooYoung,
}

/// Every shard a stream has or had, oldest first.
#[derive(Debug)]
pub(crate) struct Lineage {
    shards: Vec<Shard>,
    made: u64,
}

impl Lineage {
    /// `count` open shards that start at `starts`, listed at once.
    ///
    /// `named` goes into their ids, so that a restart gives new ones.
    pub(crate) fn new(count: u32, starts: Micros, named: Micros) -> Self {
        let mut lineage = Self { shards: Vec::new(), made: 0 };
        for range in HashRange::ALL.parts(count.max(1)) {
            lineage.add(None, range, starts, named, Micros(0));
        }
        lineage
    }

    fn add(
        &mut self,
        parent: Option<String>,
        range: HashRange,
        starts: Micros,
        named: Micros,
        described_from: Micros,
    ) -> String {
        // The shape of AWS's ids: time, then something unique.
        let id = format!("shardId-{:020}-{:08x}", named.0 / 1_000, self.made);
        self.made += 1;
        self.shards.push(Shard {
            id: id.clone(),
            parent,
            range,
            starts,
            ends: None,
            described_from,
            described_until: None,
            trimmed: None,
        });
        id
    }

    pub(crate) fn shards(&self) -> &[Shard] {
        &self.shards
    }

    pub(crate) fn shard(&self, id: &str) -> Option<&Shard> {
        self.shards.iter().find(|shard| shard.id == id)
    }

    pub(crate) fn open(&self) -> impl Iterator<Item = &Shard> {
        self.shards.iter().filter(|shard| shard.ends.is_none())
    }

    /// Closes the open shard `id` at `at` in favour of `children` new ones (1 is a roll, 2 a
    /// split), which `DescribeStream` lists from `described` on.
    pub(crate) fn close(
        &mut self,
        id: &str,
        children: u32,
        at: Micros,
        described: Micros,
    ) -> Result<Vec<String>, ShardError> {
        let open = self.open().count();
        let shard = self.shards.iter_mut().find(|shard| shard.id == id && shard.ends.is_none());
        let shard = shard.ok_or(ShardError::NotOpen)?;
        if at <= shard.starts {
            return Err(ShardError::TooYoung);
        }
        if open - 1 + children as usize > OPEN_MAX {
            return Err(ShardError::TooMany);
        }
        if u64::from(shard.range.high - shard.range.low) + 1 < u64::from(children) {
            return Err(ShardError::TooNarrow);
        }
        shard.ends = Some(at);
        let (parent, range) = (shard.id.clone(), shard.range);
        let parts = range.parts(children).into_iter();
        Ok(parts.map(|part| self.add(Some(parent.clone()), part, at, at, described)).collect())
    }

    /// Closes every open shard at `at`, without children.
    pub(crate) fn end(&mut self, at: Micros) {
        for shard in self.shards.iter_mut().filter(|shard| shard.ends.is_none()) {
            shard.ends = Some(at.max(Micros(shard.starts.0 + 1)));
        }
    }

    /// Makes closed shards leave `DescribeStream` that ended before `ended`;
    /// iterators on them go on.
    pub(crate) fn forget_closed(&mut self, ended: Micros, now: Micros) -> usize {
        let mut forgotten = 0;
        for shard in &mut self.shards {
            if shard.described_until.is_none() && shard.ends.is_some_and(|ends| ends < ended) {
                shard.described_until = Some(now);
                forgotten += 1;
            }
        }
        forgotten
    }

    /// Drops forgotten shards of which nothing can be read any more.
    pub(crate) fn drop_unreadable(&mut self, oldest: Micros) {
        self.shards.retain(|shard| {
            shard.described_until.is_none() || shard.ends.is_none_or(|ends| ends > oldest)
        });
    }

    /// Marks what a trim has taken from the shard that held it.
    pub(crate) fn mark_trimmed(&mut self, hash: u32, key: Key) {
        let holder = self.shards.iter_mut().find(|shard| {
            shard.range.contains(hash)
                && shard.starts <= key.visible
                && shard.ends.is_none_or(|ends| key.visible < ends)
        });
        if let Some(shard) = holder {
            shard.trimmed = shard.trimmed.max(Some(key));
        }
    }

    /// One page of `DescribeStream`: the shards after `after`, at most `limit`,
    /// only the children of `children_of` if given; and whether more follow.
    pub(crate) fn describe(
        &self,
        now: Micros,
        after: Option<&str>,
        limit: usize,
        children_of: Option<&str>,
    ) -> (Vec<&Shard>, bool) {
        let from = after
            .and_then(|after| self.shards.iter().position(|shard| shard.id == after))
            .map_or(0, |position| position + 1);
        let mut described = self.shards[from..].iter().filter(|shard| {
            shard.is_described(now)
                && children_of.is_none_or(|parent| shard.parent.as_deref() == Some(parent))
        });
        let page: Vec<&Shard> = described.by_ref().take(limit).collect();
        let more = described.next().is_some();
        (page, more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Micros = Micros(1_000_000);

    fn ids(shards: &[&Shard]) -> Vec<String> {
        shards.iter().map(|shard| shard.id.clone()).collect()
    }

    #[test]
    fn a_split_gives_two_children_that_halve_the_range_and_start_where_it_ended() {
        let mut lineage = Lineage::new(1, Micros(1), Micros(1));
        let root = lineage.shards()[0].id.clone();
        let children = lineage.close(&root, 2, NOW, NOW).unwrap();
        assert_eq!(lineage.shard(&root).unwrap().ends, Some(NOW));
        let [low, high] = [&children[0], &children[1]].map(|id| lineage.shard(id).unwrap());
        assert_eq!((low.starts, high.starts), (NOW, NOW));
        assert_eq!((low.range.low, high.range.high), (0, u32::MAX));
        assert_eq!(low.range.high + 1, high.range.low);
        assert_eq!(low.parent.as_deref(), Some(root.as_str()));
        assert_eq!(lineage.close(&root, 1, Micros(NOW.0 + 1), NOW), Err(ShardError::NotOpen));
    }

    #[test]
    fn a_child_becomes_visible_late_and_a_parent_leaves() {
        let mut lineage = Lineage::new(1, Micros(1), Micros(1));
        let root = lineage.shards()[0].id.clone();
        let late = Micros(NOW.0 + 50);
        let child = lineage.close(&root, 1, NOW, late).unwrap().remove(0);
        let told = |lineage: &Lineage, at| ids(&lineage.describe(at, None, 100, None).0);
        assert_eq!(told(&lineage, NOW), [root.as_str()]);
        assert!(lineage.describe(NOW, None, 100, Some(&root)).0.is_empty());
        assert_eq!(told(&lineage, late), [root.as_str(), child.as_str()]);
        assert_eq!(ids(&lineage.describe(late, None, 100, Some(&root)).0), [child.as_str()]);
        assert_eq!(lineage.forget_closed(late, late), 1);
        assert_eq!(told(&lineage, late), [child.as_str()]);
        assert!(lineage.shard(&root).is_some(), "its iterators go on");
    }

    #[test]
    fn pages_follow_each_other_without_gap() {
        let lineage = Lineage::new(5, Micros(1), Micros(1));
        let (first, more) = lineage.describe(NOW, None, 2, None);
        assert!(more);
        let (second, more) = lineage.describe(NOW, Some(&first[1].id), 2, None);
        assert!(more);
        let (third, more) = lineage.describe(NOW, Some(&second[1].id), 2, None);
        assert!(!more);
        let all = ids(&[first, second, third].concat());
        assert_eq!(all, ids(&lineage.shards().iter().collect::<Vec<_>>()));
    }

    proptest! {
        #[test]
        fn every_record_belongs_to_exactly_one_shard_whatever_was_split(
            roots in 1..6_u32,
            closes in prop::collection::vec((any::<prop::sample::Index>(), 1..4_u32, 1..50_u64), 0..40),
            records in prop::collection::vec((any::<u32>(), 1..3_000_u64), 1..50),
        ) {
            let mut lineage = Lineage::new(roots, Micros(1), Micros(1));
            let mut now = Micros(1);
            for (which, children, wait) in closes {
                now = Micros(now.0 + wait);
                let open: Vec<String> = lineage.open().map(|shard| shard.id.clone()).collect();
                let id = which.get(&open);
                let closed = lineage.close(id, children, now, now);
                prop_assert!(closed.is_ok() || closed == Err(ShardError::TooYoung));
            }
            for (hash, visible) in records {
                let holders = lineage.shards().iter().filter(|shard| {
                    shard.range.contains(hash)
                        && shard.starts <= Micros(visible)
                        && shard.ends.is_none_or(|ends| Micros(visible) < ends)
                });
                prop_assert_eq!(holders.count(), 1);
            }
            for shard in lineage.shards() {
                let Some(parent) = &shard.parent else { continue };
                let parent = lineage.shard(parent).unwrap();
                prop_assert_eq!(parent.ends, Some(shard.starts));
                prop_assert!(parent.range.contains(shard.range.low));
                prop_assert!(parent.range.contains(shard.range.high));
            }
        }
    }
}
