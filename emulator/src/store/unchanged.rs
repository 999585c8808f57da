//! A write that changes nothing writes no record in a stream (SOURCES.md#streams). dynoxide writes
//! one, so triggers in the database itself see what is written and drop the record, in the same
//! transaction and whatever the call was.

/// Which table's item was just written as it was; and, with such a mark, no record.
pub(super) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS emulator_unchanged (table_name TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TRIGGER IF NOT EXISTS emulator_unchanged_record BEFORE INSERT ON _stream_records
    WHEN NEW.event_name = 'MODIFY'
        AND EXISTS (SELECT 1 FROM emulator_unchanged WHERE table_name = NEW.table_name)
    BEGIN
        SELECT RAISE(IGNORE);
    END;";

/// The trigger that marks unchanged items of `table`.
///
/// An item's attributes come in any order, so it is compared leaf by leaf. That the texts are equally
/// long comes first: it is cheap, and with it one direction is enough.
pub(super) fn trigger(table: &str) -> String {
    let name = table.replace('"', "\"\"");
    let text = table.replace('\'', "''");
    format!(
        r#"CREATE TRIGGER IF NOT EXISTS "emulator_unchanged::{name}" BEFORE INSERT ON "{name}"
        WHEN EXISTS (SELECT 1 FROM "{name}" WHERE pk = NEW.pk AND sk = NEW.sk)
        BEGIN
            DELETE FROM emulator_unchanged WHERE table_name = '{text}';
            INSERT INTO emulator_unchanged
            SELECT '{text}' FROM "{name}" AS was
            WHERE was.pk = NEW.pk AND was.sk = NEW.sk
                AND length(was.item_json) = length(NEW.item_json)
                AND NOT EXISTS (
                    SELECT fullkey, type, atom FROM json_tree(NEW.item_json)
                    EXCEPT SELECT fullkey, type, atom FROM json_tree(was.item_json));
        END;"#
    )
}
