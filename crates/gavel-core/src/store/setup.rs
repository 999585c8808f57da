//! The table: created at start if it does not exist and that is allowed, checked if it exists,
//! never altered.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::builders::GlobalSecondaryIndexBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, IndexStatus, KeySchemaElement, KeyType,
    Projection, ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType,
    TableDescription, TableStatus, TimeToLiveSpecification,
};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::error::{StoreError, chain, classify};

/// The sparse index of due and listed auctions.
pub const DUE_INDEX: &str = "due";
/// How long the start waits for a DynamoDB that does not answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(60);
/// How often a table that is not ready is checked: at first, and at last.
const POLLS: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(5)];
/// How long a stream that is switched off is waited for: somebody may be switching it off and on.
const STREAM_WITHIN: Duration = Duration::from_secs(10);
/// How often the log says what is waited for.
const SAID_EVERY: Duration = Duration::from_secs(60);

/// Why the table cannot be used, in one line. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// DynamoDB does not answer, or answers with an error.
    #[error("cannot reach DynamoDB for table {table}: {problem}")]
    Unreachable {
        /// The table.
        table: String,
        /// The SDK's error.
        problem: String,
    },
    /// The table exists and is not one of Gavel.
    #[error("table {table} exists but {problem}; choose another with --table, nothing was changed")]
    Unfit {
        /// The table.
        table: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The table does not exist and may not be created.
    #[error(
        "table {table} does not exist in {place}; create it with --create-table, choose another \
         with --table, or check the region and the account"
    )]
    Absent {
        /// The table.
        table: String,
        /// The account and region.
        place: String,
    },
}

/// The state of a table.
#[derive(Debug, PartialEq, Eq)]
enum Stage {
    Absent,
    /// It will become usable: what is waited for.
    Waits(&'static str),
    /// It is usable: the ARN of its stream.
    Ready(String),
    /// It had a stream, and that is switched off now.
    StreamOff,
    Unfit(String),
}

/// Creates the table if it does not exist, checks it if it does; returns the ARN of its stream.
///
/// # Errors
/// When it cannot be used.
pub async fn ensure_table(client: &Client, table: &str) -> Result<String, SetupError> {
    let opened = open_table(client, table, true).await?;
    Ok(opened.expect("a table that is absent is made"))
}

/// Checks or creates the table; waits for it as long as necessary, and logs for what. Returns the
/// ARN of its stream; `None` if it does not exist and may not be created.
///
/// # Errors
/// When it cannot be used.
pub async fn open_table(
    client: &Client,
    table: &str,
    creates: bool,
) -> Result<Option<String>, SetupError> {
    let mut waiting = Waiting::new(table);
    let mut made = false;
    loop {
        let stage = match describe(client, table).await {
            Ok(described) => described.as_ref().map_or(Stage::Absent, stage_of),
            Err(error) => waiting.tolerates(error)?,
        };
        match stage {
            Stage::Absent if !creates => return Ok(None),
            Stage::Absent if !made => match create(client, table).await {
                Ok(()) => made = true,
                Err(error) => {
                    if let Stage::Waits(what) = waiting.tolerates(error)? {
                        waiting.says(what);
                    }
                }
            },
            Stage::Absent => waiting.says("the table that was just created"),
            Stage::Waits(what) => waiting.says(what),
            Stage::StreamOff if waiting.began.elapsed() < STREAM_WITHIN => {
                waiting.says("the table's stream is switched off");
            }
            Stage::StreamOff => {
                let problem = "its stream (NEW_IMAGE) is switched off".to_owned();
                return Err(SetupError::Unfit { table: table.to_owned(), problem });
            }
            Stage::Unfit(problem) => {
                return Err(SetupError::Unfit { table: table.to_owned(), problem });
            }
            Stage::Ready(stream_arn) => {
                if made {
                    enable_expiry(client, table).await;
                    info!(table, stream.arn = stream_arn, "table created");
                } else {
                    info!(table, stream.arn = stream_arn, "table found");
                }
                return Ok(Some(stream_arn));
            }
        }
        waiting.pause(made).await;
    }
}

/// The wait for a table.
struct Waiting<'t> {
    table: &'t str,
    began: Instant,
    said: Option<(Instant, &'static str)>,
    polls: u32,
}

impl<'t> Waiting<'t> {
    fn new(table: &'t str) -> Self {
        Self { table, began: Instant::now(), said: None, polls: 0 }
    }

    /// What to wait for after an error: throttling ends, and a brief failure does too.
    fn tolerates(&mut self, error: StoreError) -> Result<Stage, SetupError> {
        match error {
            StoreError::Throttled(_) => {
                Ok(Stage::Waits("DynamoDB throttles requests that describe or make tables"))
            }
            StoreError::Unknown(_) if self.began.elapsed() < ANSWERS_WITHIN => {
                Ok(Stage::Waits("DynamoDB does not answer"))
            }
            StoreError::Unavailable(problem)
            | StoreError::Denied(problem)
            | StoreError::Unknown(problem)
            | StoreError::Refused(problem) => {
                Err(SetupError::Unreachable { table: self.table.to_owned(), problem })
            }
            StoreError::Corrupt(error) => Err(SetupError::Unreachable {
                table: self.table.to_owned(),
                problem: error.to_string(),
            }),
        }
    }

    /// Logs what is waited for, once, and then every minute.
    fn says(&mut self, what: &'static str) {
        let now = Instant::now();
        let is_new = self.said.is_none_or(|(at, said)| said != what || now - at >= SAID_EVERY);
        if is_new {
            self.said = Some((now, what));
            let waited_s = self.began.elapsed().as_secs();
            info!(table = self.table, waited_s, "waiting: {what}");
        }
    }

    async fn pause(&mut self, made: bool) {
        let [first, last] = POLLS;
        let pause = if made { first } else { first * (1 << self.polls.min(5)) };
        self.polls += 1;
        sleep(pause.min(last)).await;
    }
}

async fn describe(client: &Client, table: &str) -> Result<Option<TableDescription>, StoreError> {
    match client.describe_table().table_name(table).send().await {
        Ok(output) => Ok(output.table),
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(classify(&error)),
    }
}

async fn create(client: &Client, table: &str) -> Result<(), StoreError> {
    match definition(client, table).send().await {
        Ok(_) => Ok(()),
        // Another server is creating it.
        Err(error) if error.code() == Some("ResourceInUseException") => Ok(()),
        Err(error) => Err(classify(&error)),
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

/// The state of a described table.
fn stage_of(table: &TableDescription) -> Stage {
    let unfit = |problem: &str| Stage::Unfit(problem.to_owned());
    match table.table_status() {
        Some(TableStatus::Creating) => return Stage::Waits("the table is CREATING"),
        Some(TableStatus::Deleting) => return Stage::Waits("the table is DELETING"),
        Some(TableStatus::InaccessibleEncryptionCredentials) => {
            return unfit("its encryption key cannot be used");
        }
        Some(TableStatus::Archiving | TableStatus::Archived) => return unfit("it is archived"),
        // A table in UPDATING reads and writes as usual.
        _ => {}
    }
    if !has_keys(table.key_schema(), "pk", "sk") {
        return unfit("its primary key is not pk (hash) and sk (range)");
    }
    let due = table.global_secondary_indexes().iter().find(|index| {
        index.index_name() == Some(DUE_INDEX) && has_keys(index.key_schema(), "due", "dueAt")
    });
    let Some(due) = due else {
        return Stage::Unfit(format!(
            "it has no index {DUE_INDEX} on due (hash) and dueAt (range)"
        ));
    };
    match due.index_status() {
        Some(IndexStatus::Creating) if due.backfilling() == Some(true) => {
            return Stage::Waits("the index due is being backfilled (minutes to an hour)");
        }
        Some(IndexStatus::Creating) => return Stage::Waits("the index due is CREATING"),
        Some(IndexStatus::Deleting) => return unfit("its index due is being deleted"),
        _ => {}
    }
    let stream = table.stream_specification().filter(|stream| stream.stream_enabled);
    let view = stream.and_then(StreamSpecification::stream_view_type);
    match (view, table.latest_stream_arn()) {
        (Some(StreamViewType::NewImage | StreamViewType::NewAndOldImages), Some(arn)) => {
            Stage::Ready(arn.to_owned())
        }
        (Some(other), _) => {
            Stage::Unfit(format!("its stream has the view {}, not NEW_IMAGE", other.as_str()))
        }
        (None, _) if table.table_status() == Some(&TableStatus::Updating) => {
            Stage::Waits("the table is UPDATING and has no stream yet")
        }
        (None, Some(_)) => Stage::StreamOff,
        (None, None) => unfit("it has no stream (NEW_IMAGE)"),
    }
}

fn has_keys(schema: &[KeySchemaElement], hash: &str, range: &str) -> bool {
    let has = |name: &str, kind: &KeyType| {
        schema.iter().any(|key| key.attribute_name() == name && key.key_type() == kind)
    };
    schema.len() == 2 && has(hash, &KeyType::Hash) && has(range, &KeyType::Range)
}

/// DynamoDB deletes expired idempotency keys; without that they only cost storage.
async fn enable_expiry(client: &Client, table: &str) {
    let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name("expiresAt");
    let sent = client
        .update_time_to_live()
        .table_name(table)
        .time_to_live_specification(ttl.build().expect("both are set"))
        .send()
        .await;
    if let Err(error) = sent {
        warn!(
            table,
            error = chain(&error),
            "cannot enable TTL on expiresAt; expired keys are kept"
        );
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::GlobalSecondaryIndexDescription;
    use aws_sdk_dynamodb::types::builders::TableDescriptionBuilder;

    use super::*;

    const ARN: &str = "arn:aws:dynamodb:eu-west-1:123456789012:table/t/stream/1";

    fn due(status: IndexStatus, backfilling: bool) -> GlobalSecondaryIndexDescription {
        GlobalSecondaryIndexDescription::builder()
            .index_name(DUE_INDEX)
            .key_schema(key("due", KeyType::Hash))
            .key_schema(key("dueAt", KeyType::Range))
            .index_status(status)
            .backfilling(backfilling)
            .build()
    }

    fn without_stream(status: TableStatus) -> TableDescriptionBuilder {
        TableDescription::builder()
            .table_status(status)
            .key_schema(key("pk", KeyType::Hash))
            .key_schema(key("sk", KeyType::Range))
    }

    fn table(status: TableStatus) -> TableDescriptionBuilder {
        let stream = StreamSpecification::builder()
            .stream_enabled(true)
            .stream_view_type(StreamViewType::NewImage);
        without_stream(status)
            .stream_specification(stream.build().expect("stream_enabled is set"))
            .latest_stream_arn(ARN)
    }

    fn active_index(of: TableDescriptionBuilder) -> TableDescription {
        of.global_secondary_indexes(due(IndexStatus::Active, false)).build()
    }

    #[test]
    fn a_table_that_is_being_updated_is_used_and_one_that_is_made_or_deleted_is_waited_for() {
        for status in [TableStatus::Active, TableStatus::Updating] {
            assert_eq!(stage_of(&active_index(table(status))), Stage::Ready(ARN.to_owned()));
        }
        for status in [TableStatus::Creating, TableStatus::Deleting] {
            assert!(matches!(stage_of(&active_index(table(status))), Stage::Waits(_)));
        }
        let off = without_stream(TableStatus::Active).latest_stream_arn(ARN);
        assert_eq!(stage_of(&active_index(off)), Stage::StreamOff);
        let made = active_index(without_stream(TableStatus::Updating));
        assert!(matches!(stage_of(&made), Stage::Waits(_)), "its stream is switched on");
    }

    #[test]
    fn an_index_that_is_being_filled_is_waited_for() {
        for backfilling in [false, true] {
            let index = due(IndexStatus::Creating, backfilling);
            let table = table(TableStatus::Updating).global_secondary_indexes(index).build();
            let Stage::Waits(what) = stage_of(&table) else { panic!("{:?}", stage_of(&table)) };
            assert_eq!(what.contains("filled"), backfilling, "{what}");
        }
    }

    #[test]
    fn a_table_that_will_never_do_is_unfit() {
        for status in [TableStatus::InaccessibleEncryptionCredentials, TableStatus::Archived] {
            assert!(matches!(stage_of(&active_index(table(status))), Stage::Unfit(_)));
        }
        let no_index = table(TableStatus::Active).build();
        let no_stream = active_index(without_stream(TableStatus::Active));
        for described in [no_index, no_stream, TableDescription::builder().build()] {
            assert!(matches!(stage_of(&described), Stage::Unfit(_)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_is_waited_out_and_silence_for_a_minute() {
        let mut waiting = Waiting::new("t");
        let silent = || StoreError::Unknown("no answer".to_owned());
        assert!(waiting.tolerates(silent()).is_ok());
        tokio::time::advance(ANSWERS_WITHIN).await;
        assert!(waiting.tolerates(silent()).is_err());
        assert!(waiting.tolerates(StoreError::Throttled("slow down".to_owned())).is_ok());
        for error in [StoreError::Denied("no".to_owned()), StoreError::Refused("no".to_owned())] {
            assert!(waiting.tolerates(error).is_err());
        }
    }
}
