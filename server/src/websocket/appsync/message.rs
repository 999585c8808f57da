//! Messages of AppSync's real-time protocols: parsing what clients send, writing what the server says.

use std::borrow::Cow;

use async_graphql::ServerError;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{channel, handshake};
use crate::auth::{AuthError, Credentials};
use crate::graphql::error::Code;
use crate::graphql::request::{self, Asked};
use crate::limits;

/// Which of the two protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Of GraphQL: a subscription is a document.
    GraphQl,
    /// Of Events: a subscription is a channel.
    Events,
}

/// A message as a client sends it.
#[derive(Debug, Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    #[serde(borrow)]
    channel: Option<Cow<'a, str>>,
    #[serde(borrow)]
    authorization: Option<&'a RawValue>,
}

/// The payload of `start`: the request is JSON within a text.
#[derive(Debug, Deserialize)]
struct Start<'a> {
    #[serde(borrow)]
    data: Option<Cow<'a, str>>,
    #[serde(borrow)]
    extensions: Option<Extensions<'a>>,
}

#[derive(Debug, Deserialize)]
struct Extensions<'a> {
    #[serde(borrow)]
    authorization: Option<&'a RawValue>,
}

/// A message of a client.
#[derive(Debug)]
pub enum ClientMessage {
    /// The first message. Its payload, if there is one, is ignored, as AppSync does.
    ConnectionInit,
    /// Run a subscription.
    Start {
        /// The id of the operation.
        id: String,
        /// What to run, or what is wrong with its payload.
        asked: Result<Box<Asked>, ServerError>,
        /// Its credentials, or what is wrong with them.
        credentials: Result<Credentials, AuthError>,
    },
    /// Stop a subscription.
    Stop(String),
}

/// A message that is none of the protocol's: it is answered, and the socket goes on.
#[derive(Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The id in it, if it has a valid one.
    pub id: Option<String>,
    /// The type of the answer.
    pub answer: &'static str,
    /// AppSync's name for the problem.
    pub kind: &'static str,
    /// What is wrong.
    pub message: &'static str,
}

impl Unknown {
    /// A message that cannot be read.
    fn bad(message: &'static str) -> Self {
        Self { id: None, answer: "error", kind: "BadRequestException", message }
    }
}

impl Dialect {
    /// Parses a message.
    pub fn parse(self, text: &str) -> Result<ClientMessage, Unknown> {
        let envelope: Envelope<'_> = serde_json::from_str(text)
            .map_err(|_| Unknown::bad("a message is a JSON object with a type"))?;
        let id = envelope.id.filter(|id| is_id(id)).map(Cow::into_owned);
        match (self, envelope.kind.as_ref(), id) {
            (_, "connection_init", _) => Ok(ClientMessage::ConnectionInit),
            (Self::GraphQl, "start", Some(id)) => {
                let payload = envelope.payload.map_or("{}", RawValue::get);
                let (asked, credentials) = start(payload);
                Ok(ClientMessage::Start { id, asked, credentials })
            }
            (Self::Events, "subscribe", Some(id)) => {
                let operation = channel::operation(envelope.channel.as_deref().unwrap_or_default());
                let asked = operation.map(|operation| Asked { operation, traceparent: None });
                let asked = asked.map(Box::new).ok_or_else(|| request::problem(channel::UNKNOWN));
                let credentials = credentials(envelope.authorization);
                Ok(ClientMessage::Start { id, asked, credentials })
            }
            (Self::GraphQl, "stop", Some(id)) | (Self::Events, "unsubscribe", Some(id)) => {
                Ok(ClientMessage::Stop(id))
            }
            (Self::GraphQl, "start" | "stop", None)
            | (Self::Events, "subscribe" | "unsubscribe" | "publish", None) => {
                Err(Unknown::bad("id must be 1 to 64 bytes of text"))
            }
            (Self::Events, "publish", id) => Err(Unknown {
                id,
                answer: "publish_error",
                kind: "UnsupportedOperation",
                message: "nothing is published here: bids are placed by the mutation placeBid",
            }),
            (_, _, id) => Err(Unknown {
                id,
                answer: "error",
                kind: "UnsupportedOperation",
                message: match self {
                    Self::GraphQl => "the messages of a client are connection_init, start and stop",
                    Self::Events => {
                        "the messages of a client are connection_init, subscribe and unsubscribe"
                    }
                },
            }),
        }
    }

    /// `connection_ack`. Clients take a connection for dead if no `ka` has come for this long.
    pub fn connection_ack(self) -> String {
        let timeout = json!({
            "connectionTimeoutMs": limits::APPSYNC_CONNECTION_TIMEOUT.as_millis() as u64,
        });
        self.message(None, "connection_ack", timeout)
    }

    /// `connection_error`: clients do not try again after the codes 400, 401 and 403.
    pub fn connection_error(self, kind: &str, code: u16, message: &str) -> String {
        let error = json!({ "errorType": kind, "errorCode": code, "message": message });
        self.message(None, "connection_error", json!({ "errors": [error] }))
    }

    /// The message that a subscription has joined.
    pub fn joined(self, id: &str) -> String {
        match self {
            Self::GraphQl => self.message(Some(id), "start_ack", json!({})),
            Self::Events => self.message(Some(id), "subscribe_success", json!({})),
        }
    }

    /// The start of each `data` frame of a subscription, up to its payload.
    pub fn data_prefix(self, id: &str) -> String {
        let name = match self {
            Self::GraphQl => "payload",
            Self::Events => "event",
        };
        format!(r#"{{"id":{},"type":"data","{name}":"#, Value::from(id))
    }

    /// The answer to a client that has stopped a subscription.
    pub fn stopped(self, id: &str) -> String {
        match self {
            Self::GraphQl => self.complete(id).unwrap_or_default(),
            Self::Events => self.message(Some(id), "unsubscribe_success", json!({})),
        }
    }

    /// The end of a subscription with its auction, where there is a message for it.
    pub fn complete(self, id: &str) -> Option<String> {
        let complete = || format!(r#"{{"id":{},"type":"complete"}}"#, Value::from(id));
        (self == Self::GraphQl).then(complete)
    }

    /// The end of a subscription by errors, an array as JSON, to each of which its `errorType` is
    /// added.
    pub fn error(self, id: &str, errors: &str) -> String {
        let mut errors: Vec<Value> = serde_json::from_str(errors).unwrap_or_default();
        errors.iter_mut().for_each(add_error_type);
        let kind = match self {
            Self::GraphQl => "error",
            Self::Events => "subscribe_error",
        };
        self.message(Some(id), kind, json!({ "errors": errors }))
    }

    /// The answer to a message that is no operation.
    pub fn unknown(self, unknown: &Unknown) -> String {
        let error = json!({ "errorType": unknown.kind, "message": unknown.message });
        self.message(unknown.id.as_deref(), unknown.answer, json!({ "errors": [error] }))
    }

    /// A message: that of Events has no payload, but its fields.
    fn message(self, id: Option<&str>, kind: &str, fields: Value) -> String {
        let mut message = match self {
            Self::GraphQl => json!({ "payload": fields }),
            Self::Events => fields,
        };
        message["type"] = kind.into();
        if let Some(id) = id {
            message["id"] = id.into();
        }
        message.to_string()
    }
}

fn is_id(id: &str) -> bool {
    (1..=limits::OPERATION_ID_BYTES_MAX).contains(&id.len())
}

type Started = (Result<Box<Asked>, ServerError>, Result<Credentials, AuthError>);

fn start(payload: &str) -> Started {
    let start: Start<'_> = match serde_json::from_str(payload) {
        Ok(start) => start,
        Err(error) => {
            let message = format!("the payload of start cannot be read: {error}");
            return (Err(request::problem(message)), Ok(Credentials::default()));
        }
    };
    let asked = match start.data {
        Some(data) => request::read(data.as_bytes()).map(Box::new),
        None => Err(request::problem("the payload of start needs data: a request as JSON text")),
    };
    let authorization = start.extensions.and_then(|extensions| extensions.authorization);
    (asked, credentials(authorization))
}

fn credentials(given: Option<&RawValue>) -> Result<Credentials, AuthError> {
    match given.filter(|given| given.get() != "null") {
        Some(given) => handshake::of_header(given.get()),
        None => Ok(Credentials::default()),
    }
}

/// Keeps a client's timer from running out.
pub const KEEP_ALIVE: &str = r#"{"type":"ka"}"#;

/// Adds AppSync's name for an error beside `extensions.code`, where its clients look for it.
pub fn add_error_type(error: &mut Value) {
    let code = error["extensions"]["code"].as_str().and_then(Code::named);
    if let (Some(code), Some(error)) = (code, error.as_object_mut()) {
        error.entry("errorType").or_insert_with(|| error_type(code).into());
    }
}

/// AppSync's name for an error with this code.
fn error_type(code: Code) -> &'static str {
    match code {
        // The client fetches another token and comes back.
        Code::Unauthenticated => "UnauthorizedException",
        Code::Forbidden => "Forbidden",
        Code::NotFound => "NotFound",
        Code::RateLimited | Code::Overloaded => "LimitExceededError",
        Code::StoreUnavailable | Code::OutcomeUnknown | Code::SlowConsumer => "ServiceUnavailable",
        Code::Contention | Code::IdempotencyConflict => "ConflictError",
        Code::BadRequest
        | Code::CursorAhead
        | Code::QueryTooComplex
        | Code::PersistedQueryNotSupported
        | Code::PersistedQueryNotFound => "BadRequestException",
        Code::Internal => "InternalFailure",
    }
}
