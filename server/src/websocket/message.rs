//! Messages of graphql-transport-ws: parsing what clients send, writing what the server says.

use std::borrow::Cow;

use async_graphql::ServerError;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::graphql::request::{self, Asked};

/// A message as a client sends it.
#[derive(Debug, Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

/// A message of a client.
#[derive(Debug)]
pub enum ClientMessage<'a> {
    /// The first message, with an object as payload or none.
    ConnectionInit(Option<&'a RawValue>),
    /// A ping.
    Ping(Option<&'a RawValue>),
    /// A pong.
    Pong,
    /// Run an operation.
    Subscribe {
        /// The id of the operation.
        id: Cow<'a, str>,
        /// What to run, or what is wrong with its payload.
        asked: Result<Box<Asked>, ServerError>,
    },
    /// Stop an operation.
    Complete(Cow<'a, str>),
}

/// Parses a message, or returns what is wrong with it in a few words.
pub fn parse(text: &str) -> Result<ClientMessage<'_>, &'static str> {
    let envelope: Envelope<'_> =
        serde_json::from_str(text).map_err(|_| "a message is a JSON object with a type")?;
    let payload = envelope.payload.filter(|payload| payload.get() != "null");
    let is_object = payload.is_none_or(|payload| payload.get().starts_with('{'));
    match envelope.kind.as_ref() {
        "connection_init" | "ping" | "pong" if !is_object => Err("payload must be an object"),
        "connection_init" => Ok(ClientMessage::ConnectionInit(payload)),
        "ping" => Ok(ClientMessage::Ping(payload)),
        "pong" => Ok(ClientMessage::Pong),
        "subscribe" => subscribe(envelope.id, payload),
        "complete" => Ok(ClientMessage::Complete(id(envelope.id)?)),
        _ => Err("unknown message type"),
    }
}

fn subscribe<'a>(
    given: Option<Cow<'a, str>>,
    payload: Option<&'a RawValue>,
) -> Result<ClientMessage<'a>, &'static str> {
    let id = id(given)?;
    let payload = payload.map_or("{}", RawValue::get);
    let asked = request::read(payload.as_bytes()).map(Box::new);
    Ok(ClientMessage::Subscribe { id, asked })
}

/// The error for an invalid operation id.
pub const BAD_ID: &str = "id must be 1 to 64 bytes of text";

fn id(id: Option<Cow<'_, str>>) -> Result<Cow<'_, str>, &'static str> {
    let fits = |id: &Cow<'_, str>| (1..=crate::limits::OPERATION_ID_BYTES_MAX).contains(&id.len());
    id.filter(fits).ok_or(BAD_ID)
}

/// `connection_ack`, with a payload as JSON.
pub fn connection_ack(payload: Option<&str>) -> String {
    with_payload("connection_ack", payload)
}

/// `pong`, with the payload of its ping.
pub fn pong(payload: Option<&str>) -> String {
    with_payload("pong", payload)
}

/// `ping`, with a payload as JSON.
pub fn ping(payload: Option<&str>) -> String {
    with_payload("ping", payload)
}

/// The start of each `next` frame of an operation, up to its payload.
pub fn next_prefix(id: &str) -> String {
    format!(r#"{{"id":{},"type":"next","payload":"#, json_text(id))
}

/// `error`, with an array of errors as JSON.
pub fn error(id: &str, errors: &str) -> String {
    format!(r#"{{"id":{},"type":"error","payload":{errors}}}"#, json_text(id))
}

/// `complete`.
pub fn complete(id: &str) -> String {
    format!(r#"{{"id":{},"type":"complete"}}"#, json_text(id))
}

fn with_payload(kind: &str, payload: Option<&str>) -> String {
    match payload {
        Some(payload) => format!(r#"{{"type":"{kind}","payload":{payload}}}"#),
        None => format!(r#"{{"type":"{kind}"}}"#),
    }
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
