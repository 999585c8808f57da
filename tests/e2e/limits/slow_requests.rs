//! The time that a request may take. Each case waits for a time-out of ten seconds, once for all
//! its connections.

use std::time::{Duration, Instant};

use e2e::child::Child;
use futures_util::future::join_all;
use gavel_server::limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::{edge, first, send};

const GET: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
const POST: &str = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
/// Beyond the time-out, on a busy machine.
const SLACK: Duration = Duration::from_secs(5);
/// Connections that are slow at the same time: more than the address's own limit would let in.
const CROWD: usize = 300;

/// What comes until the server ends a connection, which a byte now and then does not prevent.
async fn ended(mut stream: TcpStream, drip: bool, limit: Duration) -> String {
    let began = Instant::now();
    let mut answer = Vec::new();
    let ending = async {
        loop {
            let mut some = [0; 4096];
            match timeout(Duration::from_millis(500), stream.read(&mut some)).await {
                Ok(Ok(0) | Err(_)) => return,
                Ok(Ok(n)) => answer.extend_from_slice(&some[..n]),
                // It may have been ended meanwhile: the next read says so.
                Err(_) if drip => drop(stream.write_all(b"x").await),
                Err(_) => {}
            }
        }
    };
    timeout(limit + SLACK, ending).await.expect("the server ends it");
    let took = began.elapsed();
    assert!(took + Duration::from_secs(1) > limit, "ended early, after {took:?}");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_for_a_head_and_between_requests() {
    let limit = limits::HTTP_HEAD_TIMEOUT;
    let within = async |server: &Child| {
        let mut stream = send(server, &GET[..20]).await;
        sleep(Duration::from_secs(1)).await;
        stream.write_all(&GET[20..]).await.unwrap();
        assert!(first(&mut stream).await.starts_with("HTTP/1.1 200"));
        sleep(Duration::from_secs(1)).await;
        stream.write_all(GET).await.unwrap();
        assert!(first(&mut stream).await.starts_with("HTTP/1.1 200"), "the next request");
    };
    let above = async |server: &Child, (): &mut ()| {
        let crowd = (0..CROWD).map(async |n| match n % 2 {
            0 => {
                let stream = send(server, b"GET /graphql/ws HTTP/1.1\r\nx-slow: ").await;
                assert_eq!(ended(stream, true, limit).await, "");
            }
            _ => {
                let stream = send(server, GET).await;
                let answer = ended(stream, false, limit).await;
                assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            }
        });
        join_all(crowd).await;
    };
    edge(&[]).rounds(1).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_for_a_body() {
    let limit = limits::HTTP_BODY_TIMEOUT;
    let body = r#"{"query":"{ serverTime }"}"#;
    let head = |length: usize| format!("{POST}content-length: {length}\r\n\r\n");
    let within = async |server: &Child| {
        let mut stream = send(server, head(body.len()).as_bytes()).await;
        sleep(Duration::from_secs(1)).await;
        stream.write_all(body.as_bytes()).await.unwrap();
        assert!(first(&mut stream).await.starts_with("HTTP/1.1 200"));
    };
    let above = async |server: &Child, (): &mut ()| {
        let slow = format!("{}{{", head(200_000));
        let crowd = (0..CROWD).map(async |_| {
            let answer = ended(send(server, slow.as_bytes()).await, true, limit).await;
            assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
            assert!(answer.contains("BAD_REQUEST"), "{answer}");
        });
        join_all(crowd).await;
    };
    edge(&[]).rounds(1).holds(within, above).await;
}
