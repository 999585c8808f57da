//! The answers of the service, and reasons for having none.

use std::time::Duration;

use serde::Deserialize;

use crate::stamp::Stamp;

/// The answer to a bid.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "__typename")]
pub enum BidAnswer {
    /// The bid is in the table.
    #[serde(rename_all = "camelCase")]
    BidAccepted {
        /// The bid.
        bid: AcceptedBid,
        /// Whether an earlier request with the same key wrote it.
        repeated: bool,
        /// When the service received the store's acknowledgement.
        committed_at: Stamp,
    },
    /// The bid was rejected.
    #[serde(rename_all = "camelCase")]
    BidRejected {
        /// Why it was rejected.
        code: String,
        /// The reason in a sentence.
        message: String,
        /// The minimum bid now.
        minimum_bid: String,
    },
}

/// An accepted bid in an answer.
#[derive(Debug, Clone, Deserialize)]
pub struct AcceptedBid {
    /// Its id.
    pub id: String,
    /// The sequence of the bid.
    pub sequence: u64,
    /// The timestamps of the bid.
    pub timing: AnswerTiming,
}

/// The timestamps in an answer.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerTiming {
    /// When its transaction was sealed.
    pub written_at: Stamp,
}

/// A bid in the table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableBid {
    /// Its id.
    pub id: String,
    /// The sequence of the bid.
    pub sequence: u64,
    /// The amount, in minor units.
    pub amount: String,
    /// The bidder.
    pub bidder_id: String,
    /// When the service received it.
    pub received_at: Stamp,
    /// The end of the auction after this bid.
    pub ends_at: Stamp,
    /// The trace context it was sent with, which identifies the attempt.
    pub traceparent: Option<String>,
}

/// The state of an auction.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// DRAFT, OPEN, CLOSED or CANCELLED.
    pub status: String,
    /// The number of accepted bids.
    pub sequence: u64,
    /// The winner, once it is closed.
    pub winner_id: Option<String>,
}

/// An error from the API, with its code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// `extensions.code`.
    pub code: String,
    /// The message.
    pub message: String,
    /// `extensions.retryable`.
    pub retryable: bool,
    /// `extensions.retryAfterMs`.
    pub retry_after_ms: Option<u64>,
    /// `extensions.limit`: the limit that was reached.
    pub limit: Option<String>,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The service answered with an error.
    #[error(transparent)]
    Refused(#[from] ApiError),
    /// There was no connection to send the request over.
    #[error("not sent: {0}")]
    Unsent(String),
    /// The request was sent, and its outcome is unknown.
    #[error("no answer: {0}")]
    Lost(String),
}

impl CallError {
    /// How long the service asks to wait before a retry.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(error) => error.retry_after_ms.map(Duration::from_millis),
            Self::Unsent(_) | Self::Lost(_) => None,
        }
    }

    /// The limit of the service that was reached.
    pub fn limit(&self) -> Option<&str> {
        match self {
            Self::Refused(error) => error.limit.as_deref(),
            Self::Unsent(_) | Self::Lost(_) => None,
        }
    }
}
