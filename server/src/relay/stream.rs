//! The edge to the Streams API: three calls, and what their errors mean for a reader.

use std::future::Future;

use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::error::ProvideErrorMetadata;
use aws_sdk_dynamodbstreams::types::{Record, ShardIteratorType};

use super::shards::{Description, ShardId};
use crate::store::error::chain;

/// Where an iterator is to stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// After what has been written so far.
    Latest,
    /// Before the oldest record that is kept.
    TrimHorizon,
    /// After the record of this sequence number.
    After(String),
}

/// A page of records.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// The records; may be none although some lie ahead.
    pub records: Vec<Record>,
    /// The next iterator; `None`: the shard is closed and read to its end.
    pub next: Option<String>,
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The iterator is older than 15 minutes: ask for another where the last record was.
    #[error("the iterator has expired")]
    Expired,
    /// Records were deleted before they were read: the table has them.
    #[error("records were trimmed before they were read")]
    Trimmed,
    /// The shard no longer exists.
    #[error("the shard is gone: {0}")]
    Gone(String),
    /// Anything else: try again later.
    #[error("{0}")]
    Failed(String),
}

/// What the relay needs of a stream. One attempt a call.
pub trait Stream: Send + Sync + 'static {
    /// Every shard that the stream has.
    fn describe(&self) -> impl Future<Output = Result<Vec<Description>, StreamError>> + Send;

    /// An iterator of a shard.
    fn iterator(
        &self,
        shard: &ShardId,
        position: &Position,
    ) -> impl Future<Output = Result<String, StreamError>> + Send;

    /// The page at an iterator.
    fn records(&self, iterator: &str) -> impl Future<Output = Result<Page, StreamError>> + Send;
}

/// The stream of a table over the AWS SDK.
#[derive(Debug, Clone)]
pub struct DynamoStream {
    client: Client,
    arn: String,
}

impl DynamoStream {
    /// The stream of this ARN. Does not connect.
    pub fn new(client: Client, arn: String) -> Self {
        Self { client, arn }
    }
}

impl Stream for DynamoStream {
    async fn describe(&self) -> Result<Vec<Description>, StreamError> {
        let mut shards = Vec::new();
        let mut after = None;
        loop {
            let output = self
                .client
                .describe_stream()
                .stream_arn(&self.arn)
                .set_exclusive_start_shard_id(after)
                .send()
                .await
                .map_err(|error| meaning(error.code(), || chain(&error)))?;
            let Some(description) = output.stream_description else { return Ok(shards) };
            for shard in description.shards() {
                if let Some(id) = shard.shard_id() {
                    let parent = shard.parent_shard_id().map(ShardId::from);
                    shards.push(Description { id: id.into(), parent });
                }
            }
            after = description.last_evaluated_shard_id;
            if after.is_none() {
                return Ok(shards);
            }
        }
    }

    async fn iterator(&self, shard: &ShardId, at: &Position) -> Result<String, StreamError> {
        let call = self.client.get_shard_iterator().stream_arn(&self.arn).shard_id(shard.as_ref());
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
        // Some emulators say so of an iterator that they have forgotten.
        Some("ValidationException") if text().contains("ShardIterator") => StreamError::Expired,
        _ => StreamError::Failed(text()),
    }
}
