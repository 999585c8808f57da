//! Errors between the service and DynamoDB, by what is known about the outcome.

use std::error::Error as StdError;
use std::fmt::Display;
use std::io;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use hyper_util::client::legacy as client;

use super::key::KeyRecord;
use crate::auction::Auction;

/// A failed request. The variant says what became of it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Definitely not carried out; the same request may succeed soon.
    #[error("store unavailable: {0}")]
    Unavailable(String),
    /// Definitely not carried out: the table or the account accepts no more at the moment.
    #[error("throttled: {0}")]
    Throttled(String),
    /// Definitely not carried out, because access is denied: the credentials, permissions, key or
    /// table of this process. Somebody has to fix that; retrying at once is pointless.
    #[error("access denied: {0}")]
    Denied(String),
    /// Unknown whether it was carried out (time-out, dropped connection, 5xx).
    #[error("outcome unknown: {0}")]
    Unknown(String),
    /// The request can never succeed: a bug in this service.
    #[error("store refused the request: {0}")]
    Refused(String),
    /// An item in the table is not from Gavel.
    #[error("unreadable item: {0}")]
    Corrupt(#[from] super::item::ItemError),
}

/// Why a transaction was not committed.
#[derive(Debug)]
pub enum CommitError {
    /// The auction has another version; this is the current item, if there is one.
    VersionTaken(Option<Box<Auction>>),
    /// The keys of these bids exist already (index into the transaction's bids).
    KeysTaken(Vec<(usize, KeyRecord)>),
    /// Another transaction held an item: definitely not written.
    Busy(String),
    /// The table, or one of its items, accepts no more at the moment: definitely not written.
    Throttled(String),
    /// Any other error; its variant says what is known.
    Store(StoreError),
}

impl From<StoreError> for CommitError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// How far a failed request got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    /// The request could not be built.
    NotBuilt,
    /// There were no credentials to sign it with.
    NotSigned,
    /// There was no connection: nothing was sent.
    NotSent,
    /// It was sent, at least in part; no readable answer came.
    Sent,
    /// It was answered with an error.
    Answered,
}

/// What is known about a failed request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Failure<'a> {
    reached: Reached,
    /// The HTTP status of the answer; 0 without one.
    status: u16,
    /// The name of the error in the answer.
    code: Option<&'a str>,
}

/// What became of a failed request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Unavailable,
    Throttled,
    Denied,
    Unknown,
    Refused,
}

/// Error names that mean: too many requests.
const THROTTLED: [&str; 6] = [
    "ThrottlingException",
    "Throttling",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "LimitExceededException",
    "TooManyRequestsException",
];

/// Error names that mean: something else holds the item or the table at the moment.
const HELD: [&str; 3] =
    ["TransactionConflictException", "ResourceInUseException", "ReplicatedWriteConflictException"];

/// Error names that mean: the request itself is wrong.
const WRONG: [&str; 8] = [
    "ValidationException",
    "ValidationError",
    "SerializationException",
    "IdempotentParameterMismatchException",
    "ConditionalCheckFailedException",
    "UnknownOperationException",
    "InvalidAction",
    "MissingParameter",
];

/// The outcome of a failed request. An answer below 500 is final: what it refused was not carried
/// out.
fn fate(failure: Failure<'_>) -> Fate {
    match failure.reached {
        Reached::NotBuilt => Fate::Refused,
        Reached::NotSigned => Fate::Denied,
        Reached::NotSent => Fate::Unavailable,
        Reached::Sent => Fate::Unknown,
        Reached::Answered => match failure.code {
            Some(code) if THROTTLED.contains(&code) => Fate::Throttled,
            Some(code) if HELD.contains(&code) => Fate::Unavailable,
            Some(code) if WRONG.contains(&code) => Fate::Refused,
            // The first of two equal requests is still under way.
            Some("TransactionInProgressException") => Fate::Unknown,
            // The key of the table's encryption: KMSDisabledException and its like.
            Some(code) if code.starts_with("KMS") || code.starts_with("Kms") => Fate::Denied,
            // Something between here and DynamoDB stopped waiting, or is overloaded.
            None if failure.status == 408 => Fate::Unknown,
            None if failure.status == 429 => Fate::Throttled,
            // Expired or unknown credentials, signatures, clocks, permissions, a missing table or
            // key, and anything that AWS may add.
            _ if (400..500).contains(&failure.status) => Fate::Denied,
            _ => Fate::Unknown,
        },
    }
}

/// What an SDK error says about the outcome of its request.
pub fn classify<E>(error: &SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let (reached, status, code) = match error {
        SdkError::ConstructionFailure(_) if lacks_credentials(error) => {
            (Reached::NotSigned, 0, None)
        }
        SdkError::ConstructionFailure(_) => (Reached::NotBuilt, 0, None),
        SdkError::DispatchFailure(_) if lacks_credentials(error) => (Reached::NotSigned, 0, None),
        SdkError::DispatchFailure(_) if was_never_connected(error) => (Reached::NotSent, 0, None),
        SdkError::ServiceError(service) => {
            (Reached::Answered, service.raw().status().as_u16(), service.err().code())
        }
        _ => (Reached::Sent, 0, None),
    };
    let text = match error {
        SdkError::ServiceError(service) => {
            let code = code.map_or_else(|| status.to_string(), str::to_owned);
            format!("{code}: {}", service.err().message().unwrap_or_default())
        }
        _ => chain(error),
    };
    match fate(Failure { reached, status, code }) {
        Fate::Unavailable => StoreError::Unavailable(text),
        Fate::Throttled => StoreError::Throttled(text),
        Fate::Denied => StoreError::Denied(text),
        Fate::Unknown => StoreError::Unknown(text),
        Fate::Refused => StoreError::Refused(text),
    }
}

/// Whether credentials were missing: nothing was signed, so nothing was sent.
fn lacks_credentials(error: &(dyn StdError + 'static)) -> bool {
    has_cause(error, |cause| cause.downcast_ref::<CredentialsError>().is_some())
}

/// Whether no connection was made (name, handshake, time-out): the only transport failure that
/// proves that nothing was sent.
fn was_never_connected(error: &(dyn StdError + 'static)) -> bool {
    has_cause(error, |cause| {
        cause.downcast_ref::<client::Error>().is_some_and(client::Error::is_connect)
            || cause
                .downcast_ref::<io::Error>()
                .is_some_and(|io| io.kind() == io::ErrorKind::ConnectionRefused)
    })
}

fn has_cause(
    error: &(dyn StdError + 'static),
    is_it: impl Fn(&(dyn StdError + 'static)) -> bool,
) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if is_it(error) {
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

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::error::ConnectorError;

    use super::*;

    fn answered(status: u16, code: Option<&str>) -> Fate {
        fate(Failure { reached: Reached::Answered, status, code })
    }

    fn without_answer(reached: Reached) -> Fate {
        fate(Failure { reached, status: 0, code: None })
    }

    #[test]
    fn a_request_that_was_not_answered_is_unknown_only_if_it_may_have_been_sent() {
        assert_eq!(without_answer(Reached::NotBuilt), Fate::Refused);
        assert_eq!(without_answer(Reached::NotSigned), Fate::Denied);
        assert_eq!(without_answer(Reached::NotSent), Fate::Unavailable);
        assert_eq!(without_answer(Reached::Sent), Fate::Unknown);
    }

    #[test]
    fn a_process_that_dynamodb_does_not_serve_knows_that_nothing_was_written() {
        for code in [
            "ExpiredTokenException",
            "ExpiredToken",
            "UnrecognizedClientException",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "SignatureDoesNotMatch",
            "IncompleteSignatureException",
            "IncompleteSignature",
            "MissingAuthenticationTokenException",
            "MissingAuthenticationToken",
            "RequestTimeTooSkewed",
            "RequestExpired",
            "AccessDeniedException",
            "AccessDenied",
            "NotAuthorizedException",
            "OptInRequired",
            "KMSAccessDeniedException",
            "KMSDisabledException",
            "KMSInvalidStateException",
            "KMSNotFoundException",
            "InaccessibleEncryptionCredentialsException",
            "ResourceNotFoundException",
            "TableNotFoundException",
            "ItemCollectionSizeLimitExceededException",
            "ANameThatAwsHasNotThoughtOfYetException",
        ] {
            assert_eq!(answered(400, Some(code)), Fate::Denied, "{code}");
            assert_eq!(answered(403, Some(code)), Fate::Denied, "{code}");
        }
        // An answer of something in between, without a name.
        assert_eq!(answered(403, None), Fate::Denied);
        // KMS may be at fault itself, and says no less.
        assert_eq!(answered(500, Some("KMSInternalException")), Fate::Denied);
    }

    #[test]
    fn what_is_too_much_or_held_may_succeed_soon() {
        for code in THROTTLED {
            assert_eq!(answered(400, Some(code)), Fate::Throttled, "{code}");
        }
        assert_eq!(answered(503, Some("ThrottlingException")), Fate::Throttled);
        assert_eq!(answered(429, None), Fate::Throttled);
        for code in HELD {
            assert_eq!(answered(400, Some(code)), Fate::Unavailable, "{code}");
        }
    }

    #[test]
    fn a_failure_of_dynamodb_itself_says_nothing_of_the_outcome() {
        for code in [Some("InternalServerError"), Some("InternalFailure"), None] {
            assert_eq!(answered(500, code), Fate::Unknown, "{code:?}");
        }
        assert_eq!(answered(503, Some("ServiceUnavailable")), Fate::Unknown);
        assert_eq!(answered(504, None), Fate::Unknown);
        assert_eq!(answered(408, None), Fate::Unknown, "a proxy gave up");
        assert_eq!(answered(400, Some("TransactionInProgressException")), Fate::Unknown);
    }

    #[test]
    fn a_wrong_request_is_our_own_error() {
        for code in WRONG {
            assert_eq!(answered(400, Some(code)), Fate::Refused, "{code}");
        }
    }

    #[test]
    fn a_credentials_error_is_found_among_the_causes() {
        let lacks = CredentialsError::not_loaded("nobody has any");
        let error = ConnectorError::other(lacks.into(), None);
        assert!(lacks_credentials(&error) && !was_never_connected(&error));
    }
}
