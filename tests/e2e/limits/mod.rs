//! Each limit of docs/LIMITS.md at its edge. `LimitCase` sees to what all of them must hold: below it
//! works, another client does not notice, and the server's memory stays what it was.

mod request;
mod slow_requests;
mod socket;
mod slow_sockets;
mod client;
mod service;
mod budgets;

use std::net::Ipv4Addr;

use e2e::child::Child;
use e2e::code;
use e2e::limit_case::LimitCase;
use e2e::socket::{Socket, connect_from};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const JSON: (&str, &str) = ("content-type", "application/json");
const WATCH: &str = "subscription($id: ID!) { bidCreated(auctionId: $id, after: 0) { sequence } }";
/// The client under test.
const CLIENT: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// What a request brings beside what it says, so that a server that kept it would be seen to grow.
const BALLAST_BYTES: usize = 150_000;

/// What lets the ballast in: by default neither a document nor a body may be so large.
const ROOM_FOR_BALLAST: [&str; 6] =
    ["--query-bytes", "262144", "--subscription-bytes", "262144", "--http-body-bytes", "524288"];

/// A limit, met often enough to see that nothing is kept of it.
fn limit_case<'a>(flags: &'a [&'a str]) -> LimitCase<'a> {
    let program = env!("CARGO_BIN_EXE_gavel-child");
    let is_set = |name: &str| flags.contains(&name);
    let mut all = flags.to_vec();
    for pair in ROOM_FOR_BALLAST.chunks(2).filter(|pair| !is_set(pair[0])) {
        all.extend(pair);
    }
    if !is_set("--socket-message-bytes") {
        all.extend(["--socket-message-bytes", "524288"]);
    }
    LimitCase { program, flags: all, rounds: 160 }
}

/// A document with ballast.
fn laden(query: &str) -> String {
    format!("{query}{}", " ".repeat(BALLAST_BYTES))
}

/// What a query is answered with: the first error's code, if there is one.
async fn ask(server: &Child, query: &str) -> Option<String> {
    let response = server.graphql(None, query, json!({})).await;
    let errors = &response["errors"];
    assert!(errors.is_array() || response["data"].is_object(), "{response}");
    errors.is_array().then(|| code(&errors[0]).to_owned())
}

/// A document that is allowed, and one that asks for a little more.
async fn document_edge(flags: &[&str], allowed: &str, more: &str) {
    let within = async |server: &Child| {
        assert_eq!(ask(server, allowed).await, None, "{allowed}");
    };
    let above = async |server: &Child, (): &mut ()| {
        assert_eq!(ask(server, &laden(more)).await.as_deref(), Some("QUERY_TOO_COMPLEX"));
    };
    limit_case(flags).holds(within, above).await;
}

/// A socket from the client's address that was admitted.
async fn socket(server: &Child) -> Socket {
    let mut socket = upgrade(server).await.expect("a socket");
    socket.init(None).await;
    socket
}

async fn upgrade(server: &Child) -> Result<Socket, (u16, Value)> {
    Socket::open_from(&server.base, CLIENT).await
}

/// A socket, as soon as there is a place: one that was given up is free a moment later.
async fn place(server: &Child) -> Socket {
    for _ in 0..200 {
        match upgrade(server).await {
            Ok(socket) => return socket,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    }
    panic!("no place became free");
}

/// A connection that has sent this, from the client's address.
async fn send(server: &Child, request: &[u8]) -> TcpStream {
    let mut stream = connect_from(&server.base, CLIENT).await;
    stream.write_all(request).await.expect("sent");
    stream
}

/// What comes first on a connection; empty if it ended.
async fn first(stream: &mut TcpStream) -> String {
    let mut answer = vec![0; 4096];
    let n = stream.read(&mut answer).await.unwrap_or(0);
    String::from_utf8_lossy(&answer[..n]).into_owned()
}
