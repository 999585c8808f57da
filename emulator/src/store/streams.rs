//! The engine's stream records and which stream each belongs to.
//!
//! The engine knows one stream per table, and forgets it when it is disabled. On AWS a stream that
//! was disabled, or whose table was deleted, stays readable for a day; so ended streams are noted
//! here. The records of a stream are those of its table with numbers from its beginning to its end:
//! the engine numbers them by the microsecond of their commit, and never uses a number twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::arn::StreamName;
use crate::clock::Micros;

/// `_stream_records` comes without a secondary index: every streamed write and every `GetRecords`
/// would scan it (SOURCES.md#embedded). The expression is dynoxide's own, or the planner would not
/// use it.
const SCHEMA: &str = "
    CREATE INDEX IF NOT EXISTS emulator_stream_sequence
        ON _stream_records(table_name, CAST(sequence_number AS INTEGER));
    DROP INDEX IF EXISTS emulator_stream_shard_sequence;
    CREATE TABLE IF NOT EXISTS emulator_ended_streams (
        table_name TEXT NOT NULL,
        label TEXT NOT NULL,
        view_type TEXT NOT NULL,
        key_schema TEXT NOT NULL,
        first INTEGER NOT NULL,
        after_last INTEGER NOT NULL,
        PRIMARY KEY (table_name, label)
    );";

/// One stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) name: StreamName,
    /// `NEW_IMAGE` and so on.
    pub(crate) view_type: String,
    /// Its table's key schema, in JSON.
    pub(crate) key_schema: String,
    /// The first number that is its own: when it was made.
    pub(crate) first: u64,
    /// The first number that is no longer its own; `None`: it is enabled.
    pub(crate) after_last: Option<u64>,
}

/// A record as the engine stored it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredRecord {
    /// The microsecond of its commit, and more than the last.
    pub(crate) number: u64,
    event_id: Option<String>,
    event_name: String,
    /// The key's attributes, in JSON.
    pub(crate) keys: String,
    new_image: Option<String>,
    old_image: Option<String>,
    created_s: i64,
    by_time_to_live: bool,
}

/// Records of a stream that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) records: Vec<StoredRecord>,
    /// Whether there are no more now.
    pub(crate) is_last: bool,
}

impl StoredRecord {
    /// About how many it has in JSON.
    fn bytes(&self) -> usize {
        let length = |image: &Option<String>| image.as_ref().map_or(0, String::len);
        self.keys.len() + length(&self.new_image) + length(&self.old_image) + 300
    }

    /// The record in the JSON of `GetRecords`, but for its beginning: see [`Self::begin`].
    pub(crate) fn json(&self, sequence_number: &str, view_type: &str) -> String {
        let Self { event_name, keys, new_image, old_image, created_s, .. } = self;
        let event_id = self.event_id.clone().unwrap_or_else(|| self.number.to_string());
        let image = |name: &str, image: &Option<String>| {
            image.as_ref().map(|image| format!(r#""{name}":{image},"#)).unwrap_or_default()
        };
        let length = |image: &Option<String>| image.as_ref().map_or(0, String::len);
        let size = keys.len() + length(new_image) + length(old_image);
        let (new_image, old_image) = (image("NewImage", new_image), image("OldImage", old_image));
        let identity = if self.by_time_to_live {
            r#","userIdentity":{"PrincipalId":"dynamodb.amazonaws.com","Type":"Service"}"#
        } else {
            ""
        };
        format!(
            r#""eventID":"{event_id}","eventName":"{event_name}","eventVersion":"1.1","eventSource":"aws:dynamodb","dynamodb":{{"Keys":{keys},{new_image}{old_image}"SequenceNumber":"{sequence_number}","SizeBytes":{size},"StreamViewType":"{view_type}","ApproximateCreationDateTime":{created_s}}}{identity}}}"#
        )
    }

    /// What [`Self::json`] leaves to the answer: the region depends on who asks.
    pub(crate) fn begin(region: &str) -> String {
        format!(r#"{{"awsRegion":"{region}","#)
    }
}

/// A second connection to the database, for what dynoxide offers no way to do.
#[derive(Clone)]
pub(crate) struct StreamTable {
    connection: Arc<Mutex<Connection>>,
    /// For each table, the greatest number of a record that was pruned.
    pruned: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl StreamTable {
    pub(crate) fn new(connection: Connection) -> rusqlite::Result<Self> {
        connection.execute_batch(SCHEMA)?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)), pruned: Arc::default() })
    }

    /// The stream of that name, enabled or ended.
    pub(crate) fn stream(&self, name: &StreamName) -> rusqlite::Result<Option<Stream>> {
        let enabled = self.enabled(&name.table)?.filter(|stream| stream.name == *name);
        if enabled.is_some() {
            return Ok(enabled);
        }
        let connection = self.connection.lock();
        let mut statement = connection.prepare_cached(
            "SELECT table_name, label, view_type, key_schema, first, after_last
             FROM emulator_ended_streams WHERE table_name = ?1 AND label = ?2",
        )?;
        statement.query_row([&name.table, &name.label], ended_stream).optional()
    }

    /// The enabled stream of `table`.
    pub(crate) fn enabled(&self, table: &str) -> rusqlite::Result<Option<Stream>> {
        let connection = self.connection.lock();
        let mut statement = connection.prepare_cached(
            "SELECT table_name, stream_label, COALESCE(stream_view_type, 'NEW_AND_OLD_IMAGES'),
                    key_schema,
                    (SELECT MAX(after_last) FROM emulator_ended_streams AS ended
                     WHERE ended.table_name = _tables.table_name)
             FROM _tables
             WHERE table_name = ?1 AND stream_enabled = 1 AND stream_label IS NOT NULL",
        )?;
        statement.query_row([table], enabled_stream).optional()
    }

    /// Every stream of `table`, or of all tables, by name.
    pub(crate) fn streams(&self, table: Option<&str>) -> rusqlite::Result<Vec<StreamName>> {
        let connection = self.connection.lock();
        let mut statement = connection.prepare_cached(
            "SELECT table_name, stream_label FROM _tables
             WHERE stream_enabled = 1 AND stream_label IS NOT NULL AND COALESCE(?1 = table_name, 1)
             UNION SELECT table_name, label FROM emulator_ended_streams
             WHERE COALESCE(?1 = table_name, 1) ORDER BY 1, 2",
        )?;
        let names = statement
            .query_map([table], |row| Ok(StreamName { table: row.get(0)?, label: row.get(1)? }))?;
        names.collect()
    }

    /// Notes that `stream` has ended by now: it was disabled, or its table is gone.
    pub(crate) fn end(&self, stream: &Stream, now: Micros) -> rusqlite::Result<()> {
        let after_last = now.0.max(self.last(&stream.name.table)? + 1).max(stream.first);
        let Stream { name: StreamName { table, label }, view_type, key_schema, first, .. } = stream;
        self.connection.lock().execute(
            "INSERT OR REPLACE INTO emulator_ended_streams
             (table_name, label, view_type, key_schema, first, after_last)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (table, label, view_type, key_schema, first.cast_signed(), after_last.cast_signed()),
        )?;
        Ok(())
    }

    /// The number of the last record of `table`, of whichever stream; 0 if there is none.
    pub(crate) fn last(&self, table: &str) -> rusqlite::Result<u64> {
        let connection = self.connection.lock();
        let mut statement = connection.prepare_cached(
            "SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0)
             FROM _stream_records WHERE table_name = ?1",
        )?;
        statement.query_row([table], |row| row.get::<_, i64>(0).map(i64::cast_unsigned))
    }

    /// The next records of `stream` from the number `from` on, at most `limit` and about `bytes_max`
    /// bytes, but one if there is one.
    pub(crate) fn records(
        &self,
        stream: &Stream,
        from: u64,
        limit: usize,
        bytes_max: usize,
    ) -> rusqlite::Result<Page> {
        let connection = self.connection.lock();
        let mut statement = connection.prepare_cached(RECORDS)?;
        let from = from.max(stream.first).cast_signed();
        let end = stream.after_last.map_or(i64::MAX, u64::cast_signed);
        let limit = limit as i64 + 1;
        let mut rows = statement.query((&stream.name.table, from, end, limit))?;
        let mut page = Page { records: Vec::new(), is_last: true };
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            let record = stored_record(row)?;
            bytes += record.bytes();
            let is_full = page.records.len() as i64 == limit - 1 || bytes > bytes_max;
            if is_full && !page.records.is_empty() {
                page.is_last = false;
                break;
            }
            page.records.push(record);
        }
        Ok(page)
    }

    /// Every table of which there are records.
    fn tables(&self) -> rusqlite::Result<Vec<String>> {
        let connection = self.connection.lock();
        // By hand, one search a table: DISTINCT would read the whole index.
        let mut statement = connection.prepare_cached(
            "WITH RECURSIVE tables(name) AS (
                SELECT MIN(table_name) FROM _stream_records
                UNION ALL
                SELECT (SELECT MIN(table_name) FROM _stream_records WHERE table_name > name)
                FROM tables WHERE name IS NOT NULL)
             SELECT name FROM tables WHERE name IS NOT NULL",
        )?;
        let names = statement.query_map([], |row| row.get(0))?;
        names.collect()
    }

    /// Deletes the records committed before `oldest`, of `table` or of all tables, and forgets the
    /// streams that ended before. A thousand at a time, so that writers wait for no more than those.
    pub(crate) fn prune(&self, table: Option<&str>, oldest: Micros) -> rusqlite::Result<usize> {
        let tables = self.tables()?.into_iter();
        let mut deleted = 0;
        for table in tables.filter(|name| table.is_none_or(|table| table == name)) {
            deleted += self.prune_table(&table, oldest.0)?;
        }
        self.connection.lock().execute(
            "DELETE FROM emulator_ended_streams
             WHERE after_last < ?1 AND COALESCE(?2 = table_name, 1)",
            (oldest.0.cast_signed(), table),
        )?;
        Ok(deleted)
    }

    /// Deletes the oldest records but for the last `most`, of all tables together.
    pub(crate) fn keep_last(&self, most: u64) -> rusqlite::Result<usize> {
        let connection = self.connection.lock();
        let ids: (Option<i64>, Option<i64>) = connection
            .prepare_cached(
                "SELECT (SELECT MIN(id) FROM _stream_records), (SELECT MAX(id) FROM _stream_records)",
            )?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (Some(first), Some(last)) = ids else { return Ok(0) };
        let until = last.saturating_sub(most.cast_signed());
        if until < first {
            return Ok(0);
        }
        // Noted first: whoever reads in between is refused rather than shown a gap.
        let mut statement = connection.prepare_cached(
            "SELECT table_name, MAX(CAST(sequence_number AS INTEGER)) FROM _stream_records
             WHERE id <= ?1 GROUP BY table_name",
        )?;
        let pruned =
            statement.query_map([until], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?;
        for table in pruned {
            let (table, number): (String, i64) = table?;
            self.note_pruned(table, number.cast_unsigned());
        }
        connection.prepare_cached("DELETE FROM _stream_records WHERE id <= ?1")?.execute([until])
    }

    fn prune_table(&self, table: &str, oldest: u64) -> rusqlite::Result<usize> {
        let mut deleted = 0;
        loop {
            let connection = self.connection.lock();
            let last: Option<i64> = connection
                .prepare_cached(
                    "SELECT MAX(number) FROM (
                        SELECT CAST(sequence_number AS INTEGER) AS number FROM _stream_records
                        WHERE table_name = ?1 AND CAST(sequence_number AS INTEGER) < ?2
                        ORDER BY CAST(sequence_number AS INTEGER) LIMIT 1000)",
                )?
                .query_row((table, oldest.cast_signed()), |row| row.get(0))?;
            let Some(last) = last else { return Ok(deleted) };
            self.note_pruned(table.to_owned(), last.cast_unsigned());
            deleted += connection
                .prepare_cached(
                    "DELETE FROM _stream_records
                 WHERE table_name = ?1 AND CAST(sequence_number AS INTEGER) <= ?2",
                )?
                .execute((table, last))?;
        }
    }

    fn note_pruned(&self, table: String, number: u64) {
        let mut pruned = self.pruned.lock();
        let noted = pruned.entry(table).or_default();
        *noted = (*noted).max(number);
    }

    /// The greatest number of a record of `table` that was pruned; 0: none.
    pub(crate) fn pruned(&self, table: &str) -> u64 {
        self.pruned.lock().get(table).copied().unwrap_or_default()
    }

    /// Bytes of the database that hold something.
    pub(crate) fn bytes_used(&self) -> rusqlite::Result<u64> {
        let connection = self.connection.lock();
        let mut statement = connection.prepare_cached(
            "SELECT (page_count - freelist_count) * page_size
             FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()",
        )?;
        statement.query_row([], |row| row.get::<_, i64>(0).map(i64::cast_unsigned))
    }

    /// Runs statements that change the schema.
    pub(crate) fn execute_batch(&self, statements: &str) -> rusqlite::Result<()> {
        self.connection.lock().execute_batch(statements)
    }
}

pub(super) const RECORDS: &str = "
    SELECT CAST(sequence_number AS INTEGER), event_id, event_name, keys_json, new_image, old_image,
           created_at, user_identity IS NOT NULL
    FROM _stream_records
    WHERE table_name = ?1 AND CAST(sequence_number AS INTEGER) >= ?2
      AND CAST(sequence_number AS INTEGER) < ?3
    ORDER BY CAST(sequence_number AS INTEGER) LIMIT ?4";

fn stored_record(row: &Row<'_>) -> rusqlite::Result<StoredRecord> {
    Ok(StoredRecord {
        number: row.get::<_, i64>(0)?.cast_unsigned(),
        event_id: row.get(1)?,
        event_name: row.get(2)?,
        keys: row.get(3)?,
        new_image: row.get(4)?,
        old_image: row.get(5)?,
        created_s: row.get(6)?,
        by_time_to_live: row.get(7)?,
    })
}

fn ended_stream(row: &Row<'_>) -> rusqlite::Result<Stream> {
    Ok(Stream {
        name: StreamName { table: row.get(0)?, label: row.get(1)? },
        view_type: row.get(2)?,
        key_schema: row.get(3)?,
        first: row.get::<_, i64>(4)?.cast_unsigned(),
        after_last: Some(row.get::<_, i64>(5)?.cast_unsigned()),
    })
}

fn enabled_stream(row: &Row<'_>) -> rusqlite::Result<Stream> {
    let label: String = row.get(1)?;
    // After the one before, even if the clock was set back in between.
    let ended: Option<i64> = row.get(4)?;
    let first = label_micros(&label).max(ended.unwrap_or_default().cast_unsigned());
    Ok(Stream {
        name: StreamName { table: row.get(0)?, label },
        view_type: row.get(2)?,
        key_schema: row.get(3)?,
        first,
        after_last: None,
    })
}

/// The time in a label: seconds and nanoseconds, as dynoxide writes it.
fn label_micros(label: &str) -> u64 {
    let (seconds, nanos) = label.split_once('.').unwrap_or((label, "0"));
    let (seconds, nanos): (u64, u64) =
        (seconds.parse().unwrap_or_default(), nanos.parse().unwrap_or_default());
    seconds * 1_000_000 + nanos / 1_000
}

#[cfg(test)]
#[path = "streams_tests.rs"]
mod tests;
