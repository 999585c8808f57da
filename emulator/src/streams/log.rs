//! The records of one stream, in the order they become visible: pure.

use std::collections::BTreeMap;
use std::ops::Range;

use super::key::Key;
use super::lineage::HashRange;
use crate::engine::{PAGE_BYTES_MAX, PAGE_RECORDS_MAX};

/// Records kept; older ones are trimmed, as AWS does after 24 hours.
const RECORDS_MAX: usize = 250_000;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Of its partition key: which shard holds it.
    pub(crate) hash: u32,
    /// The record as `GetRecords` answers it, in JSON.
    pub(crate) json: Box<str>,
}

/// One page of a shard.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page<'a> {
    pub(crate) records: Vec<&'a str>,
    /// Where the next page begins.
    pub(crate) next: Key,
}

/// Every record that was committed and not yet trimmed, visible or not.
#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: BTreeMap<Key, Entry>,
}

impl Log {
    pub(crate) fn insert(&mut self, key: Key, entry: Entry) {
        self.entries.insert(key, entry);
    }

    /// The last record's place.
    pub(crate) fn last(&self) -> Option<Key> {
        self.entries.last_key_value().map(|(key, _)| *key)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The records of `range` within `places`, as many as a page may hold, and
    /// at most `limit`.
    pub(crate) fn page(&self, range: HashRange, places: Range<Key>, limit: usize) -> Page<'_> {
        let limit = limit.clamp(1, PAGE_RECORDS_MAX);
        let mut page = Page { records: Vec::new(), next: places.start };
        if places.start >= places.end {
            return page;
        }
        let mut bytes = 0;
        for (key, entry) in self.entries.range(places.clone()) {
            if !range.contains(entry.hash) {
                continue;
            }
            bytes += entry.json.len();
            let is_full =
                page.records.len() == limit || (bytes > PAGE_BYTES_MAX && !page.records.is_empty());
            if is_full {
                return page;
            }
            page.records.push(&entry.json);
            page.next = key.next();
        }
        page.next = places.end;
        page
    }

    /// Takes out what lies before `before` and what is too much; answers what
    /// was taken, as hashes and places.
    pub(crate) fn trim(&mut self, before: Key) -> Vec<(u32, Key)> {
        let mut taken = Vec::new();
        while let Some(first) = self.entries.first_entry() {
            if *first.key() >= before && self.entries.len() <= RECORDS_MAX {
                break;
            }
            let Some((key, entry)) = self.entries.pop_first() else { break };
            taken.push((entry.hash, key));
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Micros;
    use proptest::prelude::*;

    const LOW: HashRange = HashRange { low: 0, high: 9 };

    fn key(time: u64) -> Key {
        Key::from_time(Micros(time))
    }

    fn log(records: &[(u64, u32)]) -> Log {
        let mut log = Log::default();
        for (time, hash) in records {
            log.insert(key(*time), Entry { hash: *hash, json: time.to_string().into() });
        }
        log
    }

    #[test]
    fn a_page_holds_only_its_shards_visible_records() {
        let log = log(&[(1, 5), (2, 50), (3, 5), (9, 5)]);
        let page = log.page(LOW, key(0)..key(9), 10);
        assert_eq!(page.records, ["1", "3"]);
        assert_eq!(page.next, key(9), "what is not its own is skipped for good");
    }

    #[test]
    fn a_page_ends_at_a_megabyte_but_never_before_one_record() {
        let mut log = Log::default();
        for time in 0..3 {
            log.insert(key(time), Entry { hash: 1, json: "x".repeat(600_000).into() });
        }
        let page = log.page(LOW, key(0)..key(9), 10);
        assert_eq!(page.records.len(), 1);
        assert_eq!(log.page(LOW, page.next..key(9), 10).records.len(), 1);
    }

    #[test]
    fn a_trim_tells_what_it_took() {
        let mut log = log(&[(1, 5), (2, 50), (3, 5)]);
        assert_eq!(log.trim(key(3)), [(5, key(1)), (50, key(2))]);
        assert_eq!(log.len(), 1);
    }

    proptest! {
        #[test]
        fn pages_give_each_record_once_and_in_order(
            hashes in prop::collection::vec(0..20_u32, 0..200), limit in 1..7_usize,
        ) {
            let records: Vec<(u64, u32)> =
                hashes.iter().enumerate().map(|(time, hash)| (time as u64, *hash)).collect();
            let log = log(&records);
            let end = key(records.len() as u64);
            let (mut read, mut from) = (Vec::new(), key(0));
            while from < end {
                let page = log.page(LOW, from..end, limit);
                prop_assert!(page.next > from && page.records.len() <= limit);
                read.extend(page.records.iter().map(|text| text.parse::<u64>().unwrap()));
                from = page.next;
            }
            let own: Vec<u64> =
                records.iter().filter(|(_, hash)| LOW.contains(*hash)).map(|(time, _)| *time).collect();
            prop_assert_eq!(read, own);
        }
    }
}
