//! Requests of the Streams API, as they come.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::invalid;
use crate::arn::StreamName;
use crate::call::Reply;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Describe {
    pub(super) stream_arn: String,
    pub(super) limit: Option<usize>,
    pub(super) exclusive_start_shard_id: Option<String>,
    pub(super) shard_filter: Option<ShardFilter>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ShardFilter {
    pub(super) shard_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct List {
    pub(super) table_name: Option<String>,
    pub(super) limit: Option<usize>,
    pub(super) exclusive_start_stream_arn: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ShardIterator {
    pub(super) stream_arn: String,
    pub(super) shard_id: String,
    #[serde(flatten)]
    pub(super) start: Start,
}

/// Where a reader begins.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Start {
    #[serde(rename = "ShardIteratorType")]
    pub(super) kind: StartKind,
    pub(super) sequence_number: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum StartKind {
    TrimHorizon,
    Latest,
    #[serde(rename = "AT_SEQUENCE_NUMBER")]
    At,
    #[serde(rename = "AFTER_SEQUENCE_NUMBER")]
    After,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Records {
    pub(super) shard_iterator: String,
    pub(super) limit: Option<usize>,
}

pub(super) fn parse<T: DeserializeOwned>(body: &str) -> Result<T, Reply> {
    serde_json::from_str(body).map_err(|error| invalid(&error.to_string()))
}

/// The stream that an ARN names.
pub(super) fn stream_name(arn: &str) -> Result<StreamName, Reply> {
    StreamName::parse(arn).ok_or_else(|| {
        let message = format!("Requested resource not found: Stream: {arn} not found");
        Reply::refused("ResourceNotFoundException", &message)
    })
}
