//! The table: made at start if absent, checked if present, never altered.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::builders::GlobalSecondaryIndexBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType, TableDescription,
    TableStatus, TimeToLiveSpecification,
};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::error::chain;

/// The sparse index of what is due, and of what is listed.
pub const DUE_INDEX: &str = "due";
const ACTIVE_WITHIN: Duration = Duration::from_secs(60);
const ACTIVE_POLL: Duration = Duration::from_millis(200);

/// Why the table cannot be used. One line each; nothing was touched.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// DynamoDB does not answer as it should.
    #[error("cannot reach DynamoDB for table {table}: {problem}")]
    Unreachable {
        /// The table.
        table: String,
        /// What the SDK said.
        problem: String,
    },
    /// The table is there and is not ours.
    #[error("table {table} exists but {problem}; choose another with --table, nothing was changed")]
    Unfit {
        /// The table.
        table: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// Makes the table if it is absent, checks it if it is present; returns its stream's ARN.
pub async fn ensure_table(client: &Client, table: &str) -> Result<String, SetupError> {
    let deadline = Instant::now() + ACTIVE_WITHIN;
    let mut made = false;
    loop {
        match describe(client, table).await? {
            None if !made => {
                create(client, table).await?;
                made = true;
            }
            Some(description) if description.table_status() == Some(&TableStatus::Active) => {
                let stream_arn = check(&description)
                    .map_err(|problem| SetupError::Unfit { table: table.to_owned(), problem })?;
                if made {
                    enable_expiry(client, table).await;
                    info!(table, "table made");
                }
                return Ok(stream_arn);
            }
            _ if Instant::now() > deadline => {
                return Err(SetupError::Unreachable {
                    table: table.to_owned(),
                    problem: format!("the table is not ACTIVE after {ACTIVE_WITHIN:?}"),
                });
            }
            _ => sleep(ACTIVE_POLL).await,
        }
    }
}

async fn describe(client: &Client, table: &str) -> Result<Option<TableDescription>, SetupError> {
    match client.describe_table().table_name(table).send().await {
        Ok(output) => Ok(output.table),
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => {
            Err(SetupError::Unreachable { table: table.to_owned(), problem: chain(&error) })
        }
    }
}

async fn create(client: &Client, table: &str) -> Result<(), SetupError> {
    match definition(client, table).send().await {
        Ok(_) => Ok(()),
        // Another server makes it at this moment.
        Err(error) if error.code() == Some("ResourceInUseException") => Ok(()),
        Err(error) => {
            Err(SetupError::Unreachable { table: table.to_owned(), problem: chain(&error) })
        }
    }
}

fn definition(client: &Client, table: &str) -> CreateTableFluentBuilder {
    let mut create = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .stream_specification(
            StreamSpecification::builder()
                .stream_enabled(true)
                .stream_view_type(StreamViewType::NewImage)
                .build()
                .expect("stream_enabled is set"),
        )
        .global_secondary_indexes(
            index()
                .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
                .build()
                .expect("name and keys are set"),
        );
    for (name, kind) in [
        ("pk", ScalarAttributeType::S),
        ("sk", ScalarAttributeType::S),
        ("due", ScalarAttributeType::S),
        ("dueAt", ScalarAttributeType::N),
    ] {
        let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(kind);
        create = create.attribute_definitions(attribute.build().expect("both are set"));
    }
    create.key_schema(key("pk", KeyType::Hash)).key_schema(key("sk", KeyType::Range))
}

fn index() -> GlobalSecondaryIndexBuilder {
    GlobalSecondaryIndex::builder()
        .index_name(DUE_INDEX)
        .key_schema(key("due", KeyType::Hash))
        .key_schema(key("dueAt", KeyType::Range))
}

fn key(name: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder()
        .attribute_name(name)
        .key_type(kind)
        .build()
        .expect("name and type are set")
}

/// The stream's ARN, or what is wrong with the table.
fn check(table: &TableDescription) -> Result<String, String> {
    if !has_keys(table.key_schema(), "pk", "sk") {
        return Err("its primary key is not pk (hash) and sk (range)".to_owned());
    }
    let due = table.global_secondary_indexes().iter().find(|index| {
        index.index_name() == Some(DUE_INDEX) && has_keys(index.key_schema(), "due", "dueAt")
    });
    if due.is_none() {
        return Err(format!("it has no index {DUE_INDEX} on due (hash) and dueAt (range)"));
    }
    let stream = table.stream_specification().filter(|stream| stream.stream_enabled);
    let view = stream.and_then(StreamSpecification::stream_view_type);
    match (view, table.latest_stream_arn()) {
        (Some(StreamViewType::NewImage | StreamViewType::NewAndOldImages), Some(arn)) => {
            Ok(arn.to_owned())
        }
        (Some(other), _) => Err(format!("its stream shows {}, not NEW_IMAGE", other.as_str())),
        _ => Err("it has no stream (NEW_IMAGE)".to_owned()),
    }
}

fn has_keys(schema: &[KeySchemaElement], hash: &str, range: &str) -> bool {
    let has = |name: &str, kind: &KeyType| {
        schema.iter().any(|key| key.attribute_name() == name && key.key_type() == kind)
    };
    schema.len() == 2 && has(hash, &KeyType::Hash) && has(range, &KeyType::Range)
}

/// Old idempotency keys are deleted by DynamoDB; without that they only cost storage.
async fn enable_expiry(client: &Client, table: &str) {
    let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name("expiresAt");
    let sent = client
        .update_time_to_live()
        .table_name(table)
        .time_to_live_specification(ttl.build().expect("both are set"))
        .send()
        .await;
    if let Err(error) = sent {
        warn!(table, error = chain(&error), "cannot enable TTL on expiresAt; old keys stay");
    }
}
