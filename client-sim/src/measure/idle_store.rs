//! The probe: the cost of one bid transaction and one GetRecords call on the idle store.
//!
//! Its transaction has the shape of a group of one bid: the conditional update of the auction item,
//! the bid, the idempotency key. It works in its own table, so that the service's stream contains
//! nothing of it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, Put,
    ScalarAttributeType, StreamSpecification, StreamViewType, TransactWriteItem, Update,
};
use aws_sdk_dynamodbstreams::Client as Streams;
use aws_sdk_dynamodbstreams::types::ShardIteratorType;
use serde::{Deserialize, Serialize};

const TABLE: &str = "client-sim-probe";
const WARM_UP: usize = 20;
const ROUNDS: usize = 60;
/// Records that one transaction puts into the stream.
const RECORDS: usize = 3;
/// How long the stream may take to show them.
const RECORD_MAX: Duration = Duration::from_secs(10);
/// The pause between rounds, so that the store is idle at each.
const PAUSE: Duration = Duration::from_millis(10);

/// Medians, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// One bid transaction.
    pub transact_us: u64,
    /// One GetRecords call that returns its records.
    pub get_records_us: u64,
}

impl Probe {
    /// Both together: the least cost of a path through the table and its stream.
    pub fn floor_us(self) -> u64 {
        self.transact_us + self.get_records_us
    }
}

/// Measures the store at an endpoint.
///
/// # Errors
/// When the store does not do as asked.
pub async fn measure(endpoint: &str) -> anyhow::Result<Probe> {
    let credentials = Credentials::new("probe", "probe", None, None, "client-sim");
    let config = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .load()
        .await;
    let client = Client::new(&config);
    let streams = Streams::new(&config);
    let stream_arn = make_table(&client, TABLE).await.context("the probe's table")?;
    let mut iterators = open(&streams, &stream_arn).await.context("the probe's stream")?;
    let mut transact_us = Vec::with_capacity(ROUNDS);
    let mut get_records_us = Vec::with_capacity(ROUNDS);
    for round in 0..WARM_UP + ROUNDS {
        tokio::time::sleep(PAUSE).await;
        let started = Instant::now();
        transact(&client, round).await?;
        let written = started.elapsed();
        // The call that returns the record counts, not one that came too early for it.
        let mut read = None;
        let mut records = 0;
        let give_up = Instant::now() + RECORD_MAX;
        // A key is in a partition of its own, and so perhaps in another shard.
        while records < RECORDS {
            for iterator in &mut iterators {
                let problem = "the probe's records did not appear in its stream";
                ensure!(Instant::now() < give_up, problem);
                let started = Instant::now();
                let page = streams.get_records().shard_iterator(&*iterator).send().await?;
                let took = started.elapsed();
                records += page.records().len();
                if !page.records().is_empty() {
                    read.get_or_insert(took);
                }
                *iterator = page.next_shard_iterator.context("the probe's shard has ended")?;
            }
        }
        let read = read.context("no page had a record")?;
        if round >= WARM_UP {
            transact_us.push(written.as_micros() as u64);
            get_records_us.push(read.as_micros() as u64);
        }
    }
    client.delete_table().table_name(TABLE).send().await.context("the probe's table")?;
    Ok(Probe { transact_us: median(transact_us), get_records_us: median(get_records_us) })
}

/// Makes a table with the keys `pk` and `sk` and a stream; returns the stream. It may take a while
/// until it can be used.
pub(crate) async fn make_table(client: &Client, name: &str) -> anyhow::Result<String> {
    let key = |name: &str, kind: KeyType| {
        KeySchemaElement::builder().attribute_name(name).key_type(kind).build()
    };
    let text = |name: &str| {
        AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S)
            .build()
    };
    let stream = StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(StreamViewType::NewImage)
        .build()?;
    let made = client
        .create_table()
        .table_name(name)
        .key_schema(key("pk", KeyType::Hash)?)
        .key_schema(key("sk", KeyType::Range)?)
        .attribute_definitions(text("pk")?)
        .attribute_definitions(text("sk")?)
        .billing_mode(BillingMode::PayPerRequest)
        .stream_specification(stream)
        .send()
        .await?;
    let description = made.table_description.context("no description")?;
    description.latest_stream_arn.context("no stream")
}

/// An iterator for each shard.
async fn open(streams: &Streams, arn: &str) -> anyhow::Result<Vec<String>> {
    let described = streams.describe_stream().stream_arn(arn).send().await?;
    let description = described.stream_description.context("no description")?;
    let mut iterators = Vec::new();
    for shard in description.shards() {
        let iterator = streams
            .get_shard_iterator()
            .stream_arn(arn)
            .shard_id(shard.shard_id().context("a shard without an id")?)
            .shard_iterator_type(ShardIteratorType::Latest)
            .send()
            .await?;
        iterators.push(iterator.shard_iterator.context("no iterator")?);
    }
    ensure!(!iterators.is_empty(), "no shard");
    Ok(iterators)
}

async fn transact(client: &Client, round: usize) -> anyhow::Result<()> {
    let text = |text: String| AttributeValue::S(text);
    let number = |number: usize| AttributeValue::N(number.to_string());
    let filler = || text("x".repeat(200));
    let update = Update::builder()
        .table_name(TABLE)
        .key("pk", text("AUCTION#probe".to_owned()))
        .key("sk", text("STATE".to_owned()))
        .update_expression("SET #version = :next, #filler = :filler")
        .condition_expression("attribute_not_exists(pk) OR #version = :expected")
        .expression_attribute_names("#version", "version")
        .expression_attribute_names("#filler", "filler")
        .expression_attribute_values(":next", number(round + 1))
        .expression_attribute_values(":expected", number(round))
        .expression_attribute_values(":filler", filler())
        .build()?;
    let put = |pk: String, sk: String| {
        Put::builder()
            .table_name(TABLE)
            .item("pk", text(pk))
            .item("sk", text(sk))
            .item("filler", filler())
            .condition_expression("attribute_not_exists(pk)")
            .build()
    };
    let bid = put("AUCTION#probe".to_owned(), format!("BID#{round:012}"))?;
    let key = put(format!("KEY#{round}"), "KEY".to_owned())?;
    client
        .transact_write_items()
        .transact_items(TransactWriteItem::builder().update(update).build())
        .transact_items(TransactWriteItem::builder().put(bid).build())
        .transact_items(TransactWriteItem::builder().put(key).build())
        .send()
        .await?;
    Ok(())
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}
