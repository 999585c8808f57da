//! A graphql-transport-ws client: one subscription on one socket.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::clock;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// A socket after the handshake.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// What a subscription says.
#[derive(Debug)]
pub enum Said {
    /// An event, and when it was received.
    Next {
        /// The response.
        payload: Box<RawValue>,
        /// Microseconds since the epoch, taken as soon as the frame was there.
        received_us: i64,
    },
    /// The subscription was refused or ended with errors.
    Error(Value),
    /// The subscription has ended.
    Complete,
    /// The socket was closed, with a code and a reason if one was given.
    Closed(Option<(u16, String)>),
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    payload: Option<Box<RawValue>>,
}

impl Socket {
    /// Connects to the service at a base URL such as `http://127.0.0.1:8080` and is admitted.
    ///
    /// # Errors
    /// When there is no service, or it does not let us in.
    pub async fn connect(base: &str, token: Option<&str>) -> anyhow::Result<Self> {
        let shaken = timeout(HANDSHAKE_TIMEOUT, Self::handshake(base, token)).await;
        shaken.map_err(|_| anyhow!("no handshake within {HANDSHAKE_TIMEOUT:?}"))?
    }

    async fn handshake(base: &str, token: Option<&str>) -> anyhow::Result<Self> {
        let base = base.trim_end_matches('/').replacen("http", "ws", 1);
        let mut request = format!("{base}/graphql/ws").into_client_request()?;
        let name = HeaderValue::from_static("graphql-transport-ws");
        request.headers_mut().insert("sec-websocket-protocol", name);
        // The default read buffer is 128 KiB a connection; a simulator has many.
        let config = WebSocketConfig::default().read_buffer_size(4096);
        let disable_nagle = true;
        let (stream, _) = connect_async_with_config(request, Some(config), disable_nagle)
            .await
            .with_context(|| format!("cannot connect to {base}"))?;
        let mut socket = Self { stream };
        let payload =
            token.map_or(json!({}), |token| json!({ "authorization": format!("Bearer {token}") }));
        socket.send(&json!({ "type": "connection_init", "payload": payload })).await?;
        loop {
            match socket.stream.next().await {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text)?;
                    if message["type"] == "connection_ack" {
                        return Ok(socket);
                    }
                }
                Some(Ok(Message::Close(frame))) => bail!("not admitted: {}", close_text(frame)),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => bail!("the socket ended before it was admitted"),
            }
        }
    }

    /// Subscribes, under the id `1`.
    ///
    /// # Errors
    /// When the socket has gone.
    pub async fn subscribe(&mut self, query: &str, variables: Value) -> anyhow::Result<()> {
        let payload = json!({ "query": query, "variables": variables });
        self.send(&json!({ "type": "subscribe", "id": "1", "payload": payload })).await
    }

    /// What comes next. Pings are answered on the way.
    ///
    /// # Errors
    /// When the socket breaks or speaks another protocol.
    pub async fn next(&mut self) -> anyhow::Result<Said> {
        loop {
            let Some(message) = self.stream.next().await else { return Ok(Said::Closed(None)) };
            let text = match message? {
                Message::Text(text) => text,
                Message::Close(frame) => {
                    let frame = frame.map(|f| (f.code.into(), f.reason.to_string()));
                    return Ok(Said::Closed(frame));
                }
                _ => continue,
            };
            let received_us = clock::now_us();
            let envelope: Envelope<'_> = serde_json::from_str(&text)?;
            match (envelope.kind, envelope.payload) {
                ("next", Some(payload)) => return Ok(Said::Next { payload, received_us }),
                ("error", payload) => {
                    let errors = payload.map(|p| serde_json::from_str(p.get())).transpose()?;
                    return Ok(Said::Error(errors.unwrap_or_default()));
                }
                ("complete", _) => return Ok(Said::Complete),
                ("ping", _) => self.send(&json!({ "type": "pong" })).await?,
                _ => {}
            }
        }
    }

    /// Closes politely; a peer that does not answer is left.
    pub async fn close(mut self) {
        timeout(Duration::from_secs(1), self.stream.close(None)).await.ok();
    }

    async fn send(&mut self, message: &Value) -> anyhow::Result<()> {
        Ok(self.stream.send(Message::text(message.to_string())).await?)
    }
}

fn close_text(frame: Option<CloseFrame>) -> String {
    frame.map_or_else(|| "closed".to_owned(), |f| format!("{} {}", u16::from(f.code), f.reason))
}
