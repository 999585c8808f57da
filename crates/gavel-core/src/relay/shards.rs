//! Shard lineage: which shards are to be read, from where, and when. Pure.
//!
//! A parent is read to its end before its children. Shards that exist at the start are read from
//! the tip, those discovered later from the beginning: LATEST would lose what was written before
//! the discovery (SOURCES.md#streams). A shard whose reader gave up while the stream still lists it
//! is read again from its tip; what was missed meanwhile is in the table.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The id of a shard.
pub type ShardId = Arc<str>;

/// A shard as DescribeStream returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The id of the shard.
    pub id: ShardId,
    /// The shard it continues.
    pub parent: Option<ShardId>,
}

/// Where a reader starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At records written from now on.
    Latest,
    /// At the oldest record that is still kept.
    TrimHorizon,
}

/// A shard to read now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The shard.
    pub id: ShardId,
    /// Where to start.
    pub start: Start,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Its parent is not read to the end yet.
    Waiting {
        parent: ShardId,
    },
    Reading,
    Done,
    /// Its reader gave up, so the rest of it counts as read.
    GivenUp,
}

impl State {
    fn is_over(&self) -> bool {
        matches!(self, Self::Done | Self::GivenUp)
    }
}

/// The known shards of a stream.
#[derive(Debug, Default)]
pub struct Lineage {
    shards: BTreeMap<ShardId, State>,
    begun: bool,
}

impl Lineage {
    /// Takes a whole description of the stream; returns the shards to read from now on.
    ///
    /// A shard that is no longer in the description is forgotten once it is done: a missing parent
    /// counts as done.
    pub fn described(&mut self, described: &[Description]) -> Vec<Assignment> {
        let ids: BTreeSet<&ShardId> = described.iter().map(|shard| &shard.id).collect();
        let parents: BTreeSet<&ShardId> =
            described.iter().filter_map(|shard| shard.parent.as_ref()).collect();
        let first = !std::mem::replace(&mut self.begun, true);
        let mut assignments = Vec::new();
        for shard in described {
            let has_children = parents.contains(&shard.id);
            match self.shards.get(&shard.id) {
                // A shard with children receives no more records.
                Some(State::GivenUp) if !has_children => {
                    let again = assign(&mut assignments, &shard.id, Start::Latest);
                    self.shards.insert(shard.id.clone(), again);
                    continue;
                }
                Some(_) => continue,
                None => {}
            }
            let state = if !first {
                match &shard.parent {
                    Some(parent) => State::Waiting { parent: parent.clone() },
                    None => assign(&mut assignments, &shard.id, Start::TrimHorizon),
                }
            } else if has_children {
                // It has children, so it is closed, and what it holds is in the table.
                State::Done
            } else {
                assign(&mut assignments, &shard.id, Start::Latest)
            };
            self.shards.insert(shard.id.clone(), state);
        }
        self.shards.retain(|id, state| ids.contains(id) || !state.is_over());
        assignments.extend(self.release());
        assignments
    }

    /// A shard was read to its end (NextShardIterator was null); returns the shards to read next.
    pub fn ended(&mut self, id: &ShardId) -> Vec<Assignment> {
        if let Some(state) = self.shards.get_mut(id) {
            *state = State::Done;
        }
        self.release()
    }

    /// A reader gave a shard up; returns the shards to read next.
    pub fn gave_up(&mut self, id: &ShardId) -> Vec<Assignment> {
        if let Some(state) = self.shards.get_mut(id) {
            *state = State::GivenUp;
        }
        self.release()
    }

    /// The number of shards being read.
    pub fn reading(&self) -> usize {
        self.shards.values().filter(|state| **state == State::Reading).count()
    }

    fn release(&mut self) -> Vec<Assignment> {
        let is_done = |id: &ShardId| self.shards.get(id).is_none_or(State::is_over);
        let ready: Vec<ShardId> = self
            .shards
            .iter()
            .filter(|(_, state)| matches!(state, State::Waiting { parent } if is_done(parent)))
            .map(|(id, _)| id.clone())
            .collect();
        let mut assignments = Vec::with_capacity(ready.len());
        for id in ready {
            let state = assign(&mut assignments, &id, Start::TrimHorizon);
            self.shards.insert(id, state);
        }
        assignments
    }
}

fn assign(assignments: &mut Vec<Assignment>, id: &ShardId, start: Start) -> State {
    assignments.push(Assignment { id: id.clone(), start });
    State::Reading
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shard(id: &str, parent: Option<&str>) -> Description {
        Description { id: id.into(), parent: parent.map(Into::into) }
    }

    fn latest(id: &str) -> Assignment {
        Assignment { id: id.into(), start: Start::Latest }
    }

    fn horizon(id: &str) -> Assignment {
        Assignment { id: id.into(), start: Start::TrimHorizon }
    }

    #[test]
    fn at_the_start_open_shards_are_read_from_their_tip_and_closed_ones_not_at_all() {
        let mut lineage = Lineage::default();
        let described = [shard("a", None), shard("b", Some("a")), shard("c", None)];
        assert_eq!(lineage.described(&described), vec![latest("b"), latest("c")]);
        assert_eq!(lineage.described(&described), vec![]);
    }

    #[test]
    fn a_child_waits_for_its_parents_end_and_begins_at_its_oldest_record() {
        let mut lineage = Lineage::default();
        lineage.described(&[shard("a", None)]);
        let split = [shard("a", None), shard("b", Some("a")), shard("c", Some("a"))];
        assert_eq!(lineage.described(&split), vec![]);
        assert_eq!(lineage.ended(&"a".into()), vec![horizon("b"), horizon("c")]);
        assert_eq!(lineage.reading(), 2);
    }

    #[test]
    fn children_that_become_visible_after_their_parents_end_are_read() {
        let mut lineage = Lineage::default();
        lineage.described(&[shard("a", None)]);
        assert_eq!(lineage.ended(&"a".into()), vec![]);
        assert_eq!(lineage.described(&[shard("b", Some("a"))]), vec![horizon("b")]);
    }

    #[test]
    fn a_parent_that_was_never_seen_counts_as_done() {
        let mut lineage = Lineage::default();
        lineage.described(&[shard("a", None)]);
        assert_eq!(lineage.described(&[shard("z", Some("y"))]), vec![horizon("z")]);
    }

    #[test]
    fn a_shard_that_is_listed_although_its_reader_gave_up_is_read_again_from_its_tip() {
        let mut lineage = Lineage::default();
        let described = [shard("a", None), shard("b", None)];
        lineage.described(&described);
        assert_eq!(lineage.gave_up(&"a".into()), vec![]);
        assert_eq!(lineage.reading(), 1);
        assert_eq!(lineage.described(&described), vec![latest("a")]);
        assert_eq!(lineage.described(&described), vec![], "once");
        assert_eq!(lineage.reading(), 2);
        // One that has ended is not.
        lineage.ended(&"b".into());
        assert_eq!(lineage.described(&described), vec![]);
    }

    #[test]
    fn the_children_of_a_shard_that_was_given_up_are_read_instead_of_it() {
        let mut lineage = Lineage::default();
        lineage.described(&[shard("a", None)]);
        let rolled = [shard("a", None), shard("b", Some("a"))];
        assert_eq!(lineage.described(&rolled), vec![]);
        assert_eq!(lineage.gave_up(&"a".into()), vec![horizon("b")]);
        assert_eq!(lineage.described(&rolled), vec![]);
        // It leaves the description, and is forgotten.
        assert_eq!(lineage.described(&rolled[1..]), vec![]);
        assert_eq!(lineage.reading(), 1);
    }

    #[test]
    fn a_grandchild_waits_for_the_whole_line() {
        let mut lineage = Lineage::default();
        lineage.described(&[shard("a", None)]);
        lineage.described(&[shard("a", None), shard("b", Some("a")), shard("c", Some("b"))]);
        assert_eq!(lineage.ended(&"a".into()), vec![horizon("b")]);
        assert_eq!(lineage.ended(&"b".into()), vec![horizon("c")]);
    }

    proptest! {
        /// Shards roll and split, are described late and forgotten early: each that was open at
        /// the start or came later is read once, and none before its parent has ended.
        #[test]
        fn every_shard_is_read_once_and_after_its_parent(
            steps in prop::collection::vec((0_usize..8, 0_u8..3), 1..60),
        ) {
            let mut lineage = Lineage::default();
            let mut all = vec![shard("0", None), shard("1", None)];
            let mut reading: Vec<ShardId> = Vec::new();
            let mut read: BTreeSet<ShardId> = BTreeSet::new();
            let mut ended: BTreeSet<ShardId> = BTreeSet::new();
            let parent_of: fn(&[Description], &ShardId) -> Option<ShardId> =
                |all, id| all.iter().find(|s| s.id == *id).and_then(|s| s.parent.clone());
            let mut take = |assigned: Vec<Assignment>, all: &[Description],
                            ended: &BTreeSet<ShardId>, reading: &mut Vec<ShardId>| {
                for assignment in assigned {
                    let parent = parent_of(all, &assignment.id);
                    prop_assert!(parent.is_none_or(|parent| ended.contains(&parent)));
                    prop_assert!(read.insert(assignment.id.clone()), "read twice");
                    reading.push(assignment.id);
                }
                Ok(())
            };
            take(lineage.described(&all), &all, &ended, &mut reading)?;
            for (pick, action) in steps {
                match action {
                    0 if !reading.is_empty() => {
                        let id = reading.remove(pick % reading.len());
                        ended.insert(id.clone());
                        take(lineage.ended(&id), &all, &ended, &mut reading)?;
                    }
                    1 => {
                        // A shard without children splits; whether it was read yet or not.
                        let leaf = all[pick % all.len()].id.clone();
                        for _ in 0..=(pick % 2) {
                            let id: ShardId = all.len().to_string().into();
                            all.push(Description { id, parent: Some(leaf.clone()) });
                        }
                    }
                    _ => take(lineage.described(&all), &all, &ended, &mut reading)?,
                }
            }
            take(lineage.described(&all), &all, &ended, &mut reading)?;
            while let Some(id) = reading.pop() {
                ended.insert(id.clone());
                take(lineage.ended(&id), &all, &ended, &mut reading)?;
            }
            prop_assert_eq!(read.len(), all.len());
        }
    }
}
