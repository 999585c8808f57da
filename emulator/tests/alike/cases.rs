//! The cases. Each gets clients of one endpoint and the name of a table that
//! does not exist yet.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, Put, TimeToLiveSpecification, TransactWriteItem,
};
use aws_sdk_dynamodbstreams::types::ShardIteratorType;

use crate::support::{Clients, put_action, s, sequence_number, sort_keys};

const ABSENT: Option<&str> = Some("attribute_not_exists(pk)");

pub(crate) async fn a_write_appears_once_in_the_stream_with_its_new_image(
    on: &Clients,
    table: &str,
) {
    let arn = on.create_table(table).await;
    on.put(table, "a", "1", "first").await;
    on.put(table, "a", "2", "second").await;
    let shard = on.shards(&arn).await[0].shard_id.clone().unwrap();
    let start = on.iterator(&arn, &shard, ShardIteratorType::TrimHorizon, None).await;
    let records = on.read(start, 2).await;
    assert_eq!(sort_keys(&records), ["1", "2"]);
    let image = records[0].dynamodb.as_ref().unwrap().new_image.as_ref().unwrap();
    assert_eq!(image["value"].as_s().unwrap(), "first");
    assert!(sequence_number(&records[0]) < sequence_number(&records[1]));
}

pub(crate) async fn a_table_made_again_has_an_empty_stream(on: &Clients, table: &str) {
    on.create_table(table).await;
    on.put(table, "a", "old", "v").await;
    on.db.delete_table().table_name(table).send().await.unwrap();
    let arn = on.create_table(table).await;
    on.put(table, "a", "new", "v").await;
    let shard = on.shards(&arn).await[0].shard_id.clone().unwrap();
    let start = on.iterator(&arn, &shard, ShardIteratorType::TrimHorizon, None).await;
    assert_eq!(sort_keys(&on.read(start, 1).await), ["new"]);
}

pub(crate) async fn an_open_shard_has_no_ending_sequence_number(on: &Clients, table: &str) {
    let arn = on.create_table(table).await;
    on.put(table, "a", "1", "v").await;
    for shard in on.shards(&arn).await {
        assert_eq!(shard.sequence_number_range.unwrap().ending_sequence_number, None);
    }
}

pub(crate) async fn latest_shows_only_what_is_written_after_it(on: &Clients, table: &str) {
    let arn = on.create_table(table).await;
    on.put(table, "a", "before", "v").await;
    let shard = on.shards(&arn).await[0].shard_id.clone().unwrap();
    let start = on.iterator(&arn, &shard, ShardIteratorType::Latest, None).await;
    on.put(table, "a", "after", "v").await;
    assert_eq!(sort_keys(&on.read(start, 1).await), ["after"]);
}

pub(crate) async fn after_sequence_number_goes_on_behind_that_record(on: &Clients, table: &str) {
    let arn = on.create_table(table).await;
    for sk in ["1", "2", "3"] {
        on.put(table, "a", sk, "v").await;
    }
    let shard = on.shards(&arn).await[0].shard_id.clone().unwrap();
    let start = on.iterator(&arn, &shard, ShardIteratorType::TrimHorizon, None).await;
    let records = on.read(start, 3).await;
    let first = sequence_number(&records[0]);
    let rest =
        on.iterator(&arn, &shard, ShardIteratorType::AfterSequenceNumber, Some(&first)).await;
    assert_eq!(sort_keys(&on.read(rest, 2).await), ["2", "3"]);
}

pub(crate) async fn a_failed_condition_gives_the_loser_the_current_item(on: &Clients, table: &str) {
    on.create_table(table).await;
    on.put(table, "a", "1", "current").await;
    let refused = on
        .db
        .transact_write_items()
        .transact_items(put_action(table, "a", "0", None))
        .transact_items(put_action(table, "a", "1", ABSENT))
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    let reasons = match refused {
        aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(cancelled) => cancelled.cancellation_reasons.unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(reasons[0].code.as_deref(), Some("None"));
    assert_eq!(reasons[1].code.as_deref(), Some("ConditionalCheckFailed"));
    assert_eq!(reasons[1].item.as_ref().unwrap()["value"].as_s().unwrap(), "current");
}

pub(crate) async fn a_cancelled_transaction_writes_nothing(on: &Clients, table: &str) {
    on.create_table(table).await;
    on.put(table, "a", "1", "current").await;
    on.db
        .transact_write_items()
        .transact_items(put_action(table, "a", "0", None))
        .transact_items(put_action(table, "a", "1", ABSENT))
        .send()
        .await
        .unwrap_err();
    let got = on
        .db
        .get_item()
        .table_name(table)
        .key("pk", s("a"))
        .key("sk", s("0"))
        .consistent_read(true)
        .send()
        .await
        .unwrap();
    assert_eq!(got.item, None);
}

pub(crate) async fn a_token_makes_a_transaction_idempotent(on: &Clients, table: &str) {
    let arn = on.create_table(table).await;
    for _ in 0..2 {
        // The condition would fail the second time if it ran again.
        on.db
            .transact_write_items()
            .client_request_token("a-token")
            .transact_items(put_action(table, "a", "1", ABSENT))
            .send()
            .await
            .unwrap();
    }
    on.put(table, "a", "2", "v").await;
    let shard = on.shards(&arn).await[0].shard_id.clone().unwrap();
    let start = on.iterator(&arn, &shard, ShardIteratorType::TrimHorizon, None).await;
    assert_eq!(sort_keys(&on.read(start, 2).await), ["1", "2"]);
}

pub(crate) async fn a_token_with_other_parameters_is_refused(on: &Clients, table: &str) {
    on.create_table(table).await;
    let with = |sk: &str| {
        on.db
            .transact_write_items()
            .client_request_token("another-token")
            .transact_items(put_action(table, "a", sk, None))
    };
    with("1").send().await.unwrap();
    let refused = with("2").send().await.unwrap_err().into_service_error();
    assert_eq!(refused.code(), Some("IdempotentParameterMismatchException"));
}

pub(crate) async fn a_consistent_query_sees_a_transaction_and_pages(on: &Clients, table: &str) {
    on.create_table(table).await;
    on.db
        .transact_write_items()
        .set_transact_items(Some(
            ["1", "2", "3"].map(|sk| put_action(table, "a", sk, None)).to_vec(),
        ))
        .send()
        .await
        .unwrap();
    let query = on
        .db
        .query()
        .table_name(table)
        .consistent_read(true)
        .key_condition_expression("pk = :pk AND sk > :after")
        .expression_attribute_values(":pk", s("a"))
        .expression_attribute_values(":after", s("1"))
        .limit(1);
    let first = query.clone().send().await.unwrap();
    assert_eq!(first.items()[0]["sk"].as_s().unwrap(), "2");
    let second = query.set_exclusive_start_key(first.last_evaluated_key).send().await.unwrap();
    assert_eq!(second.items()[0]["sk"].as_s().unwrap(), "3");
}

pub(crate) async fn batch_get_answers_what_exists(on: &Clients, table: &str) {
    on.create_table(table).await;
    on.put(table, "a", "STATE", "v").await;
    on.put(table, "b", "STATE", "v").await;
    let mut wanted = KeysAndAttributes::builder().consistent_read(true);
    for pk in ["a", "b", "absent"] {
        wanted = wanted.keys([("pk".to_owned(), s(pk)), ("sk".to_owned(), s("STATE"))].into());
    }
    let got = on.db.batch_get_item().request_items(table, wanted.build().unwrap());
    let got = got.send().await.unwrap();
    assert_eq!(got.responses.unwrap()[table].len(), 2);
    assert!(got.unprocessed_keys.unwrap_or_default().is_empty());
}

pub(crate) async fn a_sparse_index_lists_only_items_that_carry_its_key(on: &Clients, table: &str) {
    on.create_table(table).await;
    on.put(table, "a", "STATE", "v").await;
    on.db
        .put_item()
        .table_name(table)
        .item("pk", s("b"))
        .item("sk", s("STATE"))
        .item("due", s("CLOSING#3"))
        .item("dueAt", s("2026-01-01T00:00:00Z"))
        .send()
        .await
        .unwrap();
    let due = on
        .db
        .query()
        .table_name(table)
        .index_name("due")
        .key_condition_expression("due = :due AND dueAt < :now")
        .expression_attribute_values(":due", s("CLOSING#3"))
        .expression_attribute_values(":now", s("2027-01-01T00:00:00Z"))
        .send()
        .await
        .unwrap();
    assert_eq!(due.items().len(), 1);
    assert_eq!(due.items()[0]["pk"].as_s().unwrap(), "b");
}

pub(crate) async fn time_to_live_can_be_switched_on(on: &Clients, table: &str) {
    on.create_table(table).await;
    let wanted =
        TimeToLiveSpecification::builder().attribute_name("expiresAt").enabled(true).build();
    on.db
        .update_time_to_live()
        .table_name(table)
        .time_to_live_specification(wanted.unwrap())
        .send()
        .await
        .unwrap();
    let told = on.db.describe_time_to_live().table_name(table).send().await.unwrap();
    let told = told.time_to_live_description.unwrap();
    assert_eq!(told.attribute_name.as_deref(), Some("expiresAt"));
}

pub(crate) async fn an_unknown_table_is_resource_not_found(on: &Clients, table: &str) {
    let refused = on.db.describe_table().table_name(table).send().await.unwrap_err();
    assert_eq!(refused.into_service_error().code(), Some("ResourceNotFoundException"));
    // Made only so that there is one to delete afterwards.
    on.create_table(table).await;
}

pub(crate) async fn a_second_create_of_a_table_is_resource_in_use(on: &Clients, table: &str) {
    on.create_table(table).await;
    let described = on.db.describe_table().table_name(table).send().await.unwrap();
    assert_eq!(described.table.unwrap().table_status.unwrap().as_str(), "ACTIVE");
    let again = on
        .db
        .create_table()
        .table_name(table)
        .attribute_definitions(
            aws_sdk_dynamodb::types::AttributeDefinition::builder()
                .attribute_name("pk")
                .attribute_type("S".into())
                .build()
                .unwrap(),
        )
        .key_schema(
            aws_sdk_dynamodb::types::KeySchemaElement::builder()
                .attribute_name("pk")
                .key_type("HASH".into())
                .build()
                .unwrap(),
        )
        .billing_mode("PAY_PER_REQUEST".into())
        .send()
        .await
        .unwrap_err();
    assert_eq!(again.into_service_error().code(), Some("ResourceInUseException"));
}

pub(crate) async fn a_disabled_stream_stays_readable_with_its_shards_closed(
    on: &Clients,
    table: &str,
) {
    let first = on.create_table(table).await;
    on.put(table, "a", "1", "v").await;
    on.put(table, "a", "2", "v").await;
    assert_eq!(on.set_stream(table, false).await, None);
    on.put(table, "a", "unseen", "v").await;
    assert_eq!(status(on, &first).await, "DISABLED");
    assert_eq!(on.latest_stream(table).await, first, "still the latest");
    for shard in on.shards(&first).await {
        assert!(shard.sequence_number_range.unwrap().ending_sequence_number.is_some());
        assert_eq!(shard.parent_shard_id, None);
    }
    assert_eq!(on.read_to_end(&first).await, ["1", "2"]);

    assert_eq!(on.set_stream(table, true).await, None);
    let second = on.latest_stream(table).await;
    assert_ne!(second, first, "another stream");
    on.put(table, "a", "3", "v").await;
    let shard = on.shards(&second).await[0].shard_id.clone().unwrap();
    let start = on.iterator(&second, &shard, ShardIteratorType::TrimHorizon, None).await;
    assert_eq!(sort_keys(&on.read(start, 1).await), ["3"]);
    assert_eq!(on.read_to_end(&first).await, ["1", "2"]);
    assert_eq!(status(on, &second).await, "ENABLED");
}

async fn status(on: &Clients, arn: &str) -> String {
    let described = on.streams.describe_stream().stream_arn(arn).send().await.unwrap();
    described.stream_description.unwrap().stream_status.unwrap().as_str().to_owned()
}

pub(crate) async fn a_deleted_tables_stream_stays_readable_with_its_shards_closed(
    on: &Clients,
    table: &str,
) {
    let first = on.create_table(table).await;
    on.put(table, "a", "1", "v").await;
    on.db.delete_table().table_name(table).send().await.unwrap();
    assert_eq!(status(on, &first).await, "DISABLED");
    assert_eq!(on.read_to_end(&first).await, ["1"]);
    let second = on.create_table(table).await;
    on.put(table, "a", "2", "v").await;
    assert_eq!(on.read_to_end(&first).await, ["1"]);
    let shard = on.shards(&second).await[0].shard_id.clone().unwrap();
    let start = on.iterator(&second, &shard, ShardIteratorType::TrimHorizon, None).await;
    assert_eq!(sort_keys(&on.read(start, 1).await), ["2"]);
}

pub(crate) async fn a_stream_is_switched_on_and_off_once_each(on: &Clients, table: &str) {
    let first = on.create_table(table).await;
    let refusal = Some("ValidationException".to_owned());
    assert_eq!(on.set_stream(table, true).await, refusal, "it is on");
    assert_eq!(on.latest_stream(table).await, first, "nothing has changed");
    assert_eq!(on.set_stream(table, false).await, None);
    assert_eq!(on.set_stream(table, false).await, refusal, "it is off");
}

pub(crate) async fn a_write_that_changes_nothing_makes_no_record(on: &Clients, table: &str) {
    let arn = on.create_table(table).await;
    on.put(table, "a", "1", "v").await;
    on.put(table, "a", "1", "v").await;
    on.db.transact_write_items().transact_items(nested(table, "2")).send().await.unwrap();
    on.db.transact_write_items().transact_items(nested(table, "2")).send().await.unwrap();
    let key = |sk: &str| [("pk".to_owned(), s("a")), ("sk".to_owned(), s(sk))];
    on.db.delete_item().table_name(table).set_key(Some(key("absent").into())).send().await.unwrap();
    on.db
        .update_item()
        .table_name(table)
        .set_key(Some(key("1").into()))
        .update_expression("SET #v = :v")
        .expression_attribute_names("#v", "value")
        .expression_attribute_values(":v", s("v"))
        .send()
        .await
        .unwrap();
    on.put(table, "a", "1", "w").await;
    let shard = on.shards(&arn).await[0].shard_id.clone().unwrap();
    let start = on.iterator(&arn, &shard, ShardIteratorType::TrimHorizon, None).await;
    assert_eq!(sort_keys(&on.read(start, 3).await), ["1", "2", "1"]);
}

/// An item with many attributes, in any order, and a map in it.
fn nested(table: &str, sk: &str) -> TransactWriteItem {
    let members = |count: u32| (0..count).map(|n| (format!("a \"{n}\"."), s(&n.to_string())));
    let mut put = Put::builder().table_name(table).item("pk", s("a")).item("sk", s(sk));
    for (name, value) in members(12) {
        put = put.item(name, value);
    }
    put = put.item("map", AttributeValue::M(members(12).collect()));
    TransactWriteItem::builder().put(put.build().unwrap()).build()
}

pub(crate) async fn every_shard_says_where_it_starts(on: &Clients, table: &str) {
    let arn = on.create_table(table).await;
    for shard in on.shards(&arn).await {
        let first = shard.sequence_number_range.unwrap().starting_sequence_number;
        assert!(first.is_some_and(|first| (21..=40).contains(&first.len())));
        assert!(shard.shard_id.unwrap().len() >= 28);
    }
}
