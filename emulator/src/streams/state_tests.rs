//! One stream, driven by hand: cases, and a property over whole schedules.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;

use super::key::{Iterator as ShardIterator, Key};
use super::state::{Committed, Start, StreamOptions, StreamState};
use super::visibility::Visibility;
use crate::arn::StreamName;
use crate::call::Reply;
use crate::clock::Micros;
use crate::latency::{Delay, Order, Propagation};
use crate::random;

const SECOND: Duration = Duration::from_secs(1);
const BEGAN: Micros = Micros(1_000_000_000);

fn at_ms(ms: u64) -> Micros {
    BEGAN + Duration::from_millis(ms)
}

fn name() -> StreamName {
    StreamName { table: "table".to_owned(), label: "1.0".to_owned() }
}

/// A stream of `shards` whose records take `delay_ms` to appear.
fn stream(shards: u32, delay_ms: f64) -> StreamState {
    let delay = Delay { base_ms: delay_ms, ..Delay::NONE };
    let propagation = Propagation { delay, ..Propagation::default() };
    let options = StreamOptions { shards, child_hidden_ms: 0, ..StreamOptions::aws() };
    StreamState::new(name(), options, Visibility::new(propagation, 1), BEGAN, BEGAN)
}

fn committed(at: Micros, item: &str) -> Committed {
    let name = item.to_owned();
    Committed {
        engine: at.0,
        partition: random::hash(item.as_bytes()),
        item: random::hash(item.as_bytes()),
        json: Box::new(move |sequence| format!(r#""item":"{name}","sequence":"{sequence}"}}"#)),
    }
}

fn commit(stream: &mut StreamState, at: Micros, item: &str) {
    stream.ingest([committed(at, item)]);
}

fn only_shard(stream: &StreamState) -> String {
    stream.lineage.open().next().unwrap().id.clone()
}

/// The items of one page and the iterator to go on with.
fn read(
    stream: &mut StreamState,
    iterator: &ShardIterator,
    now: Micros,
) -> Result<(Vec<String>, Option<ShardIterator>), Reply> {
    let body = stream.records(iterator, 1_000, false, "r", now)?;
    let body: Value = serde_json::from_str(&body).unwrap();
    let records = body["Records"].as_array().unwrap().iter();
    let items = records.map(|record| record["item"].as_str().unwrap().to_owned()).collect();
    let next = body["NextShardIterator"].as_str().map(|text| ShardIterator::parse(text).unwrap());
    Ok((items, next))
}

fn iterator(stream: &mut StreamState, start: &Start, now: Micros) -> ShardIterator {
    let shard = only_shard(stream);
    stream.iterator(&shard, start, now).unwrap()
}

#[test]
fn a_record_appears_only_after_its_propagation() {
    let mut stream = stream(1, 100.0);
    commit(&mut stream, at_ms(0), "a");
    let start = iterator(&mut stream, &Start::TrimHorizon, at_ms(1));
    let (none, next) = read(&mut stream, &start, at_ms(100)).unwrap();
    assert!(none.is_empty());
    assert_eq!(read(&mut stream, &next.unwrap(), at_ms(101)).unwrap().0, ["a"]);
}

#[test]
fn an_ended_stream_shows_all_that_was_committed_and_then_its_end() {
    let mut stream = stream(2, 100.0);
    commit(&mut stream, at_ms(1), "a");
    stream.end(at_ms(2));
    let shards = stream.describe(None, None, None, at_ms(3)).unwrap().0;
    for shard in &shards {
        assert!(shard["SequenceNumberRange"]["EndingSequenceNumber"].is_string(), "{shard}");
        assert_eq!(shard["ParentShardId"], Value::Null);
    }
    let mut later = Vec::new();
    for shard in &shards {
        let id = shard["ShardId"].as_str().unwrap();
        let start = stream.iterator(id, &Start::TrimHorizon, at_ms(3)).unwrap();
        let (early, next) = read(&mut stream, &start, at_ms(50)).unwrap();
        assert!(early.is_empty(), "it is still under way");
        later.push(next.expect("not read to its end"));
    }
    let mut items = Vec::new();
    for next in later {
        let (late, end) = read(&mut stream, &next, at_ms(200)).unwrap();
        assert_eq!(end, None, "closed and read");
        items.extend(late);
    }
    assert_eq!(items, ["a"]);
}

#[test]
fn a_shard_is_read_so_often_a_second_and_each_for_itself() {
    let mut stream = stream(2, 0.0);
    stream.options_mut().reads_per_second = 2;
    let ids: Vec<String> = stream.lineage.open().map(|shard| shard.id.clone()).collect();
    let [first, second] =
        [0, 1].map(|n| stream.iterator(&ids[n], &Start::Latest, at_ms(1)).unwrap());
    let mut is_read = |from: &ShardIterator, ms| read(&mut stream, from, at_ms(ms)).is_ok();
    assert!(is_read(&first, 10) && is_read(&first, 11) && !is_read(&first, 12));
    assert!(is_read(&second, 12), "another shard");
    assert!(is_read(&first, 1_010) && !is_read(&first, 1_010));
}

#[test]
fn what_was_committed_but_not_visible_comes_after_latest() {
    let mut stream = stream(1, 100.0);
    commit(&mut stream, at_ms(0), "seen");
    commit(&mut stream, at_ms(50), "on its way");
    let latest = iterator(&mut stream, &Start::Latest, at_ms(120));
    assert_eq!(read(&mut stream, &latest, at_ms(200)).unwrap().0, ["on its way"]);
}

#[test]
fn a_stalled_stream_shows_nothing_new_and_loses_nothing() {
    let mut stream = stream(1, 0.0);
    commit(&mut stream, at_ms(0), "before");
    stream.stall(None, SECOND * 30, at_ms(1));
    commit(&mut stream, at_ms(2), "during");
    let start = iterator(&mut stream, &Start::TrimHorizon, at_ms(3));
    let (items, next) = read(&mut stream, &start, at_ms(29_000)).unwrap();
    assert_eq!(items, ["before"]);
    let (items, _) = read(&mut stream, &next.clone().unwrap(), at_ms(31_000)).unwrap();
    assert_eq!(items, ["during"]);
}

#[test]
fn a_closed_shard_is_read_to_its_end_and_its_child_goes_on() {
    let mut stream = stream(1, 0.0);
    let parent = only_shard(&stream);
    commit(&mut stream, at_ms(0), "old");
    let children = stream.close(None, 1, at_ms(10)).unwrap();
    commit(&mut stream, at_ms(20), "new");
    let start = stream.iterator(&parent, &Start::TrimHorizon, at_ms(30)).unwrap();
    let (items, next) = read(&mut stream, &start, at_ms(30)).unwrap();
    assert_eq!(items, ["old"]);
    assert_eq!(next, None, "read to its end");
    let start = stream.iterator(&children[0], &Start::TrimHorizon, at_ms(30)).unwrap();
    assert_eq!(read(&mut stream, &start, at_ms(30)).unwrap().0, ["new"]);
    let (shards, _) = stream.describe(None, None, None, at_ms(30)).unwrap();
    assert!(shards[0]["SequenceNumberRange"]["EndingSequenceNumber"].is_string());
    assert!(shards[1]["SequenceNumberRange"]["EndingSequenceNumber"].is_null());
    assert_eq!(shards[1]["ParentShardId"], shards[0]["ShardId"]);
}

#[test]
fn an_iterator_expires_by_age_and_by_command() {
    let mut stream = stream(1, 0.0);
    let old = iterator(&mut stream, &Start::Latest, at_ms(0));
    assert!(read(&mut stream, &old, at_ms(15 * 60_000)).is_ok());
    let late = read(&mut stream, &old, at_ms(15 * 60_000 + 1));
    assert_eq!(late.unwrap_err(), Reply::expired_iterator());
    let young = iterator(&mut stream, &Start::Latest, at_ms(1_000_000));
    stream.expire_iterators(at_ms(1_000_000));
    let expired = read(&mut stream, &young, at_ms(1_000_000));
    assert_eq!(expired.unwrap_err(), Reply::expired_iterator());
    let next = iterator(&mut stream, &Start::Latest, at_ms(1_000_001));
    assert!(read(&mut stream, &next, at_ms(1_000_001)).is_ok());
}

#[test]
fn a_reader_behind_a_trim_is_told_and_one_ahead_of_it_is_not() {
    let mut stream = stream(1, 0.0);
    commit(&mut stream, at_ms(0), "gone");
    let behind = iterator(&mut stream, &Start::TrimHorizon, at_ms(1));
    let ahead = iterator(&mut stream, &Start::Latest, at_ms(1));
    assert_eq!(stream.trim(Duration::ZERO, at_ms(2)), 1);
    commit(&mut stream, at_ms(3), "kept");
    let trimmed = read(&mut stream, &behind, at_ms(4));
    assert_eq!(trimmed.unwrap_err(), Reply::trimmed_data());
    assert_eq!(read(&mut stream, &ahead, at_ms(4)).unwrap().0, ["kept"]);
    let horizon = iterator(&mut stream, &Start::TrimHorizon, at_ms(2_000));
    assert_eq!(read(&mut stream, &horizon, at_ms(2_000)).unwrap().0, ["kept"]);
    let shard = only_shard(&stream);
    let before = stream.iterator(&shard, &Start::After(Key::from_time(at_ms(0))), at_ms(5));
    assert_eq!(before.unwrap_err(), Reply::trimmed_data());
}

#[test]
fn a_third_reader_and_an_eager_describer_are_throttled() {
    let mut stream = stream(1, 0.0);
    let readers = [(); 3].map(|()| iterator(&mut stream, &Start::Latest, at_ms(0)));
    assert!(read(&mut stream, &readers[0], at_ms(1)).is_ok());
    assert!(read(&mut stream, &readers[1], at_ms(1)).is_ok());
    let third = read(&mut stream, &readers[2], at_ms(1)).unwrap_err();
    assert!(third.body.contains("LimitExceededException"));
    let mut describe = |ms| stream.describe(None, None, None, at_ms(ms));
    assert!((0..10).all(|ms| describe(ms).is_ok()));
    let eleventh = describe(999).unwrap_err();
    assert!(eleventh.body.contains("LimitExceededException"));
    assert!(describe(1_000).is_ok(), "the first was a second ago");
}

#[test]
fn an_empty_page_leaves_the_iterator_where_it_was() {
    let mut stream = stream(1, 0.0);
    commit(&mut stream, at_ms(0), "a");
    let start = iterator(&mut stream, &Start::TrimHorizon, at_ms(1));
    let body: Value =
        serde_json::from_str(&stream.records(&start, 10, true, "r", at_ms(1)).unwrap()).unwrap();
    assert_eq!(body["Records"].as_array().unwrap().len(), 0);
    let next = ShardIterator::parse(body["NextShardIterator"].as_str().unwrap()).unwrap();
    assert_eq!(read(&mut stream, &next, at_ms(1)).unwrap().0, ["a"]);
}

#[test]
fn a_sequence_number_of_another_shard_is_refused() {
    let mut stream = stream(1, 0.0);
    let parent = only_shard(&stream);
    let child = stream.close(None, 1, at_ms(10)).unwrap().remove(0);
    let of_parent = Start::After(Key::from_time(at_ms(5)));
    assert!(stream.iterator(&parent, &of_parent, at_ms(20)).is_ok());
    let refused = stream.iterator(&child, &of_parent, at_ms(20)).unwrap_err();
    assert!(refused.body.contains("ValidationException"));
}

/// What may happen to a stream in the property below.
#[derive(Debug, Clone)]
enum Event {
    Commit(u8),
    Close(u32),
    Stall(u64),
    Expire,
    Empty,
    Read,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (0..6_u8).prop_map(Event::Commit),
        1 => (1..3_u32).prop_map(Event::Close),
        1 => (1..200_u64).prop_map(Event::Stall),
        1 => Just(Event::Expire),
        1 => Just(Event::Empty),
        6 => Just(Event::Read),
    ]
}

/// Reads every shard as a right consumer does: parents first, children from
/// their beginning, a dead iterator asked for again behind the last record.
#[derive(Default)]
struct Consumer {
    /// The iterator of each shard being read, and the last record read of it.
    open: BTreeMap<String, (Option<ShardIterator>, Option<Key>)>,
    finished: BTreeSet<String>,
    seen: Vec<String>,
}

impl Consumer {
    fn poll(&mut self, stream: &mut StreamState, now: Micros, empty: bool) {
        let (shards, _) = stream.describe(None, None, None, now).unwrap();
        for shard in shards {
            let id = shard["ShardId"].as_str().unwrap().to_owned();
            let parent_done =
                shard["ParentShardId"].as_str().is_none_or(|id| self.finished.contains(id));
            if parent_done && !self.finished.contains(&id) {
                self.open.entry(id).or_default();
            }
        }
        for (id, (iterator, last)) in std::mem::take(&mut self.open) {
            let start = last.map_or(Start::TrimHorizon, Start::After);
            let current = match iterator {
                Some(iterator) => iterator,
                None => stream.iterator(&id, &start, now).unwrap(),
            };
            let Ok(body) = stream.records(&current, 3, empty, "r", now) else {
                self.open.insert(id, (None, last));
                continue;
            };
            let body: Value = serde_json::from_str(&body).unwrap();
            let mut last = last;
            for record in body["Records"].as_array().unwrap() {
                self.seen.push(record["item"].as_str().unwrap().to_owned());
                last = Key::parse(record["sequence"].as_str().unwrap());
            }
            match body["NextShardIterator"].as_str() {
                None => {
                    self.finished.insert(id);
                }
                next => {
                    self.open.insert(id, (next.map(|n| ShardIterator::parse(n).unwrap()), last));
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn a_right_consumer_sees_each_record_once_and_each_item_in_order(
        seed: u64,
        events in prop::collection::vec((event(), 0..40_u64), 1..120),
    ) {
        let delay = Delay { base_ms: 5.0, tail_median_ms: 5.0, tail_sigma: 1.0 };
        let propagation = Propagation { delay, spread_ms: 20.0, order: Order::Item };
        let options = StreamOptions { shards: 2, child_hidden_ms: 30, ..StreamOptions::default() };
        let visibility = Visibility::new(propagation, seed);
        let mut stream = StreamState::new(name(), options, visibility, BEGAN, BEGAN);
        let mut consumer = Consumer::default();
        let mut now = at_ms(1);
        let mut written: Vec<String> = Vec::new();
        for (event, wait_ms) in events {
            now = now + Duration::from_millis(wait_ms) + Duration::from_micros(1);
            match event {
                Event::Commit(item) => {
                    let name = format!("{item}-{:04}", written.len());
                    let record = Committed {
                        partition: random::hash(&[item % 3]),
                        item: random::hash(&[item, 1]),
                        ..committed(now, &name)
                    };
                    stream.ingest([record]);
                    written.push(name);
                }
                Event::Close(children) => drop(stream.close(None, children, now)),
                Event::Stall(ms) => stream.stall(None, Duration::from_millis(ms), now),
                Event::Expire => stream.expire_iterators(now),
                Event::Empty => consumer.poll(&mut stream, now, true),
                Event::Read => consumer.poll(&mut stream, now, false),
            }
        }
        for _ in 0..200 {
            now = now + Duration::from_mins(1);
            consumer.poll(&mut stream, now, false);
        }
        let mut seen = consumer.seen.clone();
        seen.sort();
        let mut expected = written.clone();
        expected.sort();
        prop_assert_eq!(seen, expected, "each record once");
        for item in 0..6 {
            let of = |names: &[String]| -> Vec<String> {
                let prefix = format!("{item}-");
                names.iter().filter(|name| name.starts_with(&prefix)).cloned().collect()
            };
            prop_assert_eq!(of(&consumer.seen), of(&written), "an item in order");
        }
    }
}
