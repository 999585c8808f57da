//! A stream in one shard that never rolls, read straight from the engine's records: what a stream is
//! without [`StreamOptions::shards`](super::StreamOptions::shards). Nothing is kept between calls.

use serde_json::{Value, json};

use super::invalid;
use super::request::{Start, StartKind};
use crate::arn::{DEFAULT_REGION, StreamName};
use crate::call::Reply;
use crate::engine::Engine;
use crate::random;
use crate::store::Stream;

/// What makes a record's number the 21 digits of a sequence number.
const SEQUENCE_NUMBER_OFFSET: u128 = 100_000_000_000_000_000_000;

/// The one shard.
pub(super) fn shard(engine: &Engine, stream: &Stream) -> Value {
    let first = stream.first.max(engine.pruned(stream) + 1);
    let mut range = json!({ "StartingSequenceNumber": sequence_number(first) });
    if let Some(after_last) = stream.after_last {
        // An end says that it is closed.
        range["EndingSequenceNumber"] = sequence_number(after_last.saturating_sub(1)).into();
    }
    json!({ "ShardId": shard_id(stream), "SequenceNumberRange": range })
}

/// The shape of AWS's ids, and so of at least 28 characters: time, then something unique.
fn shard_id(stream: &Stream) -> String {
    let unique = random::hash(stream.name.table.as_bytes()) >> 32;
    format!("shardId-{:020}-{unique:08x}", stream.first / 1_000)
}

/// `GetShardIterator`.
pub(super) fn iterator(
    engine: &Engine,
    stream: &Stream,
    shard: &str,
    start: &Start,
) -> Result<String, Reply> {
    if shard != shard_id(stream) {
        return Err(super::shard_not_found(shard));
    }
    let pruned = engine.pruned(stream);
    let from = match start.kind {
        StartKind::TrimHorizon => stream.first.max(pruned + 1),
        StartKind::Latest => match stream.after_last {
            Some(after_last) => after_last,
            None => stream.first.max(engine.last_record(stream)? + 1),
        },
        StartKind::At | StartKind::After => {
            let number = start.sequence_number.as_deref().and_then(record_number);
            let is_within = |number: &u64| {
                stream.first <= *number && stream.after_last.is_none_or(|end| *number < end)
            };
            let number = number.filter(is_within).ok_or_else(|| {
                invalid("The sequence number is not within the shard's sequence number range")
            })?;
            let from = if start.kind == StartKind::At { number } else { number + 1 };
            if from <= pruned {
                return Err(Reply::trimmed_data());
            }
            from
        }
    };
    Ok(Iterator { name: stream.name.clone(), from }.text())
}

/// `GetRecords`.
pub(super) fn records(
    engine: &Engine,
    iterator: &str,
    limit: usize,
    region: &str,
) -> Result<String, Reply> {
    let mut iterator = Iterator::parse(iterator).ok_or_else(|| invalid("Invalid ShardIterator"))?;
    let stream = engine.stream(&iterator.name)?;
    let page = engine.records(&stream, iterator.from, limit)?;
    // After the read: what went before it is missed, what goes now was read.
    if iterator.from <= engine.pruned(&stream) {
        return Err(Reply::trimmed_data());
    }
    let records: Vec<String> = page
        .records
        .iter()
        .map(|record| record.json(&sequence_number(record.number), &stream.view_type))
        .collect();
    if let Some(last) = page.records.last() {
        iterator.from = last.number + 1;
    }
    let is_finished = stream.after_last.is_some() && page.is_last;
    let next = (!is_finished).then(|| iterator.text());
    Ok(super::records_answer(records.iter().map(String::as_str), next.as_deref(), region))
}

fn sequence_number(number: u64) -> String {
    (SEQUENCE_NUMBER_OFFSET + u128::from(number)).to_string()
}

fn record_number(sequence_number: &str) -> Option<u64> {
    let number: u128 = sequence_number.parse().ok()?;
    u64::try_from(number.checked_sub(SEQUENCE_NUMBER_OFFSET)?).ok()
}

/// Where a reader goes on.
#[derive(Debug, PartialEq, Eq)]
struct Iterator {
    name: StreamName,
    /// The first number not yet read.
    from: u64,
}

impl Iterator {
    fn text(&self) -> String {
        format!("{}|{}", self.name.arn(DEFAULT_REGION), self.from)
    }

    fn parse(text: &str) -> Option<Self> {
        let (arn, from) = text.split_once('|')?;
        Some(Self { name: StreamName::parse(arn)?, from: from.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn iterators_and_sequence_numbers_read_back(
            table in "[a-zA-Z0-9_.-]{3,20}", label in "[0-9]{1,9}\\.[0-9]{9}", from: u64,
        ) {
            let iterator = Iterator { name: StreamName { table, label }, from };
            prop_assert_eq!(Iterator::parse(&iterator.text()), Some(iterator));
            prop_assert_eq!(record_number(&sequence_number(from)), Some(from));
            prop_assert!((21..=40).contains(&sequence_number(from).len()));
        }

        #[test]
        fn nonsense_is_no_iterator_and_no_sequence_number(text: String) {
            prop_assert_eq!(Iterator::parse(&text), None);
            prop_assert_eq!(record_number(&text), None);
        }
    }

    #[test]
    fn the_id_of_a_shard_is_long_enough_for_sdks_that_check_it() {
        let stream = Stream {
            name: StreamName { table: "t".to_owned(), label: "1.0".to_owned() },
            view_type: String::new(),
            key_schema: String::new(),
            first: 1,
            after_last: None,
        };
        assert!((28..=65).contains(&shard_id(&stream).len()));
    }
}
