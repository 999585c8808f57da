//! Attacks by WebSockets.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::SplitStream;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::attacker::{Attacker, CONNECTION_BYTES, code_in};

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
const HANDSHAKE_BYTES: usize = CONNECTION_BYTES + 250;
/// Between two attempts of a worker that is refused.
const AGAIN: Duration = Duration::from_millis(50);

/// How sockets attack.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// Sockets of each address.
    pub(super) each: usize,
    /// Operations under way on a socket; none: the attacker waits for nothing.
    pub(super) window: Option<usize>,
    /// Messages after which a socket only listens.
    pub(super) messages_max: u64,
    pub(super) reads: bool,
}

impl Style {
    /// As fast as it goes.
    pub(super) const FLOOD: Self =
        Self { each: 16, window: None, messages_max: u64::MAX, reads: true };
    /// With 50 operations under way.
    pub(super) const ASK: Self = Self { window: Some(50), ..Self::FLOOD };
}

/// A `subscribe` message.
pub(super) fn subscribe(id: &str, query: &str, variables: &Value) -> String {
    let payload = json!({ "query": query, "variables": variables });
    json!({ "id": id, "type": "subscribe", "payload": payload }).to_string()
}

/// A `complete` message.
pub(super) fn complete(id: &str) -> String {
    format!(r#"{{"type":"complete","id":"{id}"}}"#)
}

/// Sends what `make` makes on sockets that were admitted without a token, and on new ones as they
/// end. It is given the worker's number and the turn's.
pub(super) fn flood(
    attacker: &Arc<Attacker>,
    style: Style,
    make: impl Fn(&Attacker, usize, u64) -> Vec<String> + Send + Sync + 'static,
) {
    flood_as(attacker, style, |_, _| None, make);
}

/// The same with a token for each worker.
pub(super) fn flood_as(
    attacker: &Arc<Attacker>,
    style: Style,
    token: impl Fn(&Attacker, usize) -> Option<String> + Send + Sync + 'static,
    make: impl Fn(&Attacker, usize, u64) -> Vec<String> + Send + Sync + 'static,
) {
    let (make, token) = (Arc::new(make), Arc::new(token));
    attacker.workers(style.each, |attacker, worker| {
        let (make, token) = (Arc::clone(&make), Arc::clone(&token));
        async move {
            let mut number = 0_u64;
            loop {
                let token = token(&attacker, worker);
                let Some(stream) = admitted(&attacker, worker, style.reads, token).await else {
                    sleep(AGAIN).await;
                    continue;
                };
                let until = number.saturating_add(style.messages_max);
                drive(&attacker, stream, style, || {
                    number += 1;
                    (number <= until).then(|| make(&attacker, worker, number - 1))
                })
                .await;
            }
        }
    });
}

async fn drive(
    attacker: &Arc<Attacker>,
    stream: WebSocketStream<TcpStream>,
    style: Style,
    mut next: impl FnMut() -> Option<Vec<String>>,
) {
    let (mut sink, source) = stream.split();
    let window = Arc::new(Semaphore::new(style.window.unwrap_or(Semaphore::MAX_PERMITS / 2)));
    let mut source = Some(source);
    if style.reads {
        let (attacker, window) = (Arc::clone(attacker), Arc::clone(&window));
        let source = source.take();
        attacker.tasks.clone().spawn(async move {
            if let Some(source) = source {
                read(&attacker, source, &window).await;
            }
            window.close();
        });
    }
    while let Some(texts) = next() {
        let Ok(permit) = window.acquire().await else { return };
        permit.forget();
        for text in texts {
            attacker.pace(text.len()).await;
            if sink.send(Message::text(text)).await.is_err() {
                return;
            }
        }
    }
    // It listens until it is closed.
    while style.reads && !window.is_closed() {
        sleep(AGAIN).await;
    }
    if !style.reads {
        std::future::pending::<()>().await;
    }
}

/// Reads a socket to its end.
pub(super) async fn read(
    attacker: &Attacker,
    mut source: SplitStream<WebSocketStream<TcpStream>>,
    window: &Semaphore,
) {
    loop {
        match source.next().await {
            Some(Ok(Message::Text(text))) => {
                let text = text.as_str().as_bytes();
                let head = &text[..text.len().min(160)];
                let is = |kind: &[u8]| head.windows(kind.len()).any(|window| window == kind);
                if is(b"\"type\":\"complete\"") || is(b"\"type\":\"error\"") {
                    window.add_permits(1);
                }
                let code = code_in(text);
                let is_next = is(b"\"type\":\"next\"");
                attacker.tally(
                    code.as_deref().unwrap_or(if is_next { "next" } else { "" }),
                    text.len(),
                );
            }
            Some(Ok(Message::Close(frame))) => {
                let code = frame.map_or(1005, |frame| frame.code.into());
                return attacker.tally(&format!("close {code}"), 0);
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return attacker.tally("reset", 0),
        }
    }
}

/// A socket after its handshake; what refused it is noted.
pub(super) async fn upgraded(
    attacker: &Attacker,
    worker: usize,
    receive_bytes: Option<u32>,
) -> Option<WebSocketStream<TcpStream>> {
    let door = ("/graphql/ws", "graphql-transport-ws");
    upgraded_to(attacker, worker, receive_bytes, door).await
}

/// The same at this path, with this sub-protocol.
pub(super) async fn upgraded_to(
    attacker: &Attacker,
    worker: usize,
    receive_bytes: Option<u32>,
    (path, protocol): (&str, &'static str),
) -> Option<WebSocketStream<TcpStream>> {
    attacker.pace(HANDSHAKE_BYTES).await;
    let tcp = attacker.connect(worker, receive_bytes).await?;
    let to = attacker.plan.base.strip_prefix("http://")?;
    let mut request = format!("ws://{to}{path}").into_client_request().ok()?;
    let protocol = HeaderValue::from_static(protocol);
    request.headers_mut().insert("sec-websocket-protocol", protocol);
    match timeout(HANDSHAKE_TIMEOUT, client_async(request, tcp)).await {
        Ok(Ok((stream, _))) => Some(stream),
        Ok(Err(Error::Http(response))) => {
            let code = response.body().as_deref().and_then(code_in);
            let status = format!("http {}", response.status().as_u16());
            attacker.tally(&code.unwrap_or(status), 0);
            None
        }
        Ok(Err(_)) => {
            attacker.tally("reset", 0);
            None
        }
        Err(_) => {
            attacker.tally("no answer", 0);
            None
        }
    }
}

/// A socket that was admitted.
pub(super) async fn admitted(
    attacker: &Attacker,
    worker: usize,
    reads: bool,
    token: Option<String>,
) -> Option<WebSocketStream<TcpStream>> {
    let receive_bytes = (!reads).then_some(4096);
    let mut stream = upgraded(attacker, worker, receive_bytes).await?;
    let payload = token.map_or(json!({}), |t| json!({ "authorization": format!("Bearer {t}") }));
    let init = json!({ "type": "connection_init", "payload": payload }).to_string();
    stream.send(Message::text(init)).await.ok()?;
    match timeout(HANDSHAKE_TIMEOUT, stream.next()).await {
        Ok(Some(Ok(Message::Text(_)))) => Some(stream),
        Ok(Some(Ok(Message::Close(frame)))) => {
            attacker.tally(&format!("close {}", frame.map_or(1005, |f| f.code.into())), 0);
            None
        }
        _ => {
            attacker.tally("no answer", 0);
            None
        }
    }
}
