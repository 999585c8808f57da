//! Shards, iterators and visibility.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodbstreams::types::{Shard, ShardFilter, ShardFilterType, ShardIteratorType};
use dynamodb_emulator::{
    Behaviour, Command, CommandError, Delay, FaultKind, FaultRule, Latency, Order, Propagation,
    StreamOptions,
};

use crate::support::{Clients, PATIENCE, put_action, sort_key, sort_keys, until};
use crate::{sharded, start};

fn id(shard: &Shard) -> String {
    shard.shard_id.clone().unwrap()
}

/// The one shard of a stream and an iterator from its beginning.
async fn beginning(on: &Clients, arn: &str) -> (String, String) {
    let shard = id(&on.shards(arn).await[0]);
    let from = on.iterator(arn, &shard, ShardIteratorType::TrimHorizon, None).await;
    (shard, from)
}

/// One page: the sort keys of its records, and the iterator to go on with.
async fn page(on: &Clients, from: &str) -> (Vec<String>, Option<String>) {
    let page = on.streams.get_records().shard_iterator(from).send().await.unwrap();
    (sort_keys(&page.records.unwrap()), page.next_shard_iterator)
}

async fn children(on: &Clients, arn: &str, parent: &str) -> Vec<String> {
    let filter = ShardFilter::builder().r#type(ShardFilterType::ChildShards).shard_id(parent);
    let described = on.streams.describe_stream().stream_arn(arn).shard_filter(filter.build());
    let described = described.send().await.unwrap().stream_description.unwrap();
    described.shards.unwrap().iter().map(id).collect()
}

#[tokio::test]
async fn each_record_is_in_one_shard_and_partition_keys_are_spread() {
    let (emulator, on) = start(sharded(4)).await;
    let arn = on.create_table("table").await;
    for n in 0..64 {
        on.put("table", &format!("auction-{n}"), &format!("{n}"), "v").await;
    }
    let shards = on.shards(&arn).await;
    assert_eq!(shards.len(), 4);
    let mut seen = Vec::new();
    for shard in &shards {
        let from = on.iterator(&arn, &id(shard), ShardIteratorType::TrimHorizon, None).await;
        let page = on.streams.get_records().shard_iterator(from).send().await.unwrap();
        let records = page.records.unwrap();
        assert!((4..40).contains(&records.len()), "{} of 64", records.len());
        seen.extend(records.iter().map(sort_key));
    }
    assert_eq!(seen.len(), 64);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 64);
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_split_shard_ends_and_its_children_are_found_late_with_nothing_lost() {
    let streams = StreamOptions { shards: 1, child_hidden_ms: 150, ..StreamOptions::default() };
    let (emulator, on) = start(Behaviour { streams, ..Behaviour::default() }).await;
    let arn = on.create_table("table").await;
    on.put("table", "a", "before", "v").await;
    let parent = id(&on.shards(&arn).await[0]);
    let from = on.iterator(&arn, &parent, ShardIteratorType::TrimHorizon, None).await;
    let split_at = Instant::now();
    emulator.control().apply(Command::Split { shard: None, table: None }).unwrap();
    on.put("table", "a", "after", "v").await;

    let page = on.streams.get_records().shard_iterator(from).send().await.unwrap();
    assert_eq!(sort_keys(&page.records.unwrap()), ["before"]);
    assert_eq!(page.next_shard_iterator, None, "the parent is read to its end");
    until("the children", async || !children(&on, &arn, &parent).await.is_empty()).await;
    assert!(split_at.elapsed() >= Duration::from_millis(150), "told of too early");
    let found = children(&on, &arn, &parent).await;
    assert_eq!(found.len(), 2);
    let mut after = Vec::new();
    for child in &found {
        let from = on.iterator(&arn, child, ShardIteratorType::TrimHorizon, None).await;
        let page = on.streams.get_records().shard_iterator(from).send().await.unwrap();
        after.extend(sort_keys(&page.records.unwrap()));
    }
    assert_eq!(after, ["after"], "what was written before the discovery");

    emulator.control().apply(Command::ForgetClosedShards).unwrap();
    let told: Vec<String> = on.shards(&arn).await.iter().map(id).collect();
    assert_eq!(told, found, "the parent has left");
    emulator.shutdown().await;
}

#[tokio::test]
async fn describe_stream_pages() {
    let streams = StreamOptions { shards: 5, page_shards: 2, ..StreamOptions::default() };
    let (emulator, on) = start(Behaviour { streams, ..Behaviour::default() }).await;
    let arn = on.create_table("table").await;
    let first = on.streams.describe_stream().stream_arn(&arn).send().await.unwrap();
    let first = first.stream_description.unwrap();
    assert_eq!(first.shards().len(), 2);
    assert_eq!(first.last_evaluated_shard_id, first.shards()[1].shard_id);
    assert_eq!(on.shards(&arn).await.len(), 5);
    emulator.shutdown().await;
}

#[tokio::test]
async fn expired_and_trimmed_iterators_are_told_in_the_apis_words() {
    let (emulator, on) = start(sharded(1)).await;
    let arn = on.create_table("table").await;
    on.put("table", "a", "1", "v").await;
    let shard = id(&on.shards(&arn).await[0]);
    let from = on.iterator(&arn, &shard, ShardIteratorType::TrimHorizon, None).await;
    emulator.control().apply(Command::Trim { keep_ms: 0, table: None }).unwrap();
    let read = |from: &str| on.streams.get_records().shard_iterator(from).send();
    let trimmed = read(&from).await.unwrap_err().into_service_error();
    assert!(trimmed.is_trimmed_data_access_exception(), "{trimmed:?}");
    let from = on.iterator(&arn, &shard, ShardIteratorType::Latest, None).await;
    emulator.control().apply(Command::ExpireIterators).unwrap();
    let expired = read(&from).await.unwrap_err().into_service_error();
    assert!(expired.is_expired_iterator_exception(), "{expired:?}");
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_record_becomes_visible_after_its_propagation() {
    let delay = Delay::fixed(Duration::from_millis(300));
    let propagation = Propagation { delay, ..Propagation::default() };
    let latency = Latency { propagation, ..Latency::none() };
    let (emulator, on) = start(Behaviour { latency, ..sharded(1) }).await;
    let arn = on.create_table("table").await;
    let shard = id(&on.shards(&arn).await[0]);
    let from = on.iterator(&arn, &shard, ShardIteratorType::Latest, None).await;
    let before = Instant::now();
    on.put("table", "a", "1", "v").await;
    on.read(from, 1).await;
    assert!(before.elapsed() >= Duration::from_millis(300));
    emulator.shutdown().await;
}

#[tokio::test]
async fn the_aws_profile_has_4_shards_and_its_records_take_75_ms_at_least() {
    let (emulator, on) = start(Behaviour::aws_like()).await;
    let arn = on.create_table("table").await;
    let mut iterators = Vec::new();
    for shard in on.shards(&arn).await {
        let from = on.iterator(&arn, &id(&shard), ShardIteratorType::Latest, None).await;
        iterators.push(Some(from));
    }
    assert_eq!(iterators.len(), 4);
    let before = Instant::now();
    on.put("table", "a", "1", "v").await;
    let mut seen = Vec::new();
    while seen.is_empty() && before.elapsed() < PATIENCE {
        for iterator in &mut iterators {
            let (records, next) = page(&on, &iterator.take().unwrap()).await;
            seen.extend(records);
            *iterator = next;
        }
    }
    assert_eq!(seen, ["1"]);
    assert!(before.elapsed() >= Duration::from_millis(75));
    emulator.shutdown().await;
}

#[tokio::test]
async fn records_of_one_transaction_come_in_any_order() {
    let propagation =
        Propagation { spread_ms: 100.0, order: Order::Item, ..Propagation::default() };
    let latency = Latency { propagation, ..Latency::none() };
    let (emulator, on) = start(Behaviour { latency, ..sharded(1) }).await;
    let arn = on.create_table("table").await;
    let (_, from) = beginning(&on, &arn).await;
    let written: Vec<String> = (0..40).map(|n| format!("{n:02}")).collect();
    let actions = written.iter().map(|sk| put_action("table", "a", sk, None)).collect();
    on.db.transact_write_items().set_transact_items(Some(actions)).send().await.unwrap();
    let mut read = sort_keys(&on.read(from, written.len()).await);
    assert_ne!(read, written, "in order by chance: 1 in 40!");
    read.sort();
    assert_eq!(read, written);
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_stalled_stream_shows_what_was_before_and_the_rest_when_it_goes_on() {
    let (emulator, on) = start(sharded(1)).await;
    let arn = on.create_table("table").await;
    let (_, from) = beginning(&on, &arn).await;
    on.put("table", "a", "before", "v").await;
    let stall = Command::Stall { for_ms: 3_600_000, shard: None, table: Some("table".into()) };
    emulator.control().apply(stall).unwrap();
    on.put("table", "a", "during", "v").await;
    let (records, next) = page(&on, &from).await;
    assert_eq!(records, ["before"]);
    let (records, next) = page(&on, &next.unwrap()).await;
    assert!(records.is_empty());
    emulator.control().apply(Command::Resume).unwrap();
    assert_eq!(page(&on, &next.unwrap()).await.0, ["during"]);
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_trim_takes_what_nobody_has_looked_at_too() {
    let (emulator, on) = start(sharded(1)).await;
    let arn = on.create_table("table").await;
    let (_, from) = beginning(&on, &arn).await;
    on.put("table", "a", "unseen", "v").await;
    emulator.control().apply(Command::Trim { keep_ms: 0, table: None }).unwrap();
    let trimmed = on.streams.get_records().shard_iterator(from).send().await.unwrap_err();
    assert!(trimmed.into_service_error().is_trimmed_data_access_exception());
    emulator.shutdown().await;
}

#[tokio::test]
async fn an_empty_page_has_records_ahead() {
    for behaviour in [sharded(1), Behaviour::default()] {
        let (emulator, on) = start(behaviour).await;
        let arn = on.create_table("table").await;
        let (_, from) = beginning(&on, &arn).await;
        on.put("table", "a", "ahead", "v").await;
        let once = FaultRule::new(FaultKind::EmptyPage).count(1);
        emulator.control().apply(Command::Fault(once)).unwrap();
        let (records, next) = page(&on, &from).await;
        assert!(records.is_empty());
        assert_eq!(page(&on, &next.unwrap()).await.0, ["ahead"]);
        emulator.shutdown().await;
    }
}

#[tokio::test]
async fn an_iterator_ends_with_its_table_even_if_there_is_another_of_that_name() {
    for behaviour in [sharded(1), Behaviour::default()] {
        let (emulator, on) = start(behaviour).await;
        let arn = on.create_table("table").await;
        let (_, from) = beginning(&on, &arn).await;
        on.put("table", "a", "its own", "v").await;
        on.db.delete_table().table_name("table").send().await.unwrap();
        on.create_table("table").await;
        on.put("table", "a", "of another stream", "v").await;
        assert_eq!(page(&on, &from).await, (vec!["its own".to_owned()], None));
        emulator.shutdown().await;
    }
}

#[tokio::test]
async fn a_table_made_again_has_a_stream_of_its_own() {
    for behaviour in [sharded(1), Behaviour::default()] {
        let (emulator, on) = start(behaviour).await;
        let old = on.create_table("table").await;
        on.put("table", "a", "old", "v").await;
        assert_eq!(on.shards(&old).await.len(), 1);
        on.db.delete_table().table_name("table").send().await.unwrap();
        let arn = on.create_table("table").await;
        assert_ne!(arn, old);
        on.put("table", "a", "new", "v").await;
        let shard = id(&on.shards(&arn).await[0]);
        let from = on.iterator(&arn, &shard, ShardIteratorType::TrimHorizon, None).await;
        assert_eq!(sort_keys(&on.read(from, 1).await), ["new"]);
        emulator.shutdown().await;
    }
}

#[tokio::test]
async fn a_stream_that_does_not_exist_is_resource_not_found() {
    let (emulator, on) = start(sharded(1)).await;
    let arn = on.create_table("table").await;
    for unknown in [arn.replace("table/table", "table/other"), format!("{arn}0"), "arn".repeat(20)]
    {
        let refused = on
            .streams
            .get_shard_iterator()
            .stream_arn(unknown)
            .shard_id("shardId-00000000000000000000-00000000")
            .shard_iterator_type(ShardIteratorType::Latest)
            .send()
            .await
            .unwrap_err();
        let refused = refused.into_service_error();
        assert_eq!(refused.code(), Some("ResourceNotFoundException"));
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn shard_commands_say_why_they_do_nothing() {
    let (emulator, _on) = start(Behaviour::default()).await;
    let split = || Command::Split { shard: None, table: None };
    assert_eq!(emulator.control().apply(split()), Err(CommandError::NoShards));
    emulator.shutdown().await;
    let (emulator, on) = start(sharded(1)).await;
    assert_eq!(emulator.control().apply(split()), Err(CommandError::NoStream));
    let arn = on.create_table("table").await;
    on.shards(&arn).await;
    let unknown = Command::Split { shard: Some("unknown".into()), table: None };
    assert!(matches!(emulator.control().apply(unknown), Err(CommandError::Shard(_))));
    emulator.control().apply(split()).unwrap();
    emulator.shutdown().await;
}
