//! What can go wrong between the service and DynamoDB, told by what is known to have happened.

use std::error::Error as StdError;
use std::fmt::Display;
use std::io;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use super::key::KeyRecord;
use crate::auction::Auction;

/// A request failed. The variant says what happened to it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Certainly not carried out; the same request may succeed later.
    #[error("store unavailable: {0}")]
    Unavailable(String),
    /// Nobody knows whether it was carried out (time-out, dropped connection, 5xx).
    #[error("outcome unknown: {0}")]
    Unknown(String),
    /// It can never succeed: a programmer's or an operator's error.
    #[error("store refused the request: {0}")]
    Refused(String),
    /// An item in the table is not one of ours.
    #[error("unreadable item: {0}")]
    Corrupt(#[from] super::item::ItemError),
}

/// Why a transaction was not committed.
#[derive(Debug)]
pub enum CommitError {
    /// The auction has another version; this is the item as it stands, if there is one.
    VersionTaken(Option<Box<Auction>>),
    /// These bids' keys are remembered already (index into the transaction's bids).
    KeysTaken(Vec<(usize, KeyRecord)>),
    /// Another transaction held an item: certainly not written.
    Busy(String),
    /// The table, or one of its items, takes no more just now: certainly not written.
    Throttled(String),
    /// Anything else; see the variant for what is known.
    Store(StoreError),
}

impl From<StoreError> for CommitError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Error codes that mean "not carried out, try later".
pub(super) const THROTTLED: [&str; 6] = [
    "ThrottlingException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "LimitExceededException",
    "TransactionConflictException",
    "ResourceInUseException",
];

/// What an SDK error says about the fate of its request.
pub fn classify<E>(error: &SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    match error {
        SdkError::ConstructionFailure(_) => StoreError::Refused(chain(error)),
        SdkError::DispatchFailure(_) if was_never_connected(error) => {
            StoreError::Unavailable(chain(error))
        }
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or("unknown");
            let message = service.err().message().unwrap_or_default();
            let text = format!("{code}: {message}");
            if THROTTLED.contains(&code) {
                StoreError::Unavailable(text)
            } else if service.raw().status().is_server_error()
                || code == "TransactionInProgressException"
            {
                StoreError::Unknown(text)
            } else {
                StoreError::Refused(text)
            }
        }
        _ => StoreError::Unknown(chain(error)),
    }
}

/// A refused connection is the one transport failure that proves that nothing was sent.
fn was_never_connected(error: &(dyn StdError + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>()
            && io.kind() == io::ErrorKind::ConnectionRefused
        {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The error and its causes in one line.
pub fn chain(error: &(dyn StdError + 'static)) -> String {
    fn append(text: &mut String, part: &dyn Display) {
        let part = part.to_string();
        if !text.ends_with(&part) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&part);
        }
    }
    let mut text = String::new();
    let mut cause = Some(error);
    while let Some(error) = cause {
        append(&mut text, &error);
        cause = error.source();
    }
    text
}
