//! A server under test.

use std::net::IpAddr;
use std::ops::Deref;
use std::time::Duration;

use clap::{CommandFactory as _, Parser};
use client_sim::measure::scrape::Scrape;
use client_sim::service::token::Mint;
use client_sim::stamp::format_us;
use gavel_server::app::{self, Ready};
use gavel_server::config::Args;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::socket::Socket;

/// Long enough for a slow machine: nothing waits for it to pass.
pub const DEADLINE: Duration = Duration::from_secs(20);
pub(crate) const SECRET: &str = "a secret of the end-to-end tests, long enough";
const HOUR: Duration = Duration::from_secs(3600);

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    args: Args,
}

/// A client of a server.
pub struct Client {
    /// The server's base URL.
    pub base: String,
    http: reqwest::Client,
}

/// A running server, and a client of it.
pub struct Gavel {
    client: Client,
    /// What it said at start.
    pub ready: Ready,
    shutdown: CancellationToken,
    running: JoinSet<anyhow::Result<()>>,
}

impl Deref for Gavel {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// Whether the service has a flag of this name.
pub fn is_flag(name: &str) -> bool {
    Flags::command().get_arguments().any(|argument| argument.get_long() == Some(name))
}

/// Where the suite's store is, if it is not embedded.
pub fn store_url() -> Option<String> {
    std::env::var("GAVEL_TEST_DYNAMODB").ok().filter(|url| !url.is_empty())
}

/// The settings of a server with the suite's store and these flags.
pub fn args(flags: &[&str]) -> Args {
    let mut all = vec!["test".to_owned()];
    if !["--jwks", "--oidc-issuer", "--jwt-secret"].iter().any(|flag| flags.contains(flag)) {
        all.extend(["--jwt-secret", SECRET].map(str::to_owned));
    }
    all.extend(flags_of(flags));
    Flags::parse_from(all).args
}

/// The same as flags, but for the secret.
pub(crate) fn flags_of(flags: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = ["--listen", "127.0.0.1:0"].map(str::to_owned).to_vec();
    if let Some(url) = store_url().filter(|_| !flags.contains(&"--dynamodb")) {
        let table = format!("e2e-{:016x}", rand::random::<u64>());
        all.extend(["--dynamodb".to_owned(), url, "--table".to_owned(), table]);
    }
    // Tests play many clients from one address; those about limits say so.
    if !flags.contains(&"--client-limits") {
        all.extend(["--client-limits", "off"].map(str::to_owned));
    }
    all.extend(flags.iter().map(|flag| (*flag).to_owned()));
    all
}

impl Gavel {
    /// Starts a server and waits until it is ready.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The same with further flags.
    pub async fn with(flags: &[&str]) -> Self {
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        let (say, said) = oneshot::channel();
        let mut running = JoinSet::new();
        let args = args(flags);
        running.spawn(async move {
            let say = |ready: &Ready| say.send(ready.clone()).expect("the test waits");
            app::run(args, stop, say).await
        });
        let Ok(ready) = said.await else {
            panic!("the server did not start: {:?}", running.join_next().await);
        };
        let base = format!("http://{}", ready.address);
        let client = Client { base, http: reqwest::Client::new() };
        let admin = format!("http://{}", ready.admin_address);
        let admin = Client { base: admin, http: client.http.clone() };
        let gavel = Self { client, ready, shutdown, running };
        soon("the server is ready", || async { admin.get("/readyz").await.0 == 200 }).await;
        gavel
    }

    /// The value of a metric.
    pub async fn metric(&self, name: &str) -> f64 {
        let page = format!("http://{}/metrics", self.ready.admin_address);
        let page = Scrape::fetch(&page).await.expect("its metrics");
        page.value(name).unwrap_or_else(|| panic!("no metric {name}"))
    }

    /// Stops it; the result is the process's.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.shutdown.cancel();
        let ended = timeout(DEADLINE, self.running.join_next()).await;
        ended.expect("the server ends in time").expect("it ran").expect("it did not panic")
    }

    /// Asks it to stop, without waiting.
    pub fn begin_stop(&self) {
        self.shutdown.cancel();
    }
}

impl Client {
    /// A client that comes from an address of this machine, with a connection for each request.
    pub fn from(base: String, address: impl Into<IpAddr>) -> Self {
        let http =
            reqwest::Client::builder().local_address(address.into()).pool_max_idle_per_host(0);
        Self { base, http: http.build().expect("a client") }
    }

    /// A token of a user with roles.
    pub fn token(&self, user: &str, roles: &[&str]) -> String {
        Mint::new(SECRET).token(user, roles, HOUR).expect("a token")
    }

    /// A token of any claims.
    pub fn sign(&self, claims: &Value) -> String {
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).expect("a token")
    }

    /// The secret, for clients that mint their own.
    pub fn secret(&self) -> &'static str {
        SECRET
    }

    /// A GET: status and body.
    pub async fn get(&self, path: &str) -> (u16, String) {
        let response = self.http.get(format!("{}{path}", self.base)).send().await.expect("answer");
        (response.status().as_u16(), response.text().await.expect("a body"))
    }

    /// A POST to /graphql with any body and headers: status and body; 0 and null if nobody answers.
    pub async fn post(&self, body: String, headers: &[(&str, &str)]) -> (u16, Value) {
        let mut request = self.http.post(format!("{}/graphql", self.base)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let Ok(response) = request.send().await else { return (0, Value::Null) };
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    /// A GraphQL request: the whole response.
    pub async fn graphql(&self, token: Option<&str>, query: &str, variables: Value) -> Value {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
        let body = json!({ "query": query, "variables": variables }).to_string();
        self.post(body, &headers).await.1
    }

    /// A new auction of the user `seller` with these terms over the defaults; returns its id.
    pub async fn auction(&self, terms: Value) -> String {
        let mut input = json!({
            "title": "A lamp",
            "currency": "EUR",
            "openingPrice": "1000",
            "minimumIncrement": "100",
            "opensAt": format_us(0),
            "endsAt": from_now(HOUR),
            "leaderMayRaise": true,
        });
        for (name, value) in terms.as_object().expect("an object") {
            input[name] = value.clone();
        }
        let query = "mutation($i: CreateAuctionInput!) { createAuction(input: $i) { id } }";
        let token = self.token("seller", &["seller"]);
        let response = self.graphql(Some(&token), query, json!({ "i": input })).await;
        let id = &response["data"]["createAuction"]["id"];
        id.as_str().unwrap_or_else(|| panic!("no auction: {response}")).to_owned()
    }

    /// An auction's fields.
    pub async fn look(&self, token: Option<&str>, id: &str, fields: &str) -> Value {
        let query = format!("query($id: ID!) {{ auction(id: $id) {{ {fields} }} }}");
        let response = self.graphql(token, &query, json!({ "id": id })).await;
        assert_eq!(response["errors"], Value::Null, "{response}");
        response["data"]["auction"].clone()
    }

    /// A user's bid: the result, or the error.
    pub async fn bid(&self, user: &str, id: &str, amount: u64) -> Value {
        self.bid_with(user, json!({ "auctionId": id, "amount": amount.to_string() })).await
    }

    /// The same with any input.
    pub async fn bid_with(&self, user: &str, input: Value) -> Value {
        let token = self.token(user, &["bidder"]);
        let query = "mutation($i: PlaceBidInput!) { placeBid(input: $i) { __typename \
                     ... on BidAccepted { repeated committedAt bid { id sequence amount bidderId \
                     endsAt reserveMet timing { sentAt receivedAt forwardedAt writtenAt source } } } \
                     ... on BidRejected { code message minimumBid auction { sequence } } } }";
        let response = self.graphql(Some(&token), query, json!({ "i": input })).await;
        match &response["errors"] {
            Value::Null => response["data"]["placeBid"].clone(),
            errors => errors[0].clone(),
        }
    }

    /// A seller's transition, for example `cancelAuction`: the whole response.
    pub async fn transition(&self, user: &str, role: &str, field: &str, id: &str) -> Value {
        let token = self.token(user, &[role]);
        let query = format!("mutation($id: ID!) {{ {field}(id: $id) {{ status version }} }}");
        self.graphql(Some(&token), &query, json!({ "id": id })).await
    }

    /// A socket that was admitted.
    pub async fn socket(&self, token: Option<&str>) -> Socket {
        let mut socket = Socket::open(&self.base).await;
        socket.init(token).await;
        socket
    }
}

/// A time from now, as the API writes it.
pub fn from_now(after: Duration) -> String {
    format_us(client_sim::clock::now_us() + i64::try_from(after.as_micros()).expect("short"))
}

/// The code of a GraphQL error.
pub fn code(error: &Value) -> &str {
    error["extensions"]["code"].as_str().unwrap_or_else(|| panic!("no code: {error}"))
}

/// Waits until something holds; panics at the deadline.
pub async fn soon<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}
