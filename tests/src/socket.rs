//! A WebSocket client that sends what the test says and shows all that comes.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};

use crate::gavel::DEADLINE;

/// A TCP connection from an address of this machine.
pub async fn connect_from(base: &str, address: Ipv4Addr) -> TcpStream {
    let to: SocketAddr =
        base.strip_prefix("http://").and_then(|to| to.parse().ok()).expect("a base");
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((address, 0).into()).expect("an address of this machine");
    socket.connect(to).await.expect("a connection")
}

/// A socket.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// What came.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A message.
    Message(Value),
    /// The server closed, with a code and a reason.
    Closed(u16, String),
    /// The connection ended without a close frame.
    Gone,
}

impl Socket {
    /// Connects with the protocol's name.
    pub async fn open(base: &str) -> Self {
        Self::open_as(base, Some("graphql-transport-ws")).await
    }

    /// Connects with any sub-protocol, or none.
    pub async fn open_as(base: &str, protocol: Option<&'static str>) -> Self {
        let url = format!("{}/graphql/ws", base.replacen("http", "ws", 1));
        let mut request = url.into_client_request().expect("a request");
        if let Some(protocol) = protocol {
            let value = HeaderValue::from_static(protocol);
            request.headers_mut().insert("sec-websocket-protocol", value);
        }
        let (stream, _) = connect_async(request).await.expect("a connection");
        Self { stream }
    }

    /// Connects to any path, with these sub-protocols; returns the agreed one, too.
    pub async fn open_at(base: &str, path: &str, protocols: &str) -> (Self, Option<String>) {
        let url = format!("{}{path}", base.replacen("http", "ws", 1));
        let mut request = url.into_client_request().expect("a request");
        let value = HeaderValue::from_str(protocols).expect("a header");
        request.headers_mut().insert("sec-websocket-protocol", value);
        let (stream, response) = connect_async(request).await.expect("a connection");
        let agreed = response.headers().get("sec-websocket-protocol");
        let agreed = agreed.and_then(|agreed| agreed.to_str().ok()).map(str::to_owned);
        (Self { stream }, agreed)
    }

    /// Connects with further headers; an error is the status of the answer.
    pub async fn try_open(base: &str, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        let url = format!("{}/graphql/ws", base.replacen("http", "ws", 1));
        let mut request = url.into_client_request().expect("a request");
        let protocol = ("sec-websocket-protocol", "graphql-transport-ws");
        for (name, value) in headers.iter().chain([&protocol]) {
            let value = HeaderValue::from_str(value).expect("a header");
            request.headers_mut().insert(*name, value);
        }
        match connect_async(request).await {
            Ok((stream, _)) => Ok(Self { stream }),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(other) => panic!("no answer: {other}"),
        }
    }

    /// Connects from an address of this machine; an error is the status and body of the answer.
    pub async fn open_from(base: &str, address: Ipv4Addr) -> Result<Self, (u16, Value)> {
        let to = base.strip_prefix("http://").expect("a base URL");
        let mut request = format!("ws://{to}/graphql/ws").into_client_request().expect("a request");
        let protocol = HeaderValue::from_static("graphql-transport-ws");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let tcp = connect_from(base, address).await;
        match client_async(request, MaybeTlsStream::Plain(tcp)).await {
            Ok((stream, _)) => Ok(Self { stream }),
            Err(Error::Http(response)) => {
                let status = response.status().as_u16();
                let body = response.into_body().unwrap_or_default();
                Err((status, serde_json::from_slice(&body).unwrap_or_default()))
            }
            Err(other) => panic!("no answer: {other}"),
        }
    }

    /// Is admitted, with a token or without.
    pub async fn init(&mut self, token: Option<&str>) {
        self.begin(token).await;
        let answer = self.message().await;
        assert_eq!(answer["type"], "connection_ack", "{answer}");
    }

    /// Asks to be admitted.
    pub async fn begin(&mut self, token: Option<&str>) {
        let payload =
            token.map_or(json!({}), |t| json!({ "authorization": format!("Bearer {t}") }));
        self.send(json!({ "type": "connection_init", "payload": payload })).await;
    }

    /// Sends a message.
    pub async fn send(&mut self, message: Value) {
        self.send_text(&message.to_string()).await;
    }

    /// Sends any text.
    pub async fn send_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.expect("sent");
    }

    /// Sends bytes.
    pub async fn send_binary(&mut self, bytes: &'static [u8]) {
        self.stream.send(Message::binary(bytes)).await.expect("sent");
    }

    /// Closes, with a code of the client's own.
    pub async fn close(&mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        self.stream.close(Some(frame)).await.expect("sent");
    }

    /// Subscribes.
    pub async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.send(json!({ "id": id, "type": "subscribe", "payload": payload })).await;
    }

    /// What comes next, within the deadline.
    pub async fn event(&mut self) -> Event {
        self.event_in(DEADLINE).await
    }

    /// What comes next, within this time.
    pub async fn event_in(&mut self, time: Duration) -> Event {
        loop {
            let next = timeout(time, self.stream.next()).await.expect("something comes");
            match next {
                Some(Ok(Message::Text(text))) => {
                    return Event::Message(serde_json::from_str(&text).expect("JSON"));
                }
                Some(Ok(Message::Close(Some(frame)))) => {
                    return Event::Closed(frame.code.into(), frame.reason.to_string());
                }
                Some(Ok(Message::Close(None)) | Err(_)) | None => return Event::Gone,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next message. Pings on the way are answered, as every client does.
    pub async fn message(&mut self) -> Value {
        loop {
            match self.event().await {
                Event::Message(ping) if ping["type"] == "ping" => {
                    self.send(json!({ "type": "pong" })).await;
                }
                Event::Message(message) => return message,
                other => panic!("not a message: {other:?}"),
            }
        }
    }

    /// The next message, which is a ping, and not answered yet.
    pub async fn ping(&mut self) -> Value {
        match self.event().await {
            Event::Message(ping) if ping["type"] == "ping" => ping,
            other => panic!("not a ping: {other:?}"),
        }
    }

    /// The close that comes after whatever comes before it.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.event().await {
                Event::Message(_) => {}
                Event::Closed(code, reason) => return (code, reason),
                Event::Gone => panic!("the connection ended without a close frame"),
            }
        }
    }

    /// The payload of the next message, which is a `next` of this operation.
    pub async fn next(&mut self, id: &str) -> Value {
        let message = self.message().await;
        assert_eq!(message["type"], "next", "{message}");
        assert_eq!(message["id"], id, "{message}");
        message["payload"].clone()
    }

    /// The first error of the next message, which is an `error` of this operation.
    pub async fn error(&mut self, id: &str) -> Value {
        let message = self.message().await;
        assert_eq!(message["type"], "error", "{message}");
        assert_eq!(message["id"], id, "{message}");
        message["payload"][0].clone()
    }

    /// Proves that the connection lives, and that nothing else was on its way.
    pub async fn lives(&mut self) {
        self.send(json!({ "type": "ping", "payload": { "still": "there" } })).await;
        let pong = json!({ "type": "pong", "payload": { "still": "there" } });
        assert_eq!(self.message().await, pong);
    }
}
