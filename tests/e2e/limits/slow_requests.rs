//! The time that a request and its answer may take. Most cases wait for a time-out of ten seconds,
//! once for all their connections.

use std::time::{Duration, Instant};

use e2e::child::Child;
use futures_util::future::join_all;
use gavel_server::limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use super::{first, limit_case, send};

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
async fn the_time_for_a_head() {
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
        let crowd = (0..CROWD).map(async |n| match n % 3 {
            0 => {
                let stream = send(server, b"GET /graphql/ws HTTP/1.1\r\nx-slow: ").await;
                assert_eq!(ended(stream, true, limit).await, "");
            }
            1 => assert_eq!(ended(send(server, b"").await, false, limit).await, "", "nothing"),
            // The second head of a connection is due as soon as it has begun.
            _ => {
                let mut stream = send(server, GET).await;
                assert!(first(&mut stream).await.starts_with("HTTP/1.1 200"));
                assert_eq!(ended(stream, true, limit).await, "");
            }
        });
        join_all(crowd).await;
    };
    limit_case(&[]).rounds(1).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_between_requests() {
    let limit = Duration::from_secs(3);
    let within = async |server: &Child| {
        let mut stream = send(server, GET).await;
        for _ in 0..2 {
            assert!(first(&mut stream).await.starts_with("HTTP/1.1 200"));
            sleep(Duration::from_secs(1)).await;
            stream.write_all(GET).await.unwrap();
        }
    };
    let above = async |server: &Child, (): &mut ()| {
        let crowd = (0..CROWD).map(async |_| {
            let answer = ended(send(server, GET).await, false, limit).await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        });
        join_all(crowd).await;
    };
    limit_case(&["--http-keep-alive-seconds", "3"]).rounds(2).holds(within, above).await;
}

/// A connection with a small window that asks for far more than it reads.
async fn unread(server: &Child) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let address = server.base.strip_prefix("http://").unwrap().parse().unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let query =
        "%7B__schema%7Btypes%7Bname%20description%20fields%7Bname%20description%7D%7D%7D%7D";
    let request = format!("GET /graphql?query={query} HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(request.repeat(UNREAD).as_bytes()).await.unwrap();
    stream
}

/// When the peer has reset a connection; nothing of it is read.
async fn reset(stream: &TcpStream) {
    while stream.take_error().unwrap().is_none() {
        sleep(Duration::from_millis(20)).await;
    }
}

/// Answers that are asked for and not read: more than the kernel's buffers hold.
const UNREAD: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn the_time_in_which_nothing_of_an_answer_is_taken() {
    let within = async |server: &Child| {
        let mut stream = unread(server).await;
        sleep(Duration::from_secs(1)).await;
        let mut answers = 0;
        let mut some = vec![0; 64 * 1024];
        let mut tail = Vec::new();
        while answers < UNREAD {
            let read = timeout(SLACK * 2, stream.read(&mut some)).await.expect("more").unwrap();
            assert!(read > 0, "all are answered, slowly read or not");
            tail.extend_from_slice(&some[..read]);
            let text = String::from_utf8_lossy(&tail).into_owned();
            answers += text.matches("HTTP/1.1 200").count();
            tail = tail.split_off(tail.len().saturating_sub("HTTP/1.1 200".len() - 1));
        }
    };
    let above = async |server: &Child, (): &mut ()| {
        let crowd = join_all((0..CROWD / 5).map(|_| unread(server))).await;
        for stream in crowd {
            let end = timeout(limits::HTTP_WRITE_TIMEOUT + SLACK * 3, reset(&stream));
            end.await.expect("it has ended");
        }
    };
    limit_case(&[]).rounds(1).holds(within, above).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_comes_byte_by_byte_takes_no_more_than_its_bytes() {
    const BYTES: usize = 300;
    const KIB_MAX: u64 = 24 * 1024;
    let server = Child::start(env!("CARGO_BIN_EXE_gavel-child"), &[]).await;
    let before = server.memory_peak_kib();
    let drip = async |()| {
        let mut stream =
            send(&server, format!("{POST}content-length: 2000\r\n\r\n").as_bytes()).await;
        for _ in 0..BYTES {
            stream.write_all(b" ").await.unwrap();
            sleep(Duration::from_millis(10)).await;
        }
    };
    join_all([(); 100].map(drip)).await;
    let rose = server.memory_peak_kib() - before;
    assert!(rose < KIB_MAX, "{rose} KiB for {BYTES} bytes of each of 100 bodies");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_nothing_does_not_make_the_end_unclean() {
    let server = Child::start(env!("CARGO_BIN_EXE_gavel-child"), &[]).await;
    let held = join_all((0..20).map(|_| unread(&server))).await;
    sleep(Duration::from_secs(1)).await;
    let began = Instant::now();
    server.stop().await;
    assert!(began.elapsed() < limits::SHUTDOWN_TIMEOUT, "{:?}", began.elapsed());
    drop(held);
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
    limit_case(&[]).rounds(1).holds(within, above).await;
}
