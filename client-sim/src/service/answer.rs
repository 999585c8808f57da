//! What the service answers, and why it may not.

use std::time::Duration;

use serde::Deserialize;

use crate::stamp::Stamp;

/// The answer to a bid.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "__typename")]
pub enum BidAnswer {
    /// It is in the table.
    #[serde(rename_all = "camelCase")]
    BidAccepted {
        /// The bid.
        bid: AcceptedBid,
        /// Whether an earlier request with the same key wrote it.
        repeated: bool,
        /// When the store's acknowledgement arrived at the service.
        committed_at: Stamp,
    },
    /// It is not.
    #[serde(rename_all = "camelCase")]
    BidRejected {
        /// Why.
        code: String,
        /// In a sentence.
        message: String,
        /// What would be enough.
        minimum_bid: String,
    },
}

/// What the answer says of an accepted bid.
#[derive(Debug, Clone, Deserialize)]
pub struct AcceptedBid {
    /// Its id.
    pub id: String,
    /// Its number.
    pub sequence: u64,
    /// Its stamps.
    pub timing: AnswerTiming,
}

/// The stamps of an answer.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerTiming {
    /// When its transaction was sealed.
    pub written_at: Stamp,
}

/// A bid as the table has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableBid {
    /// Its id.
    pub id: String,
    /// Its number.
    pub sequence: u64,
    /// How much, in minor units.
    pub amount: String,
    /// Who bid.
    pub bidder_id: String,
    /// When the service received it.
    pub received_at: Stamp,
    /// The end of the auction as it stood after it.
    pub ends_at: Stamp,
    /// The trace context it was sent with: says which attempt it is.
    pub traceparent: Option<String>,
}

/// An auction as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// DRAFT, OPEN, CLOSED or CANCELLED.
    pub status: String,
    /// Its accepted bids.
    pub sequence: u64,
    /// Who has won, once it is closed.
    pub winner_id: Option<String>,
}

/// An error of the API's own, with its code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// `extensions.code`.
    pub code: String,
    /// The sentence.
    pub message: String,
    /// `extensions.retryable`.
    pub retryable: bool,
    /// `extensions.retryAfterMs`.
    pub retry_after_ms: Option<u64>,
    /// `extensions.limit`: which limit was met.
    pub limit: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The service said so.
    #[error(transparent)]
    Refused(#[from] ApiError),
    /// There was no connection to send the request over.
    #[error("not sent: {0}")]
    Unsent(String),
    /// Nobody knows what became of the request.
    #[error("no answer: {0}")]
    Lost(String),
}

impl CallError {
    /// How long the service says to wait before the request is sent again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(error) => error.retry_after_ms.map(Duration::from_millis),
            Self::Unsent(_) | Self::Lost(_) => None,
        }
    }

    /// The limit of the service that was met.
    pub fn limit(&self) -> Option<&str> {
        match self {
            Self::Refused(error) => error.limit.as_deref(),
            Self::Unsent(_) | Self::Lost(_) => None,
        }
    }
}
