//! The only place where errors get their `extensions.code`. docs/ERRORS.md lists them.
//!
//! Policy: the client learns what happened to its request and what to do; internal detail is logged
//! once, where it is handled. A rejected bid is data, not an error.

use async_graphql::{
    Error, ErrorExtensionValues, ErrorExtensions as _, Pos, Response, ServerError, Value,
};
use gavel_core::auction::DraftError;
use gavel_core::bidding::LaneError;
use gavel_core::broker::TopicError;
use gavel_core::metrics::Label;
use gavel_core::store::StoreError;
use tracing::{Span, error, warn};

use crate::auth::AuthError;
use crate::limiter::{Bound, Limit, TooMany};
use crate::limits;

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
    PersistedQueryNotFound,
    Internal,
}

impl Code {
    /// Every code, in the order of docs/ERRORS.md.
    pub const ALL: [Self; 16] = [
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
        Self::PersistedQueryNotFound,
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
            Self::PersistedQueryNotFound => "PERSISTED_QUERY_NOT_FOUND",
            Self::Internal => "INTERNAL",
        }
    }

    /// The code with this text.
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }

    /// The code of an error that has one.
    pub fn of(error: &ServerError) -> Option<Self> {
        match error.extensions.as_ref()?.get("code")? {
            Value::String(text) => Self::named(text),
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

    /// How long to wait before a retry, if known.
    fn retry_after_ms(self) -> Option<u32> {
        match self {
            Self::Overloaded => Some(250),
            Self::StoreUnavailable => Some(1000),
            _ => None,
        }
    }

    /// Puts the code, and what follows from it, into the extensions of an error.
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

/// The errors of an answer, for counting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportedErrors(pub Vec<(Code, Option<Bound>)>);

impl ReportedErrors {
    /// Collects the codes and limits of these errors.
    pub fn of(errors: &[ServerError]) -> Self {
        Self(errors.iter().filter_map(|e| Some((Code::of(e)?, bound_of(e)))).collect())
    }
}

/// The limit that an error reports.
fn bound_of(error: &ServerError) -> Option<Bound> {
    match error.extensions.as_ref()?.get("limit")? {
        Value::String(name) => {
            Bound::ALL.iter().copied().find(|bound| bound.label() == name.as_str())
        }
        _ => None,
    }
}

/// The error of a request that did not start.
pub fn coded(code: Code, message: impl Into<String>) -> ServerError {
    let mut error = ServerError::new(message, None);
    code.extend(error.extensions.get_or_insert_default());
    error
}

/// The same for a limit: `extensions.limit` names it, as docs/LIMITS.md does.
pub fn limit_error(code: Code, bound: Bound, message: impl Into<String>) -> ServerError {
    let mut error = coded(code, message);
    error.extensions.get_or_insert_default().set("limit", bound.label());
    error
}

/// An error with this code and a sentence that says what to do.
pub fn api_error(code: Code, message: impl Into<String>) -> Error {
    Error::new(message).extend_with(|_, extensions| code.extend(extensions))
}

/// The error of a request as a whole, which has no location in the document.
pub fn unlocated(error: Error) -> ServerError {
    let mut error = error.into_server_error(Pos::default());
    error.locations.clear();
    error
}

/// The response to a request that failed as a whole.
pub fn response_of(error: Error) -> Response {
    Response::from_errors(vec![unlocated(error)])
}

/// The error of a field that exceeded a limit.
pub fn field_limit_error(code: Code, bound: Bound, message: impl Into<String>) -> Error {
    Error::new(message).extend_with(|_, extensions| {
        code.extend(extensions);
        extensions.set("limit", bound.label());
    })
}

/// The error for more than a client may, or than the service can; it says when to retry.
pub fn rate_limited(refused: TooMany) -> Error {
    let message = match refused.limit {
        Limit::BidsPerUser => {
            "you are bidding too often; this request wrote nothing (an earlier one with the same \
             idempotency key may have), slow down"
        }
        Limit::BidsPerAuction => {
            "this auction is receiving too many bids; this request wrote nothing (an earlier one \
             with the same idempotency key may have), try again"
        }
        Limit::AuctionsPerUser => {
            "you are creating auctions too often; this request wrote nothing, slow down"
        }
        Limit::HandshakesPerAddress => "your address is opening sockets too often; slow down",
        Limit::SocketsPerAddress => "your address has too many open sockets; close some",
        Limit::SocketsPerUser => "you have too many open sockets; close some",
        Limit::ConnectionsPerAddress => {
            "your address has too many open connections; close some, or reuse them"
        }
        Limit::WorkPerUser => "you have used up your work budget; slow down, or ask for less",
        Limit::WorkPerAddress => {
            "your address has used up its work budget; slow down, ask for less, or send a token"
        }
        Limit::AllWorkPerAddress => "your address has used up its work budget; slow down",
        Limit::MessagesPerClient => "you are sending messages too often; slow down",
        Limit::OperationsPerSocket => "this socket is sending operations too often; slow down",
        Limit::ProbesPerAddress => "your address requests health and metrics too often; slow down",
        Limit::ReplaysPerClient | Limit::AnonymousReplays => {
            "too many past bids are being replayed; wait"
        }
        Limit::AnswersPerClient => "you have too many unread answers; read them first",
        Limit::UnreadPerAddress => {
            "your address has too many unfinished messages; finish them first"
        }
        Limit::GroupsPerAddress => "your address runs too many different subscriptions; end some",
        Limit::GroupsPerAuction => "this auction has too many different subscriptions",
        Limit::AnonymousWork => "the service is busy with anonymous requests; try again",
        Limit::Answers => "the service holds too many unread answers; try again",
        Limit::Groups => "the service runs too many different subscriptions; try again",
    };
    let code = if refused.limit.is_of_client() { Code::RateLimited } else { Code::Overloaded };
    let after_ms = u32::try_from(refused.retry_after.as_millis()).unwrap_or(u32::MAX);
    Error::new(message).extend_with(|_, extensions| {
        code.extend(extensions);
        extensions.set("retryAfterMs", after_ms.max(1));
        extensions.set("limit", refused.limit.name());
    })
}

/// The same for a request that did not start.
pub fn refused(refused: TooMany) -> ServerError {
    unlocated(rate_limited(refused))
}

/// The error of a lane.
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

/// The error of a read. Reads change nothing, so an unknown outcome is just a failed read.
pub fn from_read(failed: &StoreError) -> Error {
    match failed {
        StoreError::Unavailable(_)
        | StoreError::Throttled(_)
        | StoreError::Denied(_)
        | StoreError::Unknown(_) => {
            // The store reports these once a minute; a request whose trace is kept has its own
            // line, with that trace.
            if !Span::current().is_disabled() {
                warn!(error = %failed, "a read failed");
            }
            api_error(Code::StoreUnavailable, "the store does not answer; try again")
        }
        StoreError::Refused(_) | StoreError::Corrupt(_) => {
            error!(error = %failed, "a read failed");
            api_error(Code::Internal, "internal error")
        }
    }
}

/// The error of a failed creation of an auction.
pub fn from_create(failed: &StoreError, is_keyed: bool) -> Error {
    if !matches!(failed, StoreError::Denied(_)) {
        error!(error = %failed, "an auction could not be created");
    }
    match failed {
        StoreError::Unavailable(_)
        | StoreError::Throttled(_)
        | StoreError::Denied(_)
        | StoreError::Unknown(_)
            if is_keyed =>
        {
            api_error(
                Code::OutcomeUnknown,
                "the auction may or may not have been created; send it again with the same idempotency key",
            )
        }
        StoreError::Unavailable(_) | StoreError::Throttled(_) | StoreError::Denied(_) => api_error(
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

/// The error of a failed attempt to watch an auction.
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

/// The error of invalid terms of an auction.
pub fn from_draft(error: &DraftError) -> Error {
    api_error(Code::BadRequest, error.to_string())
}

/// Adds a code to every error that has none: those of parsing, validation and coercion, which come
/// from the library. Of many errors only the first are kept.
pub fn complete(response: &mut Response) {
    let count = response.errors.len();
    if count > limits::ERRORS_MAX {
        response.errors.truncate(limits::ERRORS_MAX - 1);
        let more = count - response.errors.len();
        response.errors.push(coded(Code::BadRequest, format!("and {more} more errors")));
    }
    response.errors.iter_mut().for_each(complete_error);
}

/// The same for one error.
pub fn complete_error(error: &mut ServerError) {
    shorten(&mut error.message);
    // Lines and columns count from 1.
    error.locations.retain(|at| *at != Pos::default());
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get("code").is_none() {
        Code::BadRequest.extend(extensions);
    }
}

/// Shortens messages: those of the parser quote the line they are about, and a request may be one
/// long line.
fn shorten(message: &mut String) {
    let max = limits::ERROR_MESSAGE_BYTES_MAX;
    if message.len() > max {
        let end = (0..=max).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
        message.truncate(end);
        message.push_str(" ...");
    }
}
