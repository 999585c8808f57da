//! Which requests are at an item now, and which of them conflict: pure.
//!
//! A transaction conflicts with any other write of one of its items; two plain
//! writes never conflict (developer guide, "Transaction conflict handling").

use std::collections::HashMap;

#[derive(Debug, Default)]
struct Holders {
    transaction: bool,
    plain: u32,
}

/// The items being written.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    held: HashMap<String, Holders>,
}

impl Claims {
    /// Claims every item for one request, or none of them.
    ///
    /// # Errors
    /// For each item in order, whether it was to blame.
    pub(crate) fn claim(&mut self, items: &[String], transaction: bool) -> Result<(), Vec<bool>> {
        let conflicts: Vec<bool> = items
            .iter()
            .map(|item| {
                self.held.get(item).is_some_and(|holders| {
                    holders.transaction || (transaction && holders.plain > 0)
                })
            })
            .collect();
        if conflicts.contains(&true) {
            return Err(conflicts);
        }
        for item in items {
            let holders = self.held.entry(item.clone()).or_default();
            if transaction {
                holders.transaction = true;
            } else {
                holders.plain += 1;
            }
        }
        Ok(())
    }

    /// Lets go what [`Claims::claim`] gave.
    pub(crate) fn release(&mut self, items: &[String], transaction: bool) {
        for item in items {
            let Some(holders) = self.held.get_mut(item) else { continue };
            if transaction {
                holders.transaction = false;
            } else {
                holders.plain = holders.plain.saturating_sub(1);
            }
            if !holders.transaction && holders.plain == 0 {
                self.held.remove(item);
            }
        }
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn items(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn overlapping_transactions_conflict_on_the_shared_item_alone() {
        let mut claims = Claims::default();
        claims.claim(&items(&["a", "b"]), true).unwrap();
        assert_eq!(claims.claim(&items(&["c", "b"]), true), Err(vec![false, true]));
        claims.claim(&items(&["c"]), true).unwrap();
        claims.release(&items(&["a", "b"]), true);
        claims.claim(&items(&["b"]), true).unwrap();
    }

    #[test]
    fn plain_writes_conflict_with_transactions_but_not_with_each_other() {
        let mut claims = Claims::default();
        claims.claim(&items(&["a"]), false).unwrap();
        claims.claim(&items(&["a"]), false).unwrap();
        assert!(claims.claim(&items(&["a"]), true).is_err());
        claims.release(&items(&["a"]), false);
        assert!(claims.claim(&items(&["a"]), true).is_err(), "one is still there");
        claims.release(&items(&["a"]), false);
        claims.claim(&items(&["a"]), true).unwrap();
        assert!(claims.claim(&items(&["a"]), false).is_err());
    }

    proptest! {
        #[test]
        fn no_two_transactions_ever_hold_an_item_and_nothing_is_left_held(
            requests in prop::collection::vec(
                (prop::collection::btree_set(0..6_u8, 1..4), any::<bool>(), any::<bool>()), 1..60,
            ),
        ) {
            let mut claims = Claims::default();
            let mut open: Vec<(Vec<String>, bool)> = Vec::new();
            for (wanted, transaction, release_first) in requests {
                if release_first && !open.is_empty() {
                    let (held, transaction) = open.remove(0);
                    claims.release(&held, transaction);
                }
                let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
                let overlaps = open.iter().any(|(held, other)| {
                    (transaction || *other) && held.iter().any(|item| wanted.contains(item))
                });
                let claimed = claims.claim(&wanted, transaction);
                prop_assert_eq!(claimed.is_err(), overlaps);
                if claimed.is_ok() {
                    open.push((wanted, transaction));
                }
            }
            for (held, transaction) in open {
                claims.release(&held, transaction);
            }
            prop_assert!(claims.is_empty());
        }
    }
}
