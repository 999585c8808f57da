//! The location of the database file, its lock, and additions to the engine's own tables.

mod streams;
mod unchanged;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dynoxide::Database;
use dynoxide::actions::list_tables::ListTablesRequest;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::StartError;

pub(crate) use streams::{Page, StoredRecord, Stream, StreamTable};

const DATABASE_FILE: &str = "dynamodb.sqlite";
const PAGE_BYTES: i64 = 8 * 1024;
const LOCK_FILE: &str = "lock";
const TEMPORARY_PREFIX: &str = "dynamodb-emulator-";
/// A memory file system on Linux; elsewhere the usual temporary directory serves.
const MEMORY_FILE_SYSTEM: &str = "/dev/shm";
/// How old a directory without a holder must be to count as left over, so that one just being
/// created is spared.
const LEFT_OVER_AGE: Duration = Duration::from_mins(1);

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
    /// Opens the database in `dir`, or creates one there.
    pub(crate) fn open(dir: &Path) -> Result<Self, StartError> {
        let unusable = |source| StartError::DataDir { path: dir.to_owned(), source };
        fs::create_dir_all(dir).map_err(unusable)?;
        let lock = lock(dir).map_err(unusable)?;
        let lock = lock.ok_or_else(|| StartError::DataDirLocked { path: dir.to_owned() })?;
        let (database, streams) = open_database(dir)?;
        Ok(Self { database, streams, lock, temporary: None })
    }

    /// Creates a database that is deleted with this store.
    pub(crate) fn temporary() -> Result<Self, StartError> {
        let root = temporary_root();
        delete_left_over(&root);
        let unusable = |source| StartError::Temporary { path: root.clone(), source };
        let dir = tempfile::Builder::new().prefix(TEMPORARY_PREFIX).tempdir_in(&root);
        let dir = dir.map_err(unusable)?;
        let lock = lock(dir.path()).map_err(unusable)?;
        let lock = lock.ok_or_else(|| unusable(io::ErrorKind::ResourceBusy.into()))?;
        let (database, streams) = open_database(dir.path())?;
        // What is deleted at the end need not be synced: `synchronous = OFF`.
        database.enable_bulk_loading().map_err(|error| database_error(dir.path(), &error))?;
        Ok(Self { database, streams, lock, temporary: Some(dir) })
    }
}

/// Takes the lock of `dir` for this process, or returns `None` if another one holds it. The kernel
/// releases it when the process ends, however it ends.
fn lock(dir: &Path) -> io::Result<Option<File>> {
    let path = dir.join(LOCK_FILE);
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn open_database(dir: &Path) -> Result<(Database, StreamTable), StartError> {
    let path = dir.join(DATABASE_FILE);
    let failed = |error: &dyn std::fmt::Display| database_error(dir, error);
    if !path.exists() {
        create_database(&path).map_err(|error| failed(&error))?;
    }
    let database = Database::new(&path.to_string_lossy()).map_err(|error| failed(&error))?;
    let streams = Connection::open(&path).and_then(StreamTable::new);
    let streams = streams.map_err(|error| failed(&error))?;
    streams.execute_batch(unchanged::SCHEMA).map_err(|error| failed(&error))?;
    let tables = database.list_tables(ListTablesRequest::default());
    for table in tables.map_err(|error| failed(&error))?.table_names {
        watch_unchanged(&streams, &table).map_err(|error| failed(&error))?;
    }
    Ok((database, streams))
}

/// Creates an empty database with larger pages than SQLite's own. In a large table a transaction
/// touches pages all over it: with 4 KiB each, a bid after 200,000 others cost 1.17 times the CPU of
/// one after 1,000; with 8 KiB 1.07 times, and with 16 KiB more again.
fn create_database(path: &Path) -> rusqlite::Result<()> {
    let created = Connection::open(path)?;
    created.pragma_update(None, "page_size", PAGE_BYTES)?;
    // Writes the file's head.
    created.pragma_update(None, "journal_mode", "WAL")
}

/// Makes writes that change no item of `table` produce no records.
pub(crate) fn watch_unchanged(streams: &StreamTable, table: &str) -> rusqlite::Result<()> {
    streams.execute_batch(&unchanged::trigger(table))
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

/// Deletes what killed emulators have left in `root`.
fn delete_left_over(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY_PREFIX)
            && is_left_over(&entry.path(), LEFT_OVER_AGE)
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            tracing::debug!(path = %entry.path().display(), %error, "left-over files remain");
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

    /// dynoxide's statement on `_stream_records` (src/storage.rs of 3.2) and the emulator's own, and
    /// what their plans must search by.
    const HOT_STATEMENTS: [(&str, &str); 2] = [
        (
            "SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1
             FROM _stream_records WHERE table_name = ?1",
            "INDEX emulator_stream_sequence (table_name=?)",
        ),
        (
            streams::RECORDS,
            "INDEX emulator_stream_sequence (table_name=? AND <expr>>? AND <expr><?)",
        ),
    ];

    fn plan(connection: &Connection, statement: &str) -> String {
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
        let rows = explain.raw_query().mapped(|row| row.get::<_, String>(3));
        rows.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn a_database_is_created_with_its_page_size_and_kept_when_it_is_opened_again() {
        let dir = TempDir::new().unwrap();
        for _ in 0..2 {
            drop(Store::open(dir.path()).unwrap());
            let connection = Connection::open(dir.path().join(DATABASE_FILE)).unwrap();
            let size = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            assert_eq!(size("page_size"), Ok(PAGE_BYTES));
        }
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
