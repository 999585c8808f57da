//! Attacks by HTTP requests.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::attacker::{Attacker, CONNECTION_BYTES, code_in};

/// An answer that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// What is kept of an answer, to see its code.
const KEPT_BYTES: usize = 64 * 1024;

/// One request.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    /// Empty: a POST to /graphql; else a GET.
    pub(super) path: String,
    pub(super) body: String,
    pub(super) token: Option<String>,
    pub(super) gzip: bool,
}

impl Request {
    pub(super) fn query(query: &str, variables: &Value) -> Self {
        Self { body: operation(query, variables), ..Self::default() }
    }

    pub(super) fn by(self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self }
    }
}

/// The body of an operation.
pub(super) fn operation(query: &str, variables: &Value) -> String {
    json!({ "query": query, "variables": variables }).to_string()
}

/// Sends what `make` makes, one request after another on each of so many connections an address.
/// It is given the worker's number and the request's.
pub(super) fn flood(
    attacker: &Arc<Attacker>,
    each: usize,
    make: impl Fn(&Attacker, usize, u64) -> Request + Send + Sync + 'static,
) {
    let make = Arc::new(make);
    let clients: Vec<reqwest::Client> = attacker
        .plan
        .addresses
        .iter()
        .map(|address| {
            let builder = reqwest::Client::builder().local_address(IpAddr::from(*address));
            builder.timeout(PATIENCE).tcp_nodelay(true).build().expect("a client")
        })
        .collect();
    attacker.workers(each, |attacker, worker| {
        let (make, client) = (Arc::clone(&make), clients[worker % clients.len()].clone());
        async move {
            for number in 0.. {
                let request = make(&attacker, worker, number);
                attacker.pace(CONNECTION_BYTES + request.body.len()).await;
                send(&attacker, &client, request).await;
            }
        }
    });
}

async fn send(attacker: &Attacker, client: &reqwest::Client, request: Request) {
    let base = &attacker.plan.base;
    let mut sent = if request.path.is_empty() {
        let post = client.post(format!("{base}/graphql"));
        post.header("content-type", "application/json").body(request.body)
    } else {
        client.get(format!("{base}{}", request.path))
    };
    if let Some(token) = &request.token {
        sent = sent.bearer_auth(token);
    }
    if request.gzip {
        sent = sent.header("accept-encoding", "gzip");
    }
    let Ok(mut answer) = sent.send().await else {
        attacker.tally("no answer", 0);
        // A server that is gone is not asked a million times.
        tokio::time::sleep(Duration::from_millis(20)).await;
        return;
    };
    let status = answer.status().as_u16();
    let mut kept = Vec::new();
    let mut bytes = 0;
    let whole = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => {
                bytes += chunk.len();
                if kept.len() < KEPT_BYTES {
                    kept.extend_from_slice(&chunk);
                }
            }
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    let code = code_in(&kept);
    let what = match (code, status) {
        _ if !whole => "cut off".to_owned(),
        (Some(code), _) => code,
        (None, 200) => "ok".to_owned(),
        (None, status) => format!("http {status}"),
    };
    attacker.tally(&what, bytes);
    if status == 429 {
        // The connection is closed with it; the next one waits for its turn.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
