//! Counts of the store: errors, by kind.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use tokio::time::Instant;

use super::error::{StoreError, classify};
use super::item::ItemError;
use super::{CommitError, Dynamo};
use crate::labels;

labels! {
    /// Why a request failed.
    pub Kind {
        /// The table, the account or an item accepts no more at the moment: not carried out.
        Throttled = "throttled",
        /// Another transaction held an item: not carried out.
        Busy = "busy",
        /// Never connected: not carried out.
        Unavailable = "unavailable",
        /// Unknown whether it was carried out.
        Unknown = "unknown",
        /// Access denied (credentials, permissions, key, table): not carried out.
        Denied = "denied",
        /// It can never succeed.
        Refused = "refused",
        /// An item is not from Gavel.
        Corrupt = "corrupt",
    }
}

impl From<&StoreError> for Kind {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::Unavailable,
            StoreError::Throttled(_) => Self::Throttled,
            StoreError::Denied(_) => Self::Denied,
            StoreError::Unknown(_) => Self::Unknown,
            StoreError::Refused(_) => Self::Refused,
            StoreError::Corrupt(_) => Self::Corrupt,
        }
    }
}

impl Dynamo {
    /// What an SDK error says about the outcome of its request; counted.
    pub(super) fn failed<E>(&self, error: &SdkError<E, HttpResponse>) -> StoreError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let failed = classify(error);
        self.errors.inc(match error.code() {
            Some("TransactionConflictException") => Kind::Busy,
            _ => Kind::from(&failed),
        });
        self.watch.failed(&failed, Instant::now());
        failed
    }

    /// Passes on an item as read; an unreadable one is counted.
    pub(super) fn read<V>(&self, item: Result<V, ItemError>) -> Result<V, StoreError> {
        item.map_err(|error| {
            self.errors.inc(Kind::Corrupt);
            error.into()
        })
    }

    /// Counts the outcome of a cancelled transaction, if it is an error.
    pub(super) fn cancelled(&self, said: CommitError) -> CommitError {
        match &said {
            CommitError::VersionTaken(_) | CommitError::KeysTaken(_) => {}
            CommitError::Busy(_) => self.errors.inc(Kind::Busy),
            CommitError::Throttled(_) => self.errors.inc(Kind::Throttled),
            CommitError::Store(error) => self.errors.inc(error.into()),
        }
        said
    }
}
