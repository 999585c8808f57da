//! A stream's description, page by page: a page that fails is requested again, and earlier pages
//! are kept. Pure.

use super::shards::{Description, ShardId};
use super::stream::Listed;

/// A description of which some pages are known.
#[derive(Debug, Default)]
pub(super) struct Walk {
    shards: Vec<Description>,
    after: Option<ShardId>,
}

/// A whole description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Described {
    /// Every shard that the stream has.
    pub(super) shards: Vec<Description>,
    /// Whether the stream receives records.
    pub(super) is_enabled: bool,
}

impl Walk {
    /// The shard after which the next page begins.
    pub(super) fn after(&self) -> Option<&ShardId> {
        self.after.as_ref()
    }

    /// Takes the next page; after the last one, returns the whole description and starts over.
    pub(super) fn take(&mut self, page: Listed) -> Option<Described> {
        self.shards.extend(page.shards);
        // A page that ends where it began would be requested forever.
        self.after = page.next.filter(|next| self.after.as_ref() != Some(next));
        if self.after.is_some() {
            return None;
        }
        let shards = std::mem::take(&mut self.shards);
        Some(Described { shards, is_enabled: page.is_enabled })
    }

    /// Starts over; returns whether some pages were known.
    pub(super) fn restart(&mut self) -> bool {
        self.shards.clear();
        self.after.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(ids: &[&str], next: Option<&str>) -> Listed {
        let shards = ids.iter().map(|id| Description { id: (*id).into(), parent: None }).collect();
        Listed { shards, next: next.map(Into::into), is_enabled: true }
    }

    #[test]
    fn pages_add_up_and_the_next_description_begins_anew() {
        let mut walk = Walk::default();
        for _ in 0..2 {
            assert_eq!(walk.take(page(&["a", "b"], Some("b"))), None);
            assert_eq!(walk.after(), Some(&"b".into()));
            let whole = walk.take(page(&["c"], None)).expect("the last page");
            assert_eq!(whole.shards, page(&["a", "b", "c"], None).shards);
            assert_eq!(walk.after(), None);
        }
    }

    #[test]
    fn a_page_that_leads_to_itself_is_the_last() {
        let mut walk = Walk::default();
        assert_eq!(walk.take(page(&["a"], Some("a"))), None);
        assert!(walk.take(page(&[], Some("a"))).is_some());
    }

    #[test]
    fn a_restart_forgets_the_pages() {
        let mut walk = Walk::default();
        assert!(!walk.restart());
        walk.take(page(&["a"], Some("a")));
        assert!(walk.restart());
        assert_eq!(walk.take(page(&["b"], None)).expect("whole").shards.len(), 1);
    }
}
