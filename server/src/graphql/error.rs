//! The one place where errors become `extensions.code`. docs/ERRORS.md lists them.
//!
//! Policy: the client is told what happened to its request and what to do; internal detail is
//! logged, once, where it is handled. A refused bid is data, not an error.

use async_graphql::{
    Error, ErrorExtensionValues, ErrorExtensions as _, Pos, Response, ServerError, Value,
};
use tracing::error;

use crate::auction::DraftError;
use crate::auth::AuthError;
use crate::bidding::LaneError;
use crate::broker::TopicError;
use crate::guard::{Bound, Limit, TooMany};
use crate::limits;
use crate::metrics::Label;
use crate::store::StoreError;

/// `extensions.code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "docs/ERRORS.md says what each means")]
pub enum Code {
    BadRequest,
    Unauthenticated,
    Forbidden,
    NotFound,
    IdempotencyConflict,
    Contention,
    OutcomeUnknown,
    StoreUnavailable,
    Overloaded,
    RateLimited,
    CursorAhead,
    SlowConsumer,
    QueryTooComplex,
    PersistedQueryNotSupported,
    Internal,
}

impl Code {
    /// Every code, in the order of docs/ERRORS.md.
    pub const ALL: [Self; 15] = [
        Self::BadRequest,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::IdempotencyConflict,
        Self::Contention,
        Self::OutcomeUnknown,
        Self::StoreUnavailable,
        Self::Overloaded,
        Self::RateLimited,
        Self::CursorAhead,
        Self::SlowConsumer,
        Self::QueryTooComplex,
        Self::PersistedQueryNotSupported,
        Self::Internal,
    ];

    /// The text in `extensions.code`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "BAD_REQUEST",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::IdempotencyConflict => "IDEMPOTENCY_CONFLICT",
            Self::Contention => "CONTENTION",
            Self::OutcomeUnknown => "OUTCOME_UNKNOWN",
            Self::StoreUnavailable => "STORE_UNAVAILABLE",
            Self::Overloaded => "OVERLOADED",
            Self::RateLimited => "RATE_LIMITED",
            Self::CursorAhead => "CURSOR_AHEAD",
            Self::SlowConsumer => "SLOW_CONSUMER",
            Self::QueryTooComplex => "QUERY_TOO_COMPLEX",
            Self::PersistedQueryNotSupported => "PERSISTED_QUERY_NOT_SUPPORTED",
            Self::Internal => "INTERNAL",
        }
    }

    /// The code of an error that has one.
    pub fn of(error: &ServerError) -> Option<Self> {
        match error.extensions.as_ref()?.get("code")? {
            Value::String(text) => Self::ALL.into_iter().find(|code| code.as_str() == text),
            _ => None,
        }
    }

    /// Whether the same request may succeed later.
    pub fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::Contention
                | Self::OutcomeUnknown
                | Self::StoreUnavailable
                | Self::Overloaded
                | Self::RateLimited
                | Self::SlowConsumer
        )
    }

    /// How long to wait before that, where it is known.
    fn retry_after_ms(self) -> Option<u32> {
        match self {
            Self::Overloaded => Some(250),
            Self::StoreUnavailable => Some(1000),
            _ => None,
        }
    }

    /// Puts the code, and what follows from it, into an error's extensions.
    pub fn extend(self, extensions: &mut ErrorExtensionValues) {
        extensions.set("code", self.as_str());
        if self.is_retryable() {
            extensions.set("retryable", true);
        }
        if let Some(ms) = self.retry_after_ms() {
            extensions.set("retryAfterMs", ms);
        }
    }
}

impl Label for Code {
    const ALL: &'static [Self] = &Self::ALL;

    fn label(self) -> &'static str {
        self.as_str()
    }
}

/// What an answer's errors are, for those who count them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told(pub Vec<(Code, Option<Bound>)>);

impl Told {
    /// Of these errors.
    pub fn of(errors: &[ServerError]) -> Self {
        Self(errors.iter().filter_map(|e| Some((Code::of(e)?, bound_of(&e.message)))).collect())
    }
}

/// The limit that an error is about, by its message: some are the library's.
fn bound_of(message: &str) -> Option<Bound> {
    const MESSAGES: [(&str, Bound); 9] = [
        ("Query is too complex.", Bound::QueryComplexity),
        ("Query is nested too deep.", Bound::QueryDepth),
        ("recursion depth", Bound::QueryNesting),
        ("the document nests too deep", Bound::QueryNesting),
        ("directives", Bound::QueryDirectives),
        (" selections; ask for less", Bound::QuerySelections),
        (" aliases; ask for less", Bound::QueryAliases),
        ("first: must be from", Bound::Page),
        ("idempotencyKey: must be", Bound::IdempotencyKey),
    ];
    MESSAGES.into_iter().find(|(part, _)| message.contains(part)).map(|(_, bound)| bound)
}

/// An error of this code with a sentence that says what to do.
pub fn api_error(code: Code, message: impl Into<String>) -> Error {
    Error::new(message).extend_with(|_, extensions| code.extend(extensions))
}

/// An error of a request as a whole, which has no place in the document.
pub fn unlocated(error: Error) -> ServerError {
    let mut error = error.into_server_error(Pos::default());
    error.locations.clear();
    error
}

/// More than a client may; it is told when to come again.
pub fn rate_limited(refused: TooMany) -> Error {
    let message = match refused.limit {
        Limit::BidsPerUser => {
            "you bid too often; this request wrote nothing (an earlier one with the same \
             idempotency key may have), slow down"
        }
        Limit::BidsPerAuction => {
            "this auction is receiving too many bids; this request wrote nothing (an earlier one \
             with the same idempotency key may have), try again"
        }
        Limit::HandshakesPerAddress => "your address opens sockets too often; slow down",
        Limit::SocketsPerAddress => "your address has as many sockets open as it may; close some",
        Limit::SocketsPerUser => "you have as many sockets open as you may; close some",
        Limit::ConnectionsPerAddress => {
            "your address has as many connections open as it may; close some, or reuse them"
        }
    };
    let after_ms = u32::try_from(refused.retry_after.as_millis()).unwrap_or(u32::MAX);
    Error::new(message).extend_with(|_, extensions| {
        Code::RateLimited.extend(extensions);
        extensions.set("retryAfterMs", after_ms.max(1));
        extensions.set("limit", refused.limit.name());
    })
}

/// A lane's error.
pub fn from_lane(error: LaneError) -> Error {
    let code = match &error {
        LaneError::NotFound => Code::NotFound,
        LaneError::IdempotencyConflict => Code::IdempotencyConflict,
        LaneError::Contention => Code::Contention,
        LaneError::OutcomeUnknown => Code::OutcomeUnknown,
        LaneError::StoreUnavailable | LaneError::Stopping => Code::StoreUnavailable,
        LaneError::Overloaded => Code::Overloaded,
        LaneError::Transition(_) => Code::BadRequest,
        LaneError::Internal => Code::Internal,
    };
    api_error(code, error.to_string())
}

/// A read's error: reads change nothing, so an unknown outcome is no more than a failed read.
pub fn from_read(failed: &StoreError) -> Error {
    match failed {
        StoreError::Unavailable(_) | StoreError::Unknown(_) => {
            error!(error = %failed, "a read failed");
            api_error(Code::StoreUnavailable, "the store does not answer; try again")
        }
        StoreError::Refused(_) | StoreError::Corrupt(_) => {
            error!(error = %failed, "a read failed");
            api_error(Code::Internal, "internal error")
        }
    }
}

/// The error of creating an auction.
pub fn from_create(failed: &StoreError) -> Error {
    error!(error = %failed, "an auction could not be created");
    match failed {
        StoreError::Unavailable(_) => api_error(
            Code::StoreUnavailable,
            "the store does not answer; this request wrote nothing, try again",
        ),
        StoreError::Unknown(_) => api_error(
            Code::OutcomeUnknown,
            "the auction may or may not have been created; look at the list before trying again",
        ),
        StoreError::Refused(_) | StoreError::Corrupt(_) => {
            api_error(Code::Internal, "internal error")
        }
    }
}

/// The error of watching an auction.
pub fn from_topic(error: &TopicError) -> Error {
    match error {
        TopicError::NotFound => api_error(Code::NotFound, error.to_string()),
        TopicError::TooMany => api_error(Code::Overloaded, error.to_string()),
        TopicError::Store(store) => from_read(store),
    }
}

/// An error of authentication or authorisation.
pub fn from_auth(error: &AuthError) -> Error {
    let code = if error.is_forbidden() { Code::Forbidden } else { Code::Unauthenticated };
    api_error(code, error.to_string())
}

/// Terms of an auction that cannot stand.
pub fn from_draft(error: &DraftError) -> Error {
    api_error(Code::BadRequest, error.to_string())
}

/// Gives a code to every error that has none: those of parsing, validation and coercion, which the
/// library makes.
pub fn complete(response: &mut Response) {
    for error in &mut response.errors {
        complete_error(error);
    }
}

/// The same for one error.
pub fn complete_error(error: &mut ServerError) {
    shorten(&mut error.message);
    // Lines and columns count from 1.
    error.locations.retain(|at| *at != Pos::default());
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get("code").is_some() {
        return;
    }
    let too_complex = error.message == "Query is too complex."
        || error.message == "Query is nested too deep."
        || error.message.contains("recursion depth")
        || error.message.contains("directives");
    if too_complex {
        error.message = format!("{} Ask for less in one request.", error.message);
        Code::QueryTooComplex.extend(extensions);
    } else {
        Code::BadRequest.extend(extensions);
    }
}

/// The parser's messages quote the line they are about, and a request may be one long line.
fn shorten(message: &mut String) {
    let max = limits::ERROR_MESSAGE_BYTES_MAX;
    if message.len() > max {
        let end = (0..=max).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
        message.truncate(end);
        message.push_str(" ...");
    }
}
