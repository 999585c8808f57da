//! A graphql-transport-ws client: one subscription on one socket.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as TungsteniteError, Message};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async_with_config, connect_async_with_config,
};

use crate::clock;
use crate::service::admission::NotAdmitted;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// A socket after the handshake.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// A message of a subscription, or the end of its socket.
#[derive(Debug)]
pub enum Said {
    /// An event, and when it was received.
    Next {
        /// The response.
        payload: Box<RawValue>,
        /// Microseconds since the epoch, taken as soon as the frame arrived.
        received_us: i64,
    },
    /// The subscription was rejected or ended with errors.
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
    /// Connects to the service at a base URL such as `http://127.0.0.1:8080` and waits to be
    /// admitted.
    ///
    /// # Errors
    /// When there is no service, or it does not let us in.
    pub async fn connect(base: &str, token: Option<&str>) -> anyhow::Result<Self> {
        let shaken = timeout(HANDSHAKE_TIMEOUT, async {
            let (request, config) = Self::request(base)?;
            let disable_nagle = true;
            let connected = connect_async_with_config(request, Some(config), disable_nagle).await;
            let connected = connected.map_err(refusal);
            let (stream, _) = connected.with_context(|| format!("cannot connect to {base}"))?;
            Self { stream }.admitted(token).await
        });
        shaken.await.map_err(|_| anyhow!("no handshake within {HANDSHAKE_TIMEOUT:?}"))?
    }

    /// The same with the smallest receive buffer that the system allows, for a client that should
    /// be a burden when it does not read. Plain TCP only.
    ///
    /// # Errors
    /// As [`Socket::connect`].
    pub async fn connect_small(base: &str, token: Option<&str>) -> anyhow::Result<Self> {
        let shaken = timeout(HANDSHAKE_TIMEOUT, async {
            let (request, config) = Self::request(base)?;
            let host = request.uri().authority().context("no host in the URL")?.to_string();
            let address = tokio::net::lookup_host(&host).await?.next().context("unknown host")?;
            let tcp = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            tcp.set_recv_buffer_size(4096)?;
            let tcp = MaybeTlsStream::Plain(tcp.connect(address).await?);
            let connected = client_async_with_config(request, tcp, Some(config)).await;
            let (stream, _) = connected.map_err(refusal)?;
            Self { stream }.admitted(token).await
        });
        shaken.await.map_err(|_| anyhow!("no handshake within {HANDSHAKE_TIMEOUT:?}"))?
    }

    fn request(base: &str) -> anyhow::Result<(Request, WebSocketConfig)> {
        let base = base.trim_end_matches('/').replacen("http", "ws", 1);
        let mut request = format!("{base}/graphql/ws").into_client_request()?;
        let name = HeaderValue::from_static("graphql-transport-ws");
        request.headers_mut().insert("sec-websocket-protocol", name);
        // The default read buffer is 128 KiB per connection; a simulator has many.
        Ok((request, WebSocketConfig::default().read_buffer_size(4096)))
    }

    async fn admitted(self, token: Option<&str>) -> anyhow::Result<Self> {
        let mut socket = self;
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
                Some(Ok(Message::Close(Some(frame)))) => {
                    return Err(NotAdmitted::by_close(frame.code.into(), &frame.reason).into());
                }
                Some(Ok(Message::Close(None))) => bail!("not admitted: closed"),
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
        self.subscribe_as("1", query, variables).await
    }

    /// Subscribes under an id.
    ///
    /// # Errors
    /// When the socket has gone.
    pub async fn subscribe_as(
        &mut self,
        id: &str,
        query: &str,
        variables: Value,
    ) -> anyhow::Result<()> {
        let payload = json!({ "query": query, "variables": variables });
        self.send(&json!({ "type": "subscribe", "id": id, "payload": payload })).await
    }

    /// Receives the next message. Pings are answered on the way.
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

    /// Closes the socket; a peer that does not answer is left.
    pub async fn close(mut self) {
        timeout(Duration::from_secs(1), self.stream.close(None)).await.ok();
    }

    async fn send(&mut self, message: &Value) -> anyhow::Result<()> {
        Ok(self.stream.send(Message::text(message.to_string())).await?)
    }
}

/// The service's answer to the upgrade, if there was one.
fn refusal(error: TungsteniteError) -> anyhow::Error {
    match error {
        TungsteniteError::Http(response) => NotAdmitted::by_http(&response).into(),
        error => error.into(),
    }
}
