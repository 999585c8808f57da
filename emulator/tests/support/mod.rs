//! Clients and tables for tests that take an endpoint.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement,
    KeyType, Projection, ProjectionType, Put, ScalarAttributeType, StreamSpecification,
    StreamViewType, TransactWriteItem,
};
use aws_sdk_dynamodbstreams::Client as StreamsClient;
use aws_sdk_dynamodbstreams::types::{Record, Shard, ShardIteratorType};

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Both clients of one endpoint, without retries.
#[derive(Clone)]
pub(crate) struct Clients {
    pub(crate) db: Client,
    pub(crate) streams: StreamsClient,
}

impl Clients {
    pub(crate) async fn new(endpoint: &str) -> Self {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(endpoint)
            .retry_config(RetryConfig::disabled())
            .load()
            .await;
        Self { db: Client::new(&config), streams: StreamsClient::new(&config) }
    }

    /// Makes a table in the shape of Gavel's: pk, sk, a sparse index on due, a
    /// NEW_IMAGE stream. Returns the stream's ARN.
    pub(crate) async fn create_table(&self, table: &str) -> String {
        let text = |name: &str| {
            AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::S)
                .build()
                .unwrap()
        };
        let key = |name: &str, kind: KeyType| {
            KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap()
        };
        let by_due = GlobalSecondaryIndex::builder()
            .index_name("due")
            .key_schema(key("due", KeyType::Hash))
            .key_schema(key("dueAt", KeyType::Range))
            .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
            .build()
            .unwrap();
        let created = self
            .db
            .create_table()
            .table_name(table)
            .set_attribute_definitions(Some(["pk", "sk", "due", "dueAt"].map(text).to_vec()))
            .key_schema(key("pk", KeyType::Hash))
            .key_schema(key("sk", KeyType::Range))
            .global_secondary_indexes(by_due)
            .billing_mode(BillingMode::PayPerRequest)
            .stream_specification(
                StreamSpecification::builder()
                    .stream_enabled(true)
                    .stream_view_type(StreamViewType::NewImage)
                    .build()
                    .unwrap(),
            )
            .send()
            .await
            .unwrap();
        created.table_description.unwrap().latest_stream_arn.unwrap()
    }

    /// Enables or disables the stream of `table`; the code of the refusal if there is one.
    pub(crate) async fn set_stream(&self, table: &str, enabled: bool) -> Option<String> {
        let specification = StreamSpecification::builder()
            .stream_enabled(enabled)
            .set_stream_view_type(enabled.then_some(StreamViewType::NewImage));
        let update = self
            .db
            .update_table()
            .table_name(table)
            .stream_specification(specification.build().unwrap());
        let refused = update.send().await.err()?;
        Some(ProvideErrorMetadata::code(&refused).unwrap_or("none").to_owned())
    }

    /// The ARN of the stream that the table names as its latest.
    pub(crate) async fn latest_stream(&self, table: &str) -> String {
        let described = self.db.describe_table().table_name(table).send().await.unwrap();
        described.table.unwrap().latest_stream_arn.expect("it names a stream")
    }

    /// The sort keys of every record from the beginning of a stream's shards to their ends.
    pub(crate) async fn read_to_end(&self, arn: &str) -> Vec<String> {
        let reading = async {
            let mut keys = Vec::new();
            for shard in self.shards(arn).await {
                let shard = shard.shard_id.unwrap();
                let start = self.iterator(arn, &shard, ShardIteratorType::TrimHorizon, None).await;
                let mut next = Some(start);
                while let Some(iterator) = next {
                    let page =
                        self.streams.get_records().shard_iterator(iterator).send().await.unwrap();
                    keys.extend(sort_keys(page.records()));
                    next = page.next_shard_iterator;
                    tokio::task::yield_now().await;
                }
            }
            keys
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("every shard ends")
    }

    pub(crate) async fn put(&self, table: &str, pk: &str, sk: &str, value: &str) {
        self.db
            .put_item()
            .table_name(table)
            .item("pk", s(pk))
            .item("sk", s(sk))
            .item("value", s(value))
            .send()
            .await
            .unwrap();
    }

    pub(crate) async fn shards(&self, arn: &str) -> Vec<Shard> {
        let mut shards = Vec::new();
        let mut after = None;
        loop {
            let described = self
                .streams
                .describe_stream()
                .stream_arn(arn)
                .set_exclusive_start_shard_id(after)
                .send()
                .await
                .unwrap()
                .stream_description
                .unwrap();
            shards.extend(described.shards.unwrap_or_default());
            after = described.last_evaluated_shard_id;
            if after.is_none() {
                return shards;
            }
        }
    }

    /// An iterator on `shard`; `after` is for AFTER_SEQUENCE_NUMBER.
    pub(crate) async fn iterator(
        &self,
        arn: &str,
        shard: &str,
        kind: ShardIteratorType,
        after: Option<&str>,
    ) -> String {
        self.streams
            .get_shard_iterator()
            .stream_arn(arn)
            .shard_id(shard)
            .shard_iterator_type(kind)
            .set_sequence_number(after.map(str::to_owned))
            .send()
            .await
            .unwrap()
            .shard_iterator
            .unwrap()
    }

    /// Reads from `iterator` until `count` records have come.
    pub(crate) async fn read(&self, iterator: String, count: usize) -> Vec<Record> {
        let reading = async {
            let mut iterator = Some(iterator);
            let mut records = Vec::new();
            while records.len() < count {
                let now = iterator.take().expect("the shard ended too early");
                let page = self.streams.get_records().shard_iterator(now).send().await.unwrap();
                records.extend(page.records.unwrap_or_default());
                iterator = page.next_shard_iterator;
                tokio::task::yield_now().await;
            }
            records
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("the records came in time")
    }
}

/// Asks again and again until `holds`, at most as long as [`PATIENCE`].
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, asking).await.is_ok(), "not in time: {what}");
}

pub(crate) fn s(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

pub(crate) fn put_action(
    table: &str,
    pk: &str,
    sk: &str,
    condition: Option<&str>,
) -> TransactWriteItem {
    let put = Put::builder()
        .table_name(table)
        .item("pk", s(pk))
        .item("sk", s(sk))
        .set_condition_expression(condition.map(str::to_owned))
        .return_values_on_condition_check_failure(
            aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld,
        )
        .build()
        .unwrap();
    TransactWriteItem::builder().put(put).build()
}

pub(crate) fn sort_keys(records: &[Record]) -> Vec<String> {
    records.iter().map(sort_key).collect()
}

pub(crate) fn sort_key(record: &Record) -> String {
    let keys = record.dynamodb.as_ref().unwrap().keys.as_ref().unwrap();
    keys["sk"].as_s().unwrap().clone()
}

pub(crate) fn sequence_number(record: &Record) -> String {
    record.dynamodb.as_ref().unwrap().sequence_number.clone().unwrap()
}
