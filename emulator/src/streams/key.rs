//! A record's place in the stream, its sequence number, and shard iterators.

use std::fmt;

use crate::arn::{DEFAULT_REGION, StreamName};
use crate::clock::Micros;

/// A record's place: when it became visible, then its number in the engine.
///
/// dynoxide numbers records by the microsecond of their commit, and one more
/// than the last at least, so `engine` is the commit's time too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) visible: Micros,
    pub(crate) engine: u64,
}

/// Digits of each half; microseconds since the epoch fill 16 until 2286.
const HALF_DIGITS: usize = 17;

impl Key {
    /// The first place at or after `time`.
    pub(crate) fn from_time(time: Micros) -> Self {
        Self { visible: time, engine: 0 }
    }

    /// The place right after this one.
    pub(crate) fn next(self) -> Self {
        Self { engine: self.engine + 1, ..self }
    }

    /// The place that a sequence number names; DynamoDB's have 21 to 40 digits.
    pub(crate) fn parse(sequence_number: &str) -> Option<Self> {
        let digits = sequence_number.strip_prefix('1')?;
        if digits.len() != 2 * HALF_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (visible, engine) = digits.split_at(HALF_DIGITS);
        Some(Self { visible: Micros(visible.parse().ok()?), engine: engine.parse().ok()? })
    }
}

impl fmt::Display for Key {
    /// The sequence number: as text and as a number it sorts as the place does.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "1{:017}{:017}", self.visible.0, self.engine)
    }
}

/// What a `ShardIterator` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Iterator {
    pub(crate) stream: StreamName,
    pub(crate) shard: String,
    /// The first place not yet read.
    pub(crate) from: Key,
    /// When it was given out: it lives for a while only.
    pub(crate) issued: Micros,
    /// Stays the same along a chain of iterators: who reads.
    pub(crate) reader: u64,
}

impl Iterator {
    /// The iterator in the text that [`fmt::Display`] made.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('|');
        let iterator = Self {
            stream: StreamName::parse(parts.next()?)?,
            shard: parts.next()?.to_owned(),
            from: Key::parse(parts.next()?)?,
            issued: Micros(parts.next()?.parse().ok()?),
            reader: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(iterator)
    }
}

impl fmt::Display for Iterator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stream, shard, from, issued, reader } = self;
        let arn = stream.arn(DEFAULT_REGION);
        write!(formatter, "{arn}|{shard}|{from}|{}|{reader}", issued.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sequence_numbers_sort_as_places_do_and_read_back(
            a in (0..9_999_999_999_999_999_u64, 0..9_999_999_999_999_999_u64),
            b in (0..9_999_999_999_999_999_u64, 0..9_999_999_999_999_999_u64),
        ) {
            let [a, b] = [a, b].map(|(visible, engine)| Key { visible: Micros(visible), engine });
            prop_assert_eq!(a.to_string().cmp(&b.to_string()), a.cmp(&b));
            prop_assert_eq!(Key::parse(&a.to_string()), Some(a));
            prop_assert!((21..=40).contains(&a.to_string().len()));
        }

        #[test]
        fn an_iterator_reads_back(engine: u32, issued: u32, reader: u64) {
            let iterator = Iterator {
                stream: StreamName { table: "t".to_owned(), label: "1.2".to_owned() },
                shard: "shardId-1-2".to_owned(),
                from: Key { visible: Micros(5), engine: engine.into() },
                issued: Micros(issued.into()),
                reader,
            };
            prop_assert_eq!(Iterator::parse(&iterator.to_string()), Some(iterator));
        }

        #[test]
        fn nonsense_is_no_iterator_and_no_sequence_number(text: String) {
            prop_assert_eq!(Iterator::parse(&text), None);
            prop_assert_eq!(Key::parse(&text), None);
        }
    }
}
