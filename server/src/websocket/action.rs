//! What a protocol asks its connection to do, and why a socket is closed.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use async_graphql::ServerError;

use super::message;
use crate::auth::{AuthError, Credentials};
use crate::graphql::request::Asked;

/// Why the server closes a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// The WebSocket close code.
    pub code: u16,
    /// At most 123 bytes.
    pub reason: Cow<'static, str>,
}

impl Close {
    /// A close with a fixed reason.
    pub const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason: Cow::Borrowed(reason) }
    }

    /// The server is shutting down; clients reconnect.
    pub const RESTART: Self = Self::new(1012, "Service Restart");
    /// Nothing could be written for a while.
    pub const TOO_SLOW: Self = Self::new(1013, "Too slow");
    /// Unfinished messages of its address exceed their budget.
    pub const UNFINISHED: Self = Self::new(1013, "Too many unfinished messages");
    /// A message was begun and not finished in time.
    pub const MESSAGE_TIMEOUT: Self = Self::new(1013, "Message timeout");
    /// A ping was not answered.
    pub const NO_PONG: Self = Self::new(1013, "Pong timeout");
    /// A frame violates the WebSocket protocol.
    pub const BAD_FRAME: Self = Self::new(1002, "Not a valid WebSocket frame");
    /// A text is not UTF-8.
    pub const NOT_UTF8: Self = Self::new(1007, "Not UTF-8");
    /// A frame or message is larger than allowed.
    pub const TOO_BIG: Self = Self::new(1009, "Message too big");
    /// A subscribe before connection_ack.
    pub const UNAUTHORIZED: Self = Self::new(4401, "Unauthorized");
    /// No operation ran for a long time.
    pub const IDLE: Self = Self::new(1000, "Idle");
    /// Its user has too many sockets.
    pub const TOO_MANY: Self = Self::new(1013, "Too many sockets of this user");
    /// The token has expired.
    pub const TOKEN_EXPIRED: Self = Self::new(4403, "Token expired");
    /// The client does not speak graphql-transport-ws.
    pub const SUBPROTOCOL: Self = Self::new(4406, "Subprotocol not acceptable");
    /// No connection_init in time.
    pub const INIT_TIMEOUT: Self = Self::new(4408, "Connection initialisation timeout");
    /// The id of an operation is empty, too long or missing.
    pub const OPERATION_ID: Self = Self::new(4400, message::BAD_ID);
    /// A subscription did not keep up, in a protocol whose clients come back only to another socket.
    pub const SLOW_CONSUMER: Self = Self::new(1013, "A subscription did not keep up");
    /// The credentials were refused; a message before has said why.
    pub const NOT_ADMITTED: Self = Self::new(4403, "Not authorized");
    /// The credentials could not be checked; a message before has said so.
    pub const NOT_CHECKED: Self = Self::new(1013, "Credentials not checked");
    /// A second connection_init.
    pub const INIT_AGAIN: Self = Self::new(4429, "Too many initialisation requests");
}

/// An action for the connection.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Check the payload of connection_init, then call `admitted` or `refused`.
    Admit {
        /// The payload as JSON.
        payload: Option<String>,
    },
    /// Run an operation.
    Start {
        /// The id of the operation.
        id: Arc<str>,
        /// The operation to run.
        asked: Box<Asked>,
        /// The caller of this operation, if it says so itself.
        credentials: Option<Credentials>,
    },
    /// Stop an operation, if it still runs: the client no longer wants it, and nothing more is sent
    /// for it but this message.
    Stop(Arc<str>, Option<String>),
    /// Refuse an operation: too many run on this connection.
    Refuse(Arc<str>),
    /// Answer an invalid operation with an error.
    Reject(Arc<str>, Box<ServerError>),
    /// Send messages.
    Send(Vec<String>),
    /// Send a ping.
    Ping,
    /// Close the socket; nothing follows.
    Close(Close),
    /// Send a message, and close the socket.
    Fail(String, Close),
}

/// Why a caller is not admitted.
#[derive(Debug, Clone, Copy)]
pub enum Refusal<'a> {
    /// Their credentials.
    Credentials(&'a AuthError),
    /// Their user has too many sockets.
    TooManySockets,
}

/// The protocol of one socket as a state machine: pure, time is an argument. Its connection feeds it
/// what arrives and carries out its actions.
pub trait SocketProtocol: fmt::Debug + Send {
    /// When [`SocketProtocol::tick`] is due.
    fn deadline(&self) -> Instant;

    /// Takes a text message.
    fn text(&mut self, text: &str, now: Instant) -> Option<Action>;

    /// Takes a binary message.
    fn binary(&mut self) -> Option<Action>;

    /// A frame of any kind has arrived: the peer is alive.
    fn heard(&mut self, now: Instant);

    /// The caller is admitted: acknowledges it, with a payload as JSON where the protocol has one.
    fn admitted(&mut self, payload: Option<&str>, now: Instant) -> Option<Action>;

    /// The caller is refused.
    fn refused(&mut self, refusal: Refusal<'_>) -> Option<Action>;

    /// The deadline has come.
    fn tick(&mut self, now: Instant) -> Option<Action>;

    /// The server has ended an operation: its id is free again.
    fn ended(&mut self, id: &str, now: Instant);
}
