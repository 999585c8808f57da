//! Tables in other states, streams that are switched, and what a database keeps.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{AttributeValue, TimeToLiveSpecification};
use aws_sdk_dynamodbstreams::types::ShardIteratorType;
use dynamodb_emulator::{Behaviour, Command, Emulator, FaultRule, Options, TableState};

use crate::support::{Clients, s, sort_keys};
use crate::{sharded, start};

/// The code of a put's refusal.
async fn put_refusal(on: &Clients, table: &str, pk: &str, value: &str) -> Option<String> {
    let put = on.db.put_item().table_name(table).item("pk", s(pk)).item("sk", s("1"));
    let refused = put.item("value", s(value)).send().await.err()?;
    Some(refused.into_service_error().code().unwrap().to_owned())
}

async fn status(on: &Clients, table: &str) -> String {
    let described = on.db.describe_table().table_name(table).send().await.unwrap();
    described.table.unwrap().table_status.unwrap().as_str().to_owned()
}

fn table_state(table: &str, index: Option<&str>, state: TableState) -> Command {
    let (table, index) = (table.to_owned(), index.map(str::to_owned));
    Command::TableState { table, index, state, for_ms: None }
}

#[tokio::test]
async fn a_table_is_in_the_state_that_was_commanded_and_its_neighbour_is_not() {
    let (emulator, on) = start(Behaviour::default()).await;
    on.create_table("table").await;
    on.create_table("other").await;
    let set = |state| emulator.control().apply(table_state("table", None, state)).unwrap();
    set(TableState::Updating);
    assert_eq!(status(&on, "table").await, "UPDATING");
    assert_eq!(put_refusal(&on, "table", "a", "v").await, None, "all of it can be used");
    assert_eq!(on.set_stream("table", false).await.as_deref(), Some("ResourceInUseException"));
    set(TableState::InaccessibleEncryptionCredentials);
    assert_eq!(status(&on, "table").await, "INACCESSIBLE_ENCRYPTION_CREDENTIALS");
    let denied = Some("AccessDeniedException".to_owned());
    assert_eq!(put_refusal(&on, "table", "a", "v").await, denied);
    assert_eq!(
        (status(&on, "other").await, put_refusal(&on, "other", "a", "v").await),
        ("ACTIVE".into(), None)
    );
    set(TableState::Active);
    assert_eq!(
        (status(&on, "table").await, put_refusal(&on, "table", "a", "w").await),
        ("ACTIVE".into(), None)
    );
    emulator.shutdown().await;
}

#[tokio::test]
async fn an_index_is_shown_as_it_is_filled() {
    let (emulator, on) = start(Behaviour::default()).await;
    on.create_table("table").await;
    let filling = table_state("table", Some("due"), TableState::Creating);
    emulator.control().apply(filling).unwrap();
    let described = on.db.describe_table().table_name("table").send().await.unwrap();
    let index = described.table.unwrap().global_secondary_indexes.unwrap().remove(0);
    assert_eq!(index.index_status.unwrap().as_str(), "CREATING");
    assert_eq!(index.backfilling, Some(true));
    assert_eq!(status(&on, "table").await, "ACTIVE");
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_fault_has_any_name_and_meets_one_operation_one_table_or_one_key() {
    let (emulator, on) = start(Behaviour::default()).await;
    on.create_table("table").await;
    on.create_table("other").await;
    let fault = |rule| {
        emulator.control().apply(Command::ClearFaults).unwrap();
        emulator.control().apply(Command::Fault(rule)).unwrap();
    };
    let name = Some("ItemCollectionSizeLimitExceededException".to_owned());
    let error = || FaultRule::error(name.as_deref().unwrap());
    fault(error().operation("PutItem"));
    assert_eq!(put_refusal(&on, "table", "a", "v").await, name);
    on.db.list_tables().send().await.unwrap();
    fault(error().table("other"));
    assert_eq!(put_refusal(&on, "table", "a", "v").await, None);
    assert_eq!(put_refusal(&on, "other", "a", "v").await, name);
    fault(error().key("a"));
    assert_eq!(put_refusal(&on, "table", "a", "v").await, name);
    assert_eq!(put_refusal(&on, "table", "b", "v").await, None);
    let unknown = Command::Fault(error().operation("putItem"));
    let problem = emulator.control().apply(unknown).unwrap_err();
    assert!(problem.to_string().contains("unknown operation"));
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_stream_is_switched_off_and_on_by_command() {
    for behaviour in [Behaviour::default(), sharded(2)] {
        let (emulator, on) = start(behaviour).await;
        let first = on.create_table("table").await;
        on.put("table", "a", "1", "v").await;
        let apply = |command| emulator.control().apply(command);
        apply(Command::DisableStream { table: None }).unwrap();
        on.put("table", "a", "in none", "v").await;
        assert_eq!(on.read_to_end(&first).await, ["1"]);
        apply(Command::DisableStream { table: None }).unwrap_err();
        apply(Command::EnableStream { table: Some("table".to_owned()) }).unwrap();
        let second = on.latest_stream("table").await;
        assert_ne!(second, first);
        on.put("table", "a", "2", "v").await;
        apply(Command::DisableStream { table: Some("table".to_owned()) }).unwrap();
        assert_eq!(on.read_to_end(&second).await, ["2"]);
        apply(Command::EnableStream { table: Some("absent".to_owned()) }).unwrap_err();
        emulator.shutdown().await;
    }
}

#[tokio::test]
async fn what_was_trimmed_is_not_passed_over_in_silence() {
    let (emulator, on) = start(Behaviour::default()).await;
    let arn = on.create_table("table").await;
    on.put("table", "a", "1", "v").await;
    let shard = on.shards(&arn).await[0].shard_id.clone().unwrap();
    let early = on.iterator(&arn, &shard, ShardIteratorType::TrimHorizon, None).await;
    emulator.control().apply(Command::Trim { keep_ms: 0, table: None }).unwrap();
    on.put("table", "a", "2", "v").await;
    let trimmed = on.streams.get_records().shard_iterator(early).send().await.unwrap_err();
    assert_eq!(trimmed.into_service_error().code(), Some("TrimmedDataAccessException"));
    let oldest = on.iterator(&arn, &shard, ShardIteratorType::TrimHorizon, None).await;
    assert_eq!(sort_keys(&on.read(oldest, 1).await), ["2"]);
    emulator.shutdown().await;
}

#[tokio::test]
async fn expired_items_go_on_command() {
    let (emulator, on) = start(Behaviour::default()).await;
    on.create_table("table").await;
    let wanted = TimeToLiveSpecification::builder().attribute_name("expiresAt").enabled(true);
    on.db
        .update_time_to_live()
        .table_name("table")
        .time_to_live_specification(wanted.build().unwrap())
        .send()
        .await
        .unwrap();
    for (sk, expires_at) in [("gone", "1000000000"), ("kept", "9999999999")] {
        let put = on.db.put_item().table_name("table").item("pk", s("a")).item("sk", s(sk));
        put.item("expiresAt", AttributeValue::N(expires_at.to_owned())).send().await.unwrap();
    }
    let sort_keys = async || {
        let items = on.db.scan().table_name("table").send().await.unwrap().items.unwrap();
        items.iter().map(|item| item["sk"].as_s().unwrap().clone()).collect::<Vec<_>>()
    };
    assert_eq!(sort_keys().await.len(), 2);
    emulator.control().apply(Command::SweepTtl).unwrap();
    assert_eq!(sort_keys().await, ["kept"]);
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_temporary_database_refuses_writes_beyond_its_bound_and_goes_on_reading() {
    let options = Options { temporary_bytes_max: 2 * 1024 * 1024, ..Options::default() };
    let emulator = Emulator::start(options).await.unwrap();
    let on = Clients::new(&emulator.endpoint()).await;
    on.create_table("table").await;
    let value = "x".repeat(100_000);
    let mut refusal = None;
    for n in 0..100 {
        refusal = put_refusal(&on, "table", &n.to_string(), &value).await;
        if refusal.is_some() {
            break;
        }
    }
    assert_eq!(refusal.as_deref(), Some("RequestLimitExceeded"));
    let key = |pk: &str| [("pk".to_owned(), s(pk)), ("sk".to_owned(), s("1"))];
    let get = on.db.get_item().table_name("table").set_key(Some(key("0").into()));
    assert!(get.send().await.unwrap().item.is_some());
    for n in 0..10 {
        let delete = on.db.delete_item().table_name("table");
        delete.set_key(Some(key(&n.to_string()).into())).send().await.unwrap();
    }
    emulator.control().apply(Command::Trim { keep_ms: 0, table: None }).unwrap();
    assert_eq!(put_refusal(&on, "table", "again", "v").await, None, "there is space again");
    emulator.shutdown().await;
}
