//! A WebSocket client by hand: it sends any bytes, shows every frame, and answers none.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::gavel::DEADLINE;

/// The first byte of a text, whole.
pub const TEXT: u8 = 0x81;
/// The first byte of a text that goes on, and of a part that is not its last.
pub const TEXT_BEGINS: u8 = 0x01;
/// See [`TEXT_BEGINS`].
pub const GOES_ON: u8 = 0x00;
/// Of a close.
pub const CLOSE: u8 = 0x88;
/// Of a ping.
pub const PING: u8 = 0x89;
/// Of a pong.
pub const PONG: u8 = 0x8a;

/// A connection that was upgraded.
pub struct RawSocket {
    stream: TcpStream,
    /// The head of the answer to the upgrade.
    pub head: String,
}

impl RawSocket {
    /// Upgrades, with further lines in the request's head.
    pub async fn open(base: &str, lines: &str) -> Self {
        let address = base.strip_prefix("http://").expect("a base URL");
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let request = format!(
            "GET /graphql/ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: \
             Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
             {lines}\r\n"
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("an answer"));
        }
        Self { stream, head: String::from_utf8(head).expect("text") }
    }

    /// Upgrades to the protocol, and is admitted.
    pub async fn admitted(base: &str) -> Self {
        let mut socket = Self::open(base, "Sec-WebSocket-Protocol: graphql-transport-ws\r\n").await;
        socket.send(TEXT, br#"{"type":"connection_init"}"#).await;
        assert_eq!(socket.frame().await.expect("an ack").0, TEXT);
        socket
    }

    /// Sends a frame of at most 125 bytes that begins with this byte, masked as clients must.
    pub async fn send(&mut self, first: u8, payload: &[u8]) {
        let length = u8::try_from(payload.len()).ok().filter(|n| *n < 126).expect("a short frame");
        let mut frame = vec![first, 0x80 | length, 0, 0, 0, 0];
        frame.extend_from_slice(payload);
        self.send_bytes(&frame).await;
    }

    /// Sends bytes.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("sent");
    }

    /// The first byte and the payload of the next frame. `None`: the connection has ended.
    pub async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        timeout(DEADLINE * 2, self.read_frame()).await.expect("something comes").ok()
    }

    async fn read_frame(&mut self) -> std::io::Result<(u8, Vec<u8>)> {
        let first = self.stream.read_u8().await?;
        let length = match self.stream.read_u8().await? {
            126 => u64::from(self.stream.read_u16().await?),
            127 => self.stream.read_u64().await?,
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length).expect("it fits")];
        self.stream.read_exact(&mut payload).await?;
        Ok((first, payload))
    }

    /// The code of the close that comes after whatever comes before it. `None`: there was none.
    pub async fn close_code(&mut self) -> Option<u16> {
        while let Some((first, payload)) = self.frame().await {
            if first == CLOSE {
                return Some(u16::from_be_bytes([payload[0], payload[1]]));
            }
        }
        None
    }
}
