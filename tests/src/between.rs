//! Something between a server and its store: it refuses what a test says, and dates answers anew.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A refusal in the words of DynamoDB.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Which operation; `None`: each.
    pub operation: Option<&'static str>,
    /// The error's name.
    pub code: &'static str,
    /// How many requests; then they pass.
    pub count: usize,
}

#[derive(Debug, Default)]
struct State {
    refusal: Option<Refusal>,
    /// How much later answers are dated than they are; below 0: earlier.
    dated_by_s: i64,
    /// How requests were signed.
    authorizations: Vec<String>,
    refused: usize,
}

/// A proxy before a store.
pub struct Between {
    /// Where it is.
    pub url: String,
    state: Arc<Mutex<State>>,
    _serving: JoinSet<()>,
}

impl Between {
    /// Starts it before a store of this URL.
    pub async fn start(store: &str) -> Self {
        let store = store.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let state = Arc::new(Mutex::new(State::default()));
        let mut serving = JoinSet::new();
        let shared = Arc::clone(&state);
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                stream.set_nodelay(true).ok();
                let (store, state) = (store.clone(), Arc::clone(&shared));
                connections.spawn(async move {
                    // Whoever leaves in the middle, leaves.
                    carry(stream, &store, &state).await.ok();
                });
            }
        });
        Self { url, state, _serving: serving }
    }

    /// Requests are refused so from now on.
    pub fn refuse(&self, refusal: Option<Refusal>) {
        self.lock().refusal = refusal;
    }

    /// How many were refused so far.
    pub fn refused(&self) -> usize {
        self.lock().refused
    }

    /// Answers are dated so much later from now on.
    pub fn date_later_by(&self, seconds: i64) {
        self.lock().dated_by_s = seconds;
    }

    /// How the last request was signed.
    pub fn last_authorization(&self) -> String {
        self.lock().authorizations.last().cloned().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("not poisoned")
    }
}

/// A message of HTTP: its head as lines, and its body.
struct Message {
    lines: Vec<String>,
    body: Vec<u8>,
}

impl Message {
    async fn read(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Self>> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(None);
            }
            let line = line.trim_end().to_owned();
            if line.is_empty() {
                break;
            }
            lines.push(line);
        }
        let mut message = Self { lines, body: Vec::new() };
        let length = message.header("content-length").and_then(|text| text.parse().ok());
        message.body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut message.body).await?;
        Ok(Some(message))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.lines.iter().skip(1).find_map(|line| {
            let (named, value) = line.split_once(':')?;
            named.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    async fn write(&self, stream: &mut BufReader<TcpStream>) -> std::io::Result<()> {
        let mut bytes = self.lines.join("\r\n").into_bytes();
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes.extend_from_slice(&self.body);
        stream.get_mut().write_all(&bytes).await
    }

    fn refusal(code: &str) -> Self {
        let body = format!(
            r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"a test says so"}}"#
        );
        let lines = [
            "HTTP/1.1 400 Bad Request".to_owned(),
            "content-type: application/x-amz-json-1.0".to_owned(),
            format!("content-length: {}", body.len()),
        ];
        Self { lines: lines.into(), body: body.into_bytes() }
    }

    fn date(&mut self, later_by_s: i64) {
        let is_date = |line: &&mut String| line.to_ascii_lowercase().starts_with("date:");
        let Some(line) = self.lines.iter_mut().find(is_date) else { return };
        let (_, date) = line.split_once(':').expect("a header");
        let date = DateTime::from_str(date.trim(), DateTimeFormat::HttpDate).expect("a date");
        let date = DateTime::from_secs(date.secs() + later_by_s);
        *line = format!("date: {}", date.fmt(DateTimeFormat::HttpDate).expect("a date"));
    }
}

async fn carry(client: TcpStream, store: &str, state: &Mutex<State>) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    let upstream = TcpStream::connect(store).await?;
    upstream.set_nodelay(true)?;
    let mut upstream = BufReader::new(upstream);
    while let Some(request) = Message::read(&mut client).await? {
        let (refused, later_by_s) = {
            let mut state = state.lock().expect("not poisoned");
            state.authorizations.extend(request.header("authorization").map(str::to_owned));
            (state.refuses(&request), state.dated_by_s)
        };
        if let Some(code) = refused {
            Message::refusal(code).write(&mut client).await?;
            continue;
        }
        request.write(&mut upstream).await?;
        let Some(mut answer) = Message::read(&mut upstream).await? else { return Ok(()) };
        if later_by_s != 0 {
            answer.date(later_by_s);
        }
        answer.write(&mut client).await?;
    }
    Ok(())
}

impl State {
    fn refuses(&mut self, request: &Message) -> Option<&'static str> {
        let refusal = self.refusal.as_mut()?;
        let target = request.header("x-amz-target")?;
        let is_it = refusal.operation.is_none_or(|operation| target.ends_with(operation));
        if !is_it || refusal.count == 0 {
            return None;
        }
        refusal.count -= 1;
        self.refused += 1;
        Some(refusal.code)
    }
}

/// A time so long after now, as stores of credentials write it.
pub fn expiration(after: Duration) -> String {
    let date = DateTime::from(SystemTime::UNIX_EPOCH + now() + after);
    date.fmt(DateTimeFormat::DateTime).expect("a date")
}

fn now() -> Duration {
    Duration::from_micros(client_sim::clock::now_us().unsigned_abs())
}
