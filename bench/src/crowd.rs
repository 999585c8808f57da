//! A crowd of watchers, as cheap as can be: each counts its frames; some time them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use client_sim::clock;
use client_sim::measure::latency::Latency;
use client_sim::stamp::parse_us;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::event::{OPERATION, STAMP, WATCH};
use crate::frame;

/// One in so many watchers of a large crowd times what it is told.
const TIMED_EVERY: usize = 4;
/// In a small crowd all do.
const TIMED_ALL: usize = 100;
/// Sockets that are opened at a time: fewer than the 128 connections that a peer's queue takes, beyond
/// which the kernel drops some, and resets one now and then.
const OPENING_MAX: usize = 100;
const OPENING_TIMEOUT: Duration = Duration::from_secs(20);
const READ_BYTES: usize = 16 * 1_024;
const STAMP_BYTES: usize = "2026-01-01T00:00:00.000000Z".len();

/// What watchers speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// Nothing: what comes is counted.
    Nothing,
    /// graphql-transport-ws; a subscription on one of these auctions, in turns.
    Graphql(Vec<String>),
    /// AppSync's real-time protocol, likewise.
    AppSync(Vec<String>),
    /// graphql-transport-ws, without a subscription.
    Idle,
}

impl Speaks {
    /// The message with which a watcher subscribes.
    fn subscribes(&self, number: usize) -> Option<Value> {
        let request = |ids: &[String]| {
            let id = &ids[number % ids.len()];
            json!({ "query": WATCH, "variables": { "id": id } })
        };
        match self {
            Self::Graphql(ids) => {
                Some(json!({ "id": OPERATION, "type": "subscribe", "payload": request(ids) }))
            }
            Self::AppSync(ids) => {
                let data = request(ids).to_string();
                let extensions = json!({ "authorization": { "host": "localhost" } });
                let payload = json!({ "data": data, "extensions": extensions });
                Some(json!({ "id": OPERATION, "type": "start", "payload": payload }))
            }
            Self::Nothing | Self::Idle => None,
        }
    }
}

/// What a crowd has seen.
#[derive(Debug, Default)]
struct Seen {
    frames: AtomicU64,
    ended: AtomicU64,
    latency: parking_lot::Mutex<Latency>,
}

/// A crowd; it leaves when it is dropped.
#[derive(Debug)]
pub(crate) struct Crowd {
    seen: Arc<Seen>,
    _watchers: JoinSet<()>,
    size: usize,
}

impl Crowd {
    /// Connects so many watchers to a server.
    ///
    /// # Errors
    /// When one cannot be connected: also when no more files may be opened.
    pub(crate) async fn connect(url: &str, speaks: &Speaks, size: usize) -> anyhow::Result<Self> {
        let seen = Arc::new(Seen::default());
        let mut watchers = JoinSet::new();
        let address = url.trim_start_matches("http://").to_owned();
        for from in (0..size).step_by(OPENING_MAX) {
            let mut opening = JoinSet::new();
            for number in from..size.min(from + OPENING_MAX) {
                let (address, speaks) = (address.clone(), speaks.clone());
                opening.spawn(async move {
                    let opened = timeout(OPENING_TIMEOUT, open(&address, &speaks, number)).await;
                    let socket = opened.context("no answer to a watcher")??;
                    anyhow::Ok((number, socket))
                });
            }
            while let Some(opened) = opening.join_next().await {
                let (number, (socket, rest)) = opened?.context("a watcher")?;
                let seen = Arc::clone(&seen);
                let is_timed = size < TIMED_ALL || number % TIMED_EVERY == 0;
                watchers.spawn(async move {
                    watch(socket, rest, &seen, is_timed).await;
                    seen.ended.fetch_add(1, Relaxed);
                });
            }
        }
        Ok(Self { seen, _watchers: watchers, size })
    }

    /// How many events have been delivered, all watchers together.
    pub(crate) fn frames(&self) -> u64 {
        self.seen.frames.load(Relaxed)
    }

    /// The times from published to received since they were last taken.
    pub(crate) fn take_latency(&self) -> Latency {
        std::mem::take(&mut self.seen.latency.lock())
    }

    /// Waits until every watcher should have been told of something.
    ///
    /// # Errors
    /// When that does not happen, or a watcher has been thrown out.
    pub(crate) async fn wait_for_events(&self) -> anyhow::Result<()> {
        let until = Instant::now() + OPENING_TIMEOUT;
        while self.frames() < 2 * self.size as u64 {
            ensure!(Instant::now() < until, "the crowd is not told of anything");
            sleep(Duration::from_millis(20)).await;
        }
        self.check()
    }

    /// Whether all are still there.
    ///
    /// # Errors
    /// When a watcher has been thrown out.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let ended = self.seen.ended.load(Relaxed);
        ensure!(ended == 0, "{ended} of {} watchers were thrown out", self.size);
        Ok(())
    }
}

/// Connects; returns what was read beyond the opening.
async fn open(
    address: &str,
    speaks: &Speaks,
    number: usize,
) -> anyhow::Result<(TcpStream, Vec<u8>)> {
    let mut socket = TcpStream::connect(address).await.context("cannot connect")?;
    socket.set_nodelay(true)?;
    if *speaks == Speaks::Nothing {
        return Ok((socket, Vec::new()));
    }
    let (path, protocol) = match speaks {
        Speaks::AppSync(_) => ("/graphql/realtime", "graphql-ws"),
        _ => ("/graphql/ws", "graphql-transport-ws"),
    };
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: {protocol}\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = find(&bytes, b"\r\n\r\n") {
            break at + 4;
        }
        ensure!(socket.read_buf(&mut bytes).await? > 0, "the handshake was not answered");
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    ensure!(head.starts_with("HTTP/1.1 101"), "the handshake was refused: {head}");
    bytes.drain(..end);
    let init = json!({ "type": "connection_init" }).to_string();
    socket.write_all(&frame::from_client(&init)).await?;
    loop {
        if let Some((_, payload, rest)) = frame::first(&bytes) {
            ensure!(find(payload, b"connection_ack").is_some(), "no connection_ack");
            bytes = rest.to_vec();
            break;
        }
        ensure!(socket.read_buf(&mut bytes).await? > 0, "no connection_ack");
    }
    if let Some(message) = speaks.subscribes(number) {
        socket.write_all(&frame::from_client(&message.to_string())).await?;
    }
    Ok((socket, bytes))
}

/// Counts until the socket ends.
async fn watch(mut socket: TcpStream, mut bytes: Vec<u8>, seen: &Seen, is_timed: bool) {
    bytes.reserve(READ_BYTES);
    loop {
        let received_us = clock::now_us();
        let mut rest = &bytes[..];
        let mut frames = 0;
        let (mut pinged, mut probed) = (false, false);
        while let Some((opcode, payload, after)) = frame::first(rest) {
            rest = after;
            match kind(opcode, payload) {
                Kind::Event => {
                    frames += 1;
                    if is_timed && let Some(us) = published_us(payload) {
                        seen.latency.lock().add(received_us - us);
                    }
                }
                Kind::Ping => pinged = true,
                Kind::PingFrame => probed = true,
                Kind::End => return,
                Kind::Other => {}
            }
        }
        let left = rest.len();
        let done = bytes.len() - left;
        bytes.drain(..done);
        seen.frames.fetch_add(frames, Relaxed);
        let pong = json!({ "type": "pong" }).to_string();
        if pinged && socket.write_all(&frame::from_client(&pong)).await.is_err() {
            return;
        }
        if probed && socket.write_all(&frame::PONG).await.is_err() {
            return;
        }
        match socket.read_buf(&mut bytes).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return,
        }
    }
}

enum Kind {
    Event,
    Ping,
    PingFrame,
    End,
    Other,
}

fn kind(opcode: u8, payload: &[u8]) -> Kind {
    let has = |word: &[u8]| find(payload, word).is_some();
    match opcode {
        8 => Kind::End,
        9 => Kind::PingFrame,
        1 if has(b"\"type\":\"next\"") || has(b"\"type\":\"data\"") => Kind::Event,
        1 if has(b"\"type\":\"ping\"") => Kind::Ping,
        1 if has(b"\"type\":\"error\"") || has(b"\"type\":\"complete\"") => Kind::End,
        _ => Kind::Other,
    }
}

fn published_us(payload: &[u8]) -> Option<i64> {
    let at = find(payload, STAMP)? + STAMP.len();
    let stamp = std::str::from_utf8(payload.get(at..at + STAMP_BYTES)?).ok()?;
    parse_us(stamp)
}

fn find(bytes: &[u8], word: &[u8]) -> Option<usize> {
    bytes.windows(word.len()).position(|window| window == word)
}
