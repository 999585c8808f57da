//! The interface to the Streams API: the stream of a table, three calls on it, and what their
//! errors mean for a reader.

use std::future::Future;
use std::sync::Arc;

use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::error::ProvideErrorMetadata;
use aws_sdk_dynamodbstreams::types::{Record, ShardIteratorType, StreamStatus};

use super::shards::{Description, ShardId};
use crate::store::connect::Clients;
use crate::store::error::chain;

/// Where an iterator starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// After everything written so far.
    Latest,
    /// Before the oldest record that is still kept.
    TrimHorizon,
    /// After the record with this sequence number.
    After(String),
}

/// A page of records.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// The records; possibly none although some lie ahead.
    pub records: Vec<Record>,
    /// The next iterator; `None`: the shard is closed and read to its end.
    pub next: Option<String>,
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The iterator is older than 15 minutes: obtain another one after the last record.
    #[error("the iterator has expired")]
    Expired,
    /// Records were deleted before they were read: the table has them.
    #[error("records were trimmed before they were read")]
    Trimmed,
    /// The shard no longer exists.
    #[error("the shard is gone: {0}")]
    Gone(String),
    /// Any other error: try again later.
    #[error("{0}")]
    Failed(String),
}

/// The ARN of a stream: a new one each time the stream of a table is enabled.
pub type StreamArn = Arc<str>;

/// A page of a stream's description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The shards of this page.
    pub shards: Vec<Description>,
    /// The shard after which the next page begins; `None`: this was the last one.
    pub next: Option<ShardId>,
    /// Whether the stream receives records. One that is switched off stays readable for a day.
    pub is_enabled: bool,
}

/// The streams of a table.
pub trait Streams: Send + Sync + 'static {
    /// A stream of the table.
    type Stream: Stream;

    /// The current stream of the table, if it has one.
    fn latest(&self) -> impl Future<Output = Result<Option<StreamArn>, StreamError>> + Send;

    /// Opens a stream by its ARN. Does not connect.
    fn open(&self, arn: &StreamArn) -> Self::Stream;
}

/// What the relay needs of a stream. Each call makes one attempt.
pub trait Stream: Send + Sync + 'static {
    /// A page of the description, after this shard or from the beginning.
    fn describe(
        &self,
        after: Option<&ShardId>,
    ) -> impl Future<Output = Result<Listed, StreamError>> + Send;

    /// An iterator of a shard.
    fn iterator(
        &self,
        shard: &ShardId,
        position: &Position,
    ) -> impl Future<Output = Result<String, StreamError>> + Send;

    /// The page at an iterator.
    fn records(&self, iterator: &str) -> impl Future<Output = Result<Page, StreamError>> + Send;
}

/// The streams of a table over the AWS SDK.
#[derive(Debug, Clone)]
pub struct DynamoStreams {
    /// Both clients of the DynamoDB that has the table.
    pub clients: Clients,
    /// The name of the table.
    pub table: String,
}

impl Streams for DynamoStreams {
    type Stream = DynamoStream;

    async fn latest(&self) -> Result<Option<StreamArn>, StreamError> {
        let described = self.clients.dynamodb.describe_table().table_name(&self.table).send().await;
        match described {
            Ok(output) => {
                let table = output.table.as_ref();
                let is_enabled = table
                    .and_then(|table| table.stream_specification())
                    .is_some_and(|stream| stream.stream_enabled);
                let arn = table.and_then(|table| table.latest_stream_arn());
                Ok(arn.filter(|_| is_enabled).map(StreamArn::from))
            }
            // The table is deleted; it may be created again.
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(StreamError::Failed(chain(&error))),
        }
    }

    fn open(&self, arn: &StreamArn) -> DynamoStream {
        DynamoStream { client: self.clients.streams.clone(), arn: Arc::clone(arn) }
    }
}

/// A stream over the AWS SDK.
#[derive(Debug, Clone)]
pub struct DynamoStream {
    client: Client,
    arn: StreamArn,
}

impl Stream for DynamoStream {
    async fn describe(&self, after: Option<&ShardId>) -> Result<Listed, StreamError> {
        let output = self
            .client
            .describe_stream()
            .stream_arn(&*self.arn)
            .set_exclusive_start_shard_id(after.map(ToString::to_string))
            .send()
            .await
            .map_err(|error| meaning(error.code(), || chain(&error)))?;
        let Some(description) = output.stream_description else {
            return Ok(Listed { shards: Vec::new(), next: None, is_enabled: true });
        };
        let shards = description.shards().iter().filter_map(|shard| {
            let parent = shard.parent_shard_id().map(ShardId::from);
            Some(Description { id: shard.shard_id()?.into(), parent })
        });
        let off = matches!(
            description.stream_status,
            Some(StreamStatus::Disabled | StreamStatus::Disabling)
        );
        Ok(Listed {
            shards: shards.collect(),
            next: description.last_evaluated_shard_id.as_deref().map(ShardId::from),
            is_enabled: !off,
        })
    }

    async fn iterator(&self, shard: &ShardId, at: &Position) -> Result<String, StreamError> {
        let call = self.client.get_shard_iterator().stream_arn(&*self.arn).shard_id(shard.as_ref());
        let call = match at {
            Position::Latest => call.shard_iterator_type(ShardIteratorType::Latest),
            Position::TrimHorizon => call.shard_iterator_type(ShardIteratorType::TrimHorizon),
            Position::After(number) => call
                .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
                .sequence_number(number),
        };
        let output = call.send().await.map_err(|error| meaning(error.code(), || chain(&error)))?;
        output.shard_iterator.ok_or_else(|| StreamError::Gone("no iterator was given".to_owned()))
    }

    async fn records(&self, iterator: &str) -> Result<Page, StreamError> {
        let output = self
            .client
            .get_records()
            .shard_iterator(iterator)
            .send()
            .await
            .map_err(|error| meaning(error.code(), || chain(&error)))?;
        Ok(Page { records: output.records.unwrap_or_default(), next: output.next_shard_iterator })
    }
}

fn meaning(code: Option<&str>, text: impl Fn() -> String) -> StreamError {
    match code {
        Some("ExpiredIteratorException") => StreamError::Expired,
        Some("TrimmedDataAccessException") => StreamError::Trimmed,
        Some("ResourceNotFoundException") => StreamError::Gone(text()),
        // Some emulators answer this for an iterator that they have forgotten.
        Some("ValidationException") if text().contains("ShardIterator") => StreamError::Expired,
        _ => StreamError::Failed(text()),
    }
}
