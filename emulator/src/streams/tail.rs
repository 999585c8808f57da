//! What the engine has committed to the stream of one table, record by record.

use dynoxide::{AttributeValue, Item};

use super::state::{Committed, StreamState};
use crate::arn::StreamName;
use crate::call::Reply;
use crate::clock::{self, Micros};
use crate::contention::items::KeyNames;
use crate::engine::{Engine, PAGE_RECORDS_MAX};
use crate::random;
use crate::store::{StoredRecord, Stream};

/// How far one stream's records have been taken in.
pub(crate) struct Tail {
    stream: Stream,
    keys: KeyNames,
    /// The first of the engine's numbers not yet taken in.
    from: u64,
    /// The engine's count of writes then: while it stands, there is nothing new.
    writes: Option<u64>,
    /// The engine's count of table calls when the stream was last looked up.
    tables: u64,
    /// Whether the end of the stream was noticed.
    ended: bool,
}

impl Tail {
    /// The tail of the stream called `name`, from its beginning.
    pub(crate) fn of(engine: &Engine, name: &StreamName) -> Result<Self, Reply> {
        let tables = engine.tables();
        let stream = engine.stream(name)?;
        let keys = KeyNames::of_schema(&stream.key_schema);
        let keys = keys.ok_or_else(|| Reply::internal_error("the stream's table has no key"))?;
        Ok(Self { from: stream.first, stream, keys, writes: None, tables, ended: false })
    }

    pub(crate) fn table(&self) -> &str {
        &self.stream.name.table
    }

    /// When the stream was made.
    pub(crate) fn made(&self) -> Micros {
        Micros(self.stream.first)
    }

    /// Takes into `state` what was committed since the last time.
    ///
    /// # Errors
    /// The stream is gone.
    pub(crate) fn follow(&mut self, engine: &Engine, state: &mut StreamState) -> Result<(), Reply> {
        let tables = engine.tables();
        if self.tables != tables {
            self.stream = engine.stream(&self.stream.name)?;
            self.tables = tables;
        }
        let writes = engine.writes();
        if self.writes == Some(writes) {
            return Ok(());
        }
        loop {
            let page = engine.records(&self.stream, self.from, PAGE_RECORDS_MAX)?;
            if let Some(last) = page.records.last() {
                self.from = last.number + 1;
            }
            let view_type = &self.stream.view_type;
            let records = page.records.into_iter();
            state.ingest(records.map(|record| committed(record, &self.keys, view_type)));
            if page.is_last {
                break;
            }
        }
        self.writes = Some(writes);
        if self.stream.after_last.is_some() && !self.ended {
            self.ended = true;
            state.end(clock::now());
        }
        Ok(())
    }
}

fn committed(record: StoredRecord, names: &KeyNames, view_type: &str) -> Committed {
    let keys: Item = serde_json::from_str(&record.keys).unwrap_or_default();
    let partition = key_text(&keys, &names.partition);
    let sort = names.sort.as_ref().map(|name| key_text(&keys, name)).unwrap_or_default();
    let view_type = view_type.to_owned();
    Committed {
        engine: record.number,
        partition: random::hash(partition.as_bytes()),
        item: random::hash(format!("{partition} {sort}").as_bytes()),
        json: Box::new(move |sequence_number| record.json(sequence_number, &view_type)),
    }
}

fn key_text(keys: &Item, name: &str) -> String {
    keys.get(name).and_then(AttributeValue::to_key_string).unwrap_or_default()
}
