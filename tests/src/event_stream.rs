//! A client of an event stream that shows all that comes.

use std::net::SocketAddr;

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::gavel::DEADLINE;

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamEvent {
    /// A result, with the id of its event.
    Next(Option<String>, Value),
    /// The operation has ended.
    Complete,
    /// The stream has ended.
    End,
}

/// A stream.
pub struct EventStream {
    from: From,
    text: String,
}

/// Where its bytes come from.
enum From {
    Response(Response),
    /// A connection whose system keeps few bytes, and the bytes of it that are no whole chunk.
    Slow(TcpStream, Vec<u8>),
}

impl EventStream {
    /// Posts an operation; an error is the status of the answer and its body.
    pub async fn post(
        base: &str,
        query: &str,
        variables: Value,
        headers: &[(&str, &str)],
    ) -> Result<Self, (u16, Value)> {
        Self::send(base, &json!({ "query": query, "variables": variables }), headers).await
    }

    /// Posts any request.
    pub async fn send(
        base: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Result<Self, (u16, Value)> {
        let mut request = reqwest::Client::new()
            .post(format!("{base}/graphql/stream"))
            .header("accept", "text/event-stream")
            .body(body.to_string());
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Self::of(request.send().await.expect("an answer")).await
    }

    /// Gets an operation, as a browser's `EventSource` does.
    pub async fn get(
        base: &str,
        query: &str,
        variables: Value,
        headers: &[(&str, &str)],
    ) -> Result<Self, (u16, Value)> {
        let mut url = reqwest::Url::parse(&format!("{base}/graphql/stream")).expect("a URL");
        url.query_pairs_mut()
            .append_pair("query", query)
            .append_pair("variables", &variables.to_string());
        let mut request = reqwest::Client::new().get(url).header("accept", "text/event-stream");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Self::of(request.send().await.expect("an answer")).await
    }

    /// Posts an operation on a connection that takes little more than is read.
    pub async fn slow(base: &str, query: &str, variables: Value) -> Self {
        let to: SocketAddr =
            base.strip_prefix("http://").and_then(|to| to.parse().ok()).expect("a base");
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a small buffer");
        let mut stream = socket.connect(to).await.expect("a connection");
        let body = json!({ "query": query, "variables": variables }).to_string();
        let head = format!(
            "POST /graphql/stream HTTP/1.1\r\nhost: {to}\r\naccept: text/event-stream\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        stream.write_all(body.as_bytes()).await.expect("sent");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("a head"));
        }
        assert!(head.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&head));
        Self { from: From::Slow(stream, Vec::new()), text: String::new() }
    }

    async fn of(response: Response) -> Result<Self, (u16, Value)> {
        if response.status() != StatusCode::OK {
            let status = response.status().as_u16();
            return Err((status, response.json().await.unwrap_or_default()));
        }
        let media = response.headers()["content-type"].to_str().expect("text").to_owned();
        assert!(media.starts_with("text/event-stream"), "{media}");
        Ok(Self { from: From::Response(response), text: String::new() })
    }

    /// What comes next, but for comments, within the deadline.
    pub async fn event(&mut self) -> StreamEvent {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                match parsed(&event) {
                    Some(event) => return event,
                    None => continue,
                }
            }
            let chunk = timeout(DEADLINE, self.from.chunk()).await.expect("something comes");
            let Some(chunk) = chunk else { return StreamEvent::End };
            self.text.push_str(std::str::from_utf8(&chunk).expect("whole characters"));
        }
    }

    /// The next event, which is a result: its id and the result.
    pub async fn next(&mut self) -> (Option<String>, Value) {
        match self.event().await {
            StreamEvent::Next(id, result) => (id, result),
            other => panic!("not a result: {other:?}"),
        }
    }

    /// The one result of an operation, which is over with it.
    pub async fn only(mut self) -> Value {
        let (_, result) = self.next().await;
        assert_eq!(self.event().await, StreamEvent::Complete);
        assert_eq!(self.event().await, StreamEvent::End);
        result
    }
}

impl From {
    /// The next bytes of the body; `None` at its end.
    async fn chunk(&mut self) -> Option<Vec<u8>> {
        match self {
            Self::Response(response) => response.chunk().await.ok()?.map(|bytes| bytes.to_vec()),
            Self::Slow(stream, kept) => loop {
                if let Some(chunk) = take_chunk(kept) {
                    return Some(chunk).filter(|chunk| !chunk.is_empty());
                }
                if stream.read_buf(kept).await.ok()? == 0 {
                    return None;
                }
            },
        }
    }
}

/// Takes the first whole chunk of a chunked body.
fn take_chunk(bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
    let head = bytes.windows(2).position(|two| two == b"\r\n")?;
    let length = std::str::from_utf8(&bytes[..head]).expect("text");
    let length = usize::from_str_radix(length, 16).expect("a length");
    let end = head + 2 + length;
    if bytes.len() < end + 2 {
        return None;
    }
    let chunk = bytes[head + 2..end].to_vec();
    assert_eq!(&bytes[end..end + 2], b"\r\n", "a chunk has its length");
    bytes.drain(..end + 2);
    Some(chunk)
}

fn parsed(event: &str) -> Option<StreamEvent> {
    let field = |name: &str| {
        let line = event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(|value| value.strip_prefix(' ').unwrap_or(value).to_owned())
    };
    match field("event")?.as_str() {
        "next" => {
            let data = field("data").expect("data");
            Some(StreamEvent::Next(field("id"), serde_json::from_str(&data).expect("JSON")))
        }
        "complete" => {
            // Without data a browser would not show the event.
            assert_eq!(field("data").as_deref(), Some(""));
            Some(StreamEvent::Complete)
        }
        other => panic!("an unknown event: {other}"),
    }
}
