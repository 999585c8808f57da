//! Frames as no library sends them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::attacker::Attacker;
use super::socket::{admitted, read};

const SOCKETS: usize = 16;
/// What is limited for each socket is sent on many.
const MANY_SOCKETS: usize = 200;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CONTINUATION: u8 = 0;
const PING: u8 = 9;
const FINAL: u8 = 0x80;

/// A frame with a mask of zeros, which leaves the payload as it is.
fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![head];
    match payload.len() {
        length @ 0..126 => bytes.push(length as u8 | 0x80),
        length @ 126..65_536 => {
            bytes.push(0x80 | 0x7e);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 0x7f);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

/// Writes what `make` makes on admitted sockets, as raw bytes, and reads what comes.
fn flood(
    attacker: &Arc<Attacker>,
    sockets: usize,
    make: impl Fn(u64) -> Vec<u8> + Send + Sync + 'static,
) {
    let make = Arc::new(make);
    attacker.workers(sockets, |attacker, worker| {
        let make = Arc::clone(&make);
        async move {
            loop {
                let Some(stream) = admitted(&attacker, worker, true, None).await else {
                    sleep(Duration::from_millis(50)).await;
                    continue;
                };
                // The library frames what it sends, so it only reads; the bytes go beside it.
                let Some((raw, reading)) = split(stream) else { return };
                let (reader_of, closed) = (Arc::clone(&attacker), Arc::new(Semaphore::new(0)));
                let closing = Arc::clone(&closed);
                attacker.tasks.spawn(async move {
                    read(&reader_of, reading, &closing).await;
                    closing.close();
                });
                let mut raw = raw;
                for number in 0.. {
                    let bytes = make(number);
                    attacker.pace(bytes.len()).await;
                    if closed.is_closed() || raw.write_all(&bytes).await.is_err() {
                        break;
                    }
                }
            }
        }
    });
}

type Stream = tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>;
type Reading = futures_util::stream::SplitStream<Stream>;

/// The same connection twice: to write bytes, and to read messages.
fn split(stream: Stream) -> Option<(tokio::net::TcpStream, Reading)> {
    use std::os::fd::AsFd as _;
    let copy = stream.get_ref().as_fd().try_clone_to_owned().ok()?;
    let raw = tokio::net::TcpStream::from_std(std::net::TcpStream::from(copy)).ok()?;
    let (_sink, reading) = stream.split();
    Some((raw, reading))
}

/// A message, a byte a frame.
pub(super) fn bytes(attacker: &Arc<Attacker>) {
    flood(attacker, SOCKETS, |number| {
        let text = format!(
            r#"{{"type":"ping","payload":{{"number":{number},"pad":"{}"}}}}"#,
            "x".repeat(1000)
        );
        let last = text.len() - 1;
        let one = |(at, byte): (usize, &u8)| {
            let kind = if at == 0 { TEXT } else { CONTINUATION };
            frame(if at == last { FINAL | kind } else { kind }, &[*byte])
        };
        text.as_bytes().iter().enumerate().flat_map(one).collect()
    });
}

/// Pings of the WebSocket and of the protocol above it, twenty in one write.
pub(super) fn pings(attacker: &Arc<Attacker>) {
    flood(attacker, MANY_SOCKETS, |number| {
        let one = if number.is_multiple_of(2) {
            frame(FINAL | PING, &[b'x'; 125])
        } else {
            frame(FINAL | TEXT, br#"{"type":"ping"}"#)
        };
        one.repeat(20)
    });
}

/// A message that goes on, empty frame by empty frame.
pub(super) fn continuations(attacker: &Arc<Attacker>) {
    flood(attacker, SOCKETS, |number| {
        let mut bytes = if number == 0 { frame(TEXT, b"{") } else { Vec::new() };
        bytes.extend(frame(CONTINUATION, b"").repeat(1_000));
        bytes
    });
}

/// Messages of the wrong kind, nearly as large as may be.
pub(super) fn binary(attacker: &Arc<Attacker>) {
    let bytes = frame(FINAL | BINARY, &vec![7; 120_000]);
    flood(attacker, SOCKETS, move |_| bytes.clone());
}

/// Reserved bits, unknown kinds, no mask, text that is no UTF-8, a length that lies.
pub(super) fn invalid(attacker: &Arc<Attacker>) {
    flood(attacker, SOCKETS, |number| match number % 5 {
        0 => frame(FINAL | 0x70 | TEXT, b"{}"),
        1 => frame(FINAL | 0x0b, b"{}"),
        2 => vec![FINAL | TEXT, 2, b'{', b'}'],
        3 => frame(FINAL | TEXT, &[0xff, 0xfe]),
        _ => [&[FINAL | TEXT, 0x80 | 0x7f][..], &u64::MAX.to_be_bytes(), &[0; 4]].concat(),
    });
}
