//! Where the database file lives, who may open it, and its indexes.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dynoxide::Database;
use parking_lot::Mutex;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::StartError;
use crate::clock::Micros;

const DATABASE_FILE: &str = "dynamodb.sqlite";
const LOCK_FILE: &str = "lock";
const TEMPORARY_PREFIX: &str = "dynamodb-emulator-";
/// A memory file system on Linux; elsewhere the usual temporary directory serves.
const MEMORY_FILE_SYSTEM: &str = "/dev/shm";
/// How old a directory without a holder must be before it counts as left over,
/// so that one just being made is spared.
const LEFT_OVER_AGE: Duration = Duration::from_mins(1);

/// `_stream_records` comes without a secondary index: every streamed write and
/// every `GetRecords` would scan it (FACTS 6). The expressions are dynoxide's
/// own, or the planner would not use them.
const INDEXES: &str = "
    CREATE INDEX IF NOT EXISTS emulator_stream_sequence
        ON _stream_records(table_name, CAST(sequence_number AS INTEGER));
    CREATE INDEX IF NOT EXISTS emulator_stream_shard_sequence
        ON _stream_records(table_name, shard_id, CAST(sequence_number AS INTEGER));";

/// An open database and what it holds for as long as it is open.
///
/// Fields drop in this order: the file is closed before its lock is let go and
/// its directory is deleted.
pub(crate) struct Store {
    pub(crate) database: Database,
    /// A second connection, for what dynoxide offers no way to do.
    pub(crate) streams: StreamTable,
    #[expect(dead_code, reason = "held, not read")]
    lock: File,
    #[cfg_attr(not(test), expect(dead_code, reason = "held, not read"))]
    temporary: Option<TempDir>,
}

impl Store {
    /// Opens the database kept in `dir`, or makes one there.
    pub(crate) fn open(dir: &Path) -> Result<Self, StartError> {
        let unusable = |source| StartError::DataDir { path: dir.to_owned(), source };
        fs::create_dir_all(dir).map_err(unusable)?;
        let lock = lock(dir).map_err(unusable)?;
        let lock = lock.ok_or_else(|| StartError::DataDirLocked { path: dir.to_owned() })?;
        let (database, streams) = open_indexed(dir)?;
        Ok(Self { database, streams, lock, temporary: None })
    }

    /// Makes a database that is deleted with this store.
    pub(crate) fn temporary() -> Result<Self, StartError> {
        let root = temporary_root();
        delete_left_over(&root);
        let unusable = |source| StartError::Temporary { path: root.clone(), source };
        let dir = tempfile::Builder::new().prefix(TEMPORARY_PREFIX).tempdir_in(&root);
        let dir = dir.map_err(unusable)?;
        let lock = lock(dir.path()).map_err(unusable)?;
        let lock = lock.ok_or_else(|| unusable(io::ErrorKind::ResourceBusy.into()))?;
        let (database, streams) = open_indexed(dir.path())?;
        // What is deleted at the end need not be synced before: `synchronous = OFF`.
        database.enable_bulk_loading().map_err(|error| database_error(dir.path(), &error))?;
        Ok(Self { database, streams, lock, temporary: Some(dir) })
    }
}

/// Takes the lock of `dir` for this process, or `None` if another one holds it.
/// The kernel lets it go when the process ends, however it ends.
fn lock(dir: &Path) -> io::Result<Option<File>> {
    let path = dir.join(LOCK_FILE);
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn open_indexed(dir: &Path) -> Result<(Database, StreamTable), StartError> {
    let path = dir.join(DATABASE_FILE);
    let database =
        Database::new(&path.to_string_lossy()).map_err(|error| database_error(dir, &error))?;
    let connection = Connection::open(&path).and_then(|connection| {
        connection.execute_batch(INDEXES)?;
        Ok(connection)
    });
    let connection = connection.map_err(|error| database_error(dir, &error))?;
    Ok((database, StreamTable { connection: Arc::new(Mutex::new(connection)) }))
}

/// The engine's table of stream records, from which it never deletes itself.
#[derive(Clone)]
pub(crate) struct StreamTable {
    connection: Arc<Mutex<Connection>>,
}

impl StreamTable {
    /// Deletes the records of `table`, which is gone.
    pub(crate) fn forget(&self, table: &str) -> rusqlite::Result<usize> {
        let statement = "DELETE FROM _stream_records WHERE table_name = ?1";
        self.connection.lock().execute(statement, [table])
    }

    /// Deletes the records of `table` committed before `oldest`, a thousand at a
    /// time, so that writers wait for no more than those.
    pub(crate) fn prune(&self, table: &str, oldest: Micros) -> rusqlite::Result<usize> {
        let mut deleted = 0;
        loop {
            let batch = self.connection.lock().execute(
                "DELETE FROM _stream_records WHERE id IN (
                    SELECT id FROM _stream_records
                    WHERE table_name = ?1 AND CAST(sequence_number AS INTEGER) < ?2
                    ORDER BY CAST(sequence_number AS INTEGER) LIMIT 1000)",
                (table, oldest.0.cast_signed()),
            )?;
            deleted += batch;
            if batch == 0 {
                return Ok(deleted);
            }
        }
    }
}

fn database_error(dir: &Path, error: &dyn std::fmt::Display) -> StartError {
    StartError::Database { path: dir.to_owned(), reason: error.to_string() }
}

fn temporary_root() -> PathBuf {
    let memory = Path::new(MEMORY_FILE_SYSTEM);
    if memory.is_dir() && tempfile::tempfile_in(memory).is_ok() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    }
}

/// Deletes what emulators that were killed have left in `root`.
fn delete_left_over(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY_PREFIX)
            && is_left_over(&entry.path(), LEFT_OVER_AGE)
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            tracing::debug!(path = %entry.path().display(), %error, "left over, not deleted");
        }
    }
}

fn is_left_over(dir: &Path, age_min: Duration) -> bool {
    let is_old = fs::metadata(dir.join(LOCK_FILE))
        .and_then(|metadata| metadata.modified())
        .is_ok_and(|made| made.elapsed().is_ok_and(|age| age >= age_min));
    is_old && matches!(lock(dir), Ok(Some(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// dynoxide's statements on `_stream_records` (src/storage.rs of 3.2), and
    /// what their plans must search by.
    const HOT_STATEMENTS: [(&str, &str); 3] = [
        (
            "SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1
             FROM _stream_records WHERE table_name = ?1",
            "INDEX emulator_stream_sequence (table_name=?)",
        ),
        (
            "SELECT event_name, keys_json FROM _stream_records
             WHERE table_name = ?1 AND shard_id = ?2 AND CAST(sequence_number AS INTEGER) > ?3
             ORDER BY CAST(sequence_number AS INTEGER) ASC LIMIT ?4",
            "INDEX emulator_stream_shard_sequence (table_name=? AND shard_id=? AND <expr>>?)",
        ),
        (
            "SELECT MIN(CAST(sequence_number AS INTEGER)), MAX(CAST(sequence_number AS INTEGER))
             FROM _stream_records WHERE table_name = ?1 AND shard_id = ?2",
            "INDEX emulator_stream_shard_sequence (table_name=? AND shard_id=?)",
        ),
    ];

    fn plan(connection: &Connection, statement: &str) -> String {
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
        let rows = explain.raw_query().mapped(|row| row.get::<_, String>(3));
        rows.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn every_statement_on_the_stream_uses_an_index() {
        let dir = TempDir::new().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let connection = Connection::open(dir.path().join(DATABASE_FILE)).unwrap();
        for (statement, searched_by) in HOT_STATEMENTS {
            let plan = plan(&connection, statement);
            assert!(plan.contains(searched_by), "{statement}\n{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "it is sorted: {plan}");
        }
        drop(store);
    }

    #[test]
    fn pruning_takes_only_what_is_old_and_only_of_its_table() {
        let store = Store::temporary().unwrap();
        let connection = store.streams.connection.lock();
        for (table, number) in [("a", 1), ("a", 5), ("b", 1)] {
            connection
                .execute(
                    "INSERT INTO _stream_records
                     (table_name, event_name, keys_json, sequence_number, shard_id, created_at)
                     VALUES (?1, 'INSERT', '{}', ?2, 's', 0)",
                    (table, number.to_string()),
                )
                .unwrap();
        }
        drop(connection);
        assert_eq!(store.streams.prune("a", Micros(5)).unwrap(), 1);
        assert_eq!(store.streams.prune("a", Micros(5)).unwrap(), 0);
        assert_eq!(store.streams.forget("a").unwrap(), 1);
        assert_eq!(store.streams.forget("b").unwrap(), 1);
    }

    #[test]
    fn a_temporary_directory_is_gone_after_the_store() {
        let store = Store::temporary().unwrap();
        let path = store.temporary.as_ref().unwrap().path().to_owned();
        assert!(path.join(DATABASE_FILE).is_file());
        drop(store);
        assert!(!path.exists());
    }

    #[test]
    fn what_a_killed_emulator_left_is_told_from_what_a_live_one_holds() {
        let dir = TempDir::new().unwrap();
        let held = lock(dir.path()).unwrap().unwrap();
        assert!(!is_left_over(dir.path(), Duration::ZERO), "held");
        drop(held);
        assert!(!is_left_over(dir.path(), Duration::from_hours(1)), "too young");
        assert!(is_left_over(dir.path(), Duration::ZERO), "left over");
    }
}
