//! Follows the engine's own stream of one table, record by record.

use dynoxide::actions::get_records::Record;
use dynoxide::{AttributeValue, Item};

use super::state::{Committed, StreamState};
use crate::call::Reply;
use crate::clock::Micros;
use crate::contention::items::KeyNames;
use crate::engine::Engine;
use crate::random;

/// How far one table's records have been taken in.
pub(crate) struct Tail {
    table: String,
    /// The stream's own name: a table of that name made again has another.
    label: String,
    keys: KeyNames,
    /// When the stream was made: what is older was another's.
    made: Micros,
    /// The engine's number of the last record taken in.
    position: u64,
    /// The engine's count of writes then: while it stands, there is nothing new.
    writes: Option<u64>,
    /// The engine's count of table calls when the stream was last seen to be there.
    tables: u64,
}

impl Tail {
    /// The tail of the stream `arn`, from its beginning, and when it was made.
    pub(crate) fn of(engine: &Engine, arn: &str) -> Result<(Self, Micros), Reply> {
        // arn:aws:dynamodb:<region>:<account>:table/<table>/stream/<label>
        let mut parts = arn.split('/').skip(1);
        let (Some(table), Some(label)) = (parts.next(), parts.nth(1)) else {
            return Err(unknown(arn));
        };
        let tables = engine.tables();
        if engine.stream_label(table).as_deref() != Some(label) {
            return Err(unknown(arn));
        }
        let keys = engine.key_names(table).ok_or_else(|| unknown(arn))?;
        let made = label_time(label).ok_or_else(|| unknown(arn))?;
        let (table, label) = (table.to_owned(), label.to_owned());
        Ok((Self { table, label, keys, made, position: 0, writes: None, tables }, made))
    }

    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    /// Takes into `state` what was committed since the last time.
    ///
    /// # Errors
    /// The stream is gone with its table.
    pub(crate) fn follow(&mut self, engine: &Engine, state: &mut StreamState) -> Result<(), Reply> {
        let tables = engine.tables();
        if self.tables != tables {
            if engine.stream_label(&self.table).as_deref() != Some(&self.label) {
                return Err(unknown(state.arn()));
            }
            self.tables = tables;
        }
        let writes = engine.writes();
        if self.writes == Some(writes) {
            return Ok(());
        }
        loop {
            let records = engine.records_after(&self.table, self.position)?;
            let Some(last) = records.last() else { break };
            self.position = Engine::record_number(last);
            let new = records
                .into_iter()
                .filter(|record| Micros(Engine::record_number(record)) >= self.made);
            state.ingest(new.map(|record| committed(record, &self.keys)));
        }
        self.writes = Some(writes);
        Ok(())
    }
}

fn unknown(arn: &str) -> Reply {
    let message = format!("Requested resource not found: Stream: {arn} not found");
    Reply::refused("ResourceNotFoundException", &message)
}

/// The label's time: seconds and nanoseconds, as dynoxide writes it.
fn label_time(label: &str) -> Option<Micros> {
    let (seconds, nanos) = label.split_once('.')?;
    let nanos: u64 = nanos.parse().ok()?;
    Some(Micros(seconds.parse::<u64>().ok()? * 1_000_000 + nanos / 1_000))
}

fn committed(mut record: Record, names: &KeyNames) -> Committed {
    let keys = &record.dynamodb.keys;
    let partition = key_text(keys, &names.partition);
    let sort = names.sort.as_ref().map(|name| key_text(keys, name)).unwrap_or_default();
    Committed {
        engine: Engine::record_number(&record),
        partition: random::hash(partition.as_bytes()),
        item: random::hash(format!("{partition} {sort}").as_bytes()),
        json: Box::new(move |sequence_number| {
            sequence_number.clone_into(&mut record.dynamodb.sequence_number);
            serde_json::to_string(&record).unwrap_or_default()
        }),
    }
}

fn key_text(keys: &Item, name: &str) -> String {
    keys.get(name).and_then(AttributeValue::to_key_string).unwrap_or_default()
}
