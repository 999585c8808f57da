//! Tests of streams.

use super::*;
use crate::store::Store;

fn insert(table: &StreamTable, name: &str, number: u64) {
    let connection = table.connection.lock();
    connection
        .execute(
            "INSERT INTO _stream_records
             (table_name, event_name, keys_json, sequence_number, shard_id, created_at)
             VALUES (?1, 'INSERT', '{}', ?2, 's', 0)",
            (name, number.to_string()),
        )
        .unwrap();
}

fn stream(label: &str, first: u64) -> Stream {
    Stream {
        name: StreamName { table: "a".to_owned(), label: label.to_owned() },
        view_type: "NEW_IMAGE".to_owned(),
        key_schema: "[]".to_owned(),
        first,
        after_last: None,
    }
}

fn numbers(table: &StreamTable, stream: &Stream, from: u64, limit: usize) -> Vec<u64> {
    let page = table.records(stream, from, limit, 1_000_000).unwrap();
    page.records.iter().map(|record| record.number).collect()
}

#[test]
fn pruning_takes_only_what_is_old_and_only_of_its_table_and_says_up_to_where() {
    let store = Store::temporary().unwrap();
    let table = &store.streams;
    for (name, number) in [("a", 1), ("a", 5), ("b", 1)] {
        insert(table, name, number);
    }
    assert_eq!(table.prune(Some("a"), Micros(5)).unwrap(), 1);
    assert_eq!(table.prune(Some("a"), Micros(5)).unwrap(), 0);
    assert_eq!((table.pruned("a"), table.pruned("b")), (1, 0));
    assert_eq!(table.prune(None, Micros(9)).unwrap(), 2);
    assert_eq!((table.pruned("a"), table.pruned("b")), (5, 1));
}

#[test]
fn keeping_the_last_takes_the_oldest_of_all_tables_together() {
    let store = Store::temporary().unwrap();
    let table = &store.streams;
    assert_eq!(table.keep_last(0).unwrap(), 0, "there is none");
    for (name, number) in [("a", 1), ("b", 7), ("a", 2), ("a", 3), ("a", 4)] {
        insert(table, name, number);
    }
    assert_eq!(table.keep_last(5).unwrap(), 0);
    assert_eq!(table.keep_last(2).unwrap(), 3);
    assert_eq!((table.pruned("a"), table.pruned("b")), (2, 7));
    assert_eq!(numbers(table, &stream("1.0", 0), 0, 9), [3, 4]);
}

#[test]
fn a_page_ends_at_its_limit_and_bytes_and_says_whether_it_is_the_last() {
    let store = Store::temporary().unwrap();
    let table = &store.streams;
    for number in 1..=3 {
        insert(table, "a", number);
    }
    let page = |from, limit, bytes| {
        let page = table.records(&stream("1.0", 0), from, limit, bytes).unwrap();
        (page.records.len(), page.is_last)
    };
    assert_eq!(page(0, 9, 9_999), (3, true));
    assert_eq!(page(0, 3, 9_999), (3, true));
    assert_eq!(page(0, 2, 9_999), (2, false));
    assert_eq!(page(0, 9, 700), (2, false));
    assert_eq!(page(0, 9, 1), (1, false), "never none where there is one");
    assert_eq!(page(4, 9, 9_999), (0, true));
}

#[test]
fn an_ended_stream_keeps_its_records_apart_from_the_next_ones() {
    let store = Store::temporary().unwrap();
    let table = &store.streams;
    insert(table, "a", 10);
    insert(table, "a", 12);
    let ended = stream("0.000010", 10);
    table.end(&ended, Micros(11)).unwrap();
    insert(table, "a", 13);
    insert(table, "a", 14);
    let ended = table.stream(&ended.name).unwrap().unwrap();
    assert_eq!(ended.after_last, Some(13), "after its last record");
    assert_eq!(numbers(table, &ended, 0, 9), [10, 12]);
    assert_eq!(numbers(table, &ended, 11, 9), [12]);
    assert_eq!(numbers(table, &stream("0.000013", 13), 0, 9), [13, 14]);
    assert_eq!(table.streams(None).unwrap(), std::slice::from_ref(&ended.name));
    table.prune(None, Micros(14)).unwrap();
    assert_eq!(table.stream(&ended.name).unwrap(), None, "forgotten after its time");
}
