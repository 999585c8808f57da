//! The HTTP API of the service, as far as a simulated client needs it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::clock;
use crate::service::answer::{ApiError, BidAnswer, CallError, Standing, TableBid};
use crate::service::limits;
use crate::stamp::{Stamp, format_us};

/// How long an answer may take: longer than the service itself waits for its store.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(40);
/// How long a request without an answer is retried.
const ASK_MAX: Duration = Duration::from_secs(60);
/// How long a service may take to be ready.
const READY_MAX: Duration = Duration::from_secs(30);
/// How long to wait for that before saying so.
const READY_QUIET: Duration = Duration::from_secs(2);

/// A client of one service. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Api {
    http: reqwest::Client,
    url: String,
    in_flight: Arc<Semaphore>,
}

#[derive(Deserialize)]
struct Response {
    data: Option<Value>,
    #[serde(default)]
    errors: Vec<ResponseError>,
}

#[derive(Deserialize)]
struct ResponseError {
    message: String,
    #[serde(default)]
    extensions: Extensions,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Extensions {
    code: String,
    retryable: bool,
    retry_after_ms: Option<u64>,
    limit: Option<String>,
}

/// A bid to send.
#[derive(Debug, Clone, Copy)]
pub struct Bid<'a> {
    /// The auction.
    pub auction_id: &'a str,
    /// The amount in minor units.
    pub amount: u64,
    /// The idempotency key.
    pub key: Option<&'a str>,
    /// When the client sends it.
    pub sent_us: i64,
    /// The W3C trace context.
    pub traceparent: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServerTime {
    server_time: Stamp,
}

const PLACE_BID: &str = "mutation Bid($input: PlaceBidInput!) { placeBid(input: $input) { \
    __typename ... on BidAccepted { bid { id sequence timing { writtenAt } } repeated committedAt } \
    ... on BidRejected { code message minimumBid } } }";

impl Api {
    /// A client of the service at a base URL such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// When the TLS set-up of this machine cannot be used.
    pub fn new(base: &str) -> anyhow::Result<Self> {
        Self::with(base, limits::UNLIMITED)
    }

    /// The same with a limit on concurrent requests, each on a connection of its own.
    ///
    /// # Errors
    /// As [`Api::new`].
    pub fn with(base: &str, in_flight_max: usize) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .tcp_nodelay(true)
            .timeout(ANSWER_TIMEOUT)
            .connect_timeout(Duration::from_secs(5))
            .build()?;
        let url = format!("{}/graphql", base.trim_end_matches('/'));
        Ok(Self { http, url, in_flight: Arc::new(Semaphore::new(in_flight_max)) })
    }

    /// Waits for a permit for one more request, held until this is dropped. Requests that retry
    /// until they are answered acquire it themselves.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.in_flight.acquire().await.ok()
    }

    /// Sends a request.
    ///
    /// # Errors
    /// The service's first error, or that there was no answer.
    pub async fn call<T: DeserializeOwned>(
        &self,
        token: Option<&str>,
        query: &str,
        variables: Value,
        traceparent: Option<&str>,
    ) -> Result<T, CallError> {
        let body = json!({ "query": query, "variables": variables });
        let mut request = self.http.post(&self.url).json(&body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(traceparent) = traceparent {
            request = request.header("traceparent", traceparent);
        }
        let lost = |error: reqwest::Error| {
            let text = reason(&error);
            if error.is_connect() { CallError::Unsent(text) } else { CallError::Lost(text) }
        };
        let response = request.send().await.map_err(lost)?;
        let response: Response = response.json().await.map_err(lost)?;
        if let Some(error) = response.errors.into_iter().next() {
            let Extensions { code, retryable, retry_after_ms, limit } = error.extensions;
            let message = error.message;
            return Err(ApiError { code, message, retryable, retry_after_ms, limit }.into());
        }
        serde_json::from_value(response.data.unwrap_or_default())
            .map_err(|error| CallError::Lost(format!("unexpected answer: {error}")))
    }

    /// Sends a request that changes nothing, or may be repeated, until it is answered.
    async fn ask<T: DeserializeOwned>(
        &self,
        token: &str,
        query: &str,
        variables: Value,
    ) -> Result<T, CallError> {
        let give_up = Instant::now() + ASK_MAX;
        loop {
            let turn = self.turn().await;
            let answer = self.call(Some(token), query, variables.clone(), None).await;
            drop(turn);
            let again = match &answer {
                Ok(_) => false,
                Err(CallError::Refused(error)) => error.retryable,
                Err(CallError::Unsent(_) | CallError::Lost(_)) => true,
            };
            if !again || Instant::now() > give_up {
                return answer;
            }
            let pause = answer.err().and_then(|error| error.retry_after());
            tokio::time::sleep(pause.unwrap_or(Duration::from_millis(100))).await;
        }
    }

    /// Places a bid.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn place_bid(&self, token: &str, bid: Bid<'_>) -> Result<BidAnswer, CallError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            place_bid: BidAnswer,
        }
        let input = json!({
            "auctionId": bid.auction_id,
            "amount": bid.amount.to_string(),
            "idempotencyKey": bid.key,
            "sentAt": format_us(bid.sent_us),
        });
        let variables = json!({ "input": input });
        let data: Data =
            self.call(Some(token), PLACE_BID, variables, Some(bid.traceparent)).await?;
        Ok(data.place_bid)
    }

    /// Creates an open auction; returns its id. One whose answer was lost is left alone.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn create_auction(&self, token: &str, input: Value) -> Result<String, CallError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            create_auction: Created,
        }
        #[derive(Deserialize)]
        struct Created {
            id: String,
        }
        let query = "mutation Create($input: CreateAuctionInput!) { \
                     createAuction(input: $input) { id } }";
        let data: Data = self.ask(token, query, json!({ "input": input })).await?;
        Ok(data.create_auction.id)
    }

    /// Cancels an auction.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn cancel_auction(&self, token: &str, id: &str) -> Result<(), CallError> {
        let query = "mutation Cancel($id: ID!) { cancelAuction(id: $id) { id } }";
        self.ask::<Value>(token, query, json!({ "id": id })).await.map(|_| ())
    }

    /// The state of an auction.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn standing(&self, token: &str, id: &str) -> Result<Standing, CallError> {
        #[derive(Deserialize)]
        struct Data {
            auction: Standing,
        }
        let query = "query Standing($id: ID!) { auction(id: $id) { status sequence winnerId } }";
        let data: Data = self.ask(token, query, json!({ "id": id })).await?;
        Ok(data.auction)
    }

    /// Every bid of an auction, from the table.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn bids(&self, token: &str, id: &str) -> Result<Vec<TableBid>, CallError> {
        let query = "query Bids($id: ID!, $after: String) { auction(id: $id) { \
                     bids(first: 100, after: $after) { nodes { id sequence amount bidderId receivedAt endsAt traceparent } \
                     pageInfo { hasNextPage endCursor } } } }";
        let mut bids = Vec::new();
        let mut after = Value::Null;
        loop {
            let variables = json!({ "id": id, "after": after });
            let data: Value = self.ask(token, query, variables).await?;
            let page = &data["auction"]["bids"];
            let nodes: Vec<TableBid> = serde_json::from_value(page["nodes"].clone())
                .map_err(|error| CallError::Lost(error.to_string()))?;
            bids.extend(nodes);
            if page["pageInfo"]["hasNextPage"] != true {
                return Ok(bids);
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
    }

    /// The difference between the service's clock and ours.
    ///
    /// # Errors
    /// When the service does not answer.
    pub async fn clock_offset(&self, token: &str) -> anyhow::Result<ClockOffset> {
        let mut best: Option<ClockOffset> = None;
        for _ in 0..20 {
            let one = self.clock_once(token).await?;
            if best.is_none_or(|best| one.error_us < best.error_us) {
                best = Some(one);
            }
        }
        best.context("the service's clock could not be read")
    }

    /// One reading of the service's clock.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn clock_once(&self, token: &str) -> anyhow::Result<ClockOffset> {
        let before = clock::now_us();
        let query = "query Time { serverTime }";
        let data: ServerTime = self.ask(token, query, json!({})).await?;
        let after = clock::now_us();
        let error_us = (after - before + 1) / 2;
        let offset_us = data.server_time.0 - i64::midpoint(before, after);
        Ok(ClockOffset { offset_us, error_us })
    }

    /// Whether callers without a token may read.
    ///
    /// # Errors
    /// When the service does not answer.
    pub async fn admits_anonymous(&self) -> anyhow::Result<bool> {
        match self.call::<Value>(None, "query Time { serverTime }", json!({}), None).await {
            Ok(_) => Ok(true),
            Err(CallError::Refused(error)) if error.code == "UNAUTHENTICATED" => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until the service reports that it is ready; prints what it waits for if that takes
    /// long.
    ///
    /// # Errors
    /// When it is not within 30 s.
    pub async fn wait_ready(&self) -> anyhow::Result<()> {
        let url = format!("{}/readyz", self.url.trim_end_matches("/graphql"));
        let started = Instant::now();
        let mut is_silent = true;
        loop {
            let last = match self.http.get(&url).send().await {
                Ok(response) if response.status().is_success() => return Ok(()),
                // Health is on another address: the operator's business.
                Ok(response) if response.status() == reqwest::StatusCode::NOT_FOUND => {
                    return Ok(());
                }
                Ok(response) => {
                    let status = response.status();
                    format!("{status} {}", response.text().await.unwrap_or_default().trim())
                }
                Err(error) => reason(&error),
            };
            if started.elapsed() > READY_MAX {
                bail!("the service is not ready after {READY_MAX:?}: {url}: {last}");
            }
            if is_silent && started.elapsed() > READY_QUIET {
                is_silent = false;
                eprintln!("waiting up to {READY_MAX:?} until the service is ready: {url}: {last}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// How far the service's clock is ahead of ours, and the error of that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, Deserialize)]
pub struct ClockOffset {
    /// The difference in microseconds; positive: the service's clock is ahead.
    pub offset_us: i64,
    /// Half the shortest round trip.
    pub error_us: i64,
}

impl ClockOffset {
    /// The correction for timestamps of the service: none if the offset is within its error (above
    /// all on one machine, where there is only one clock).
    pub fn correction_us(self) -> i64 {
        if self.offset_us.abs() <= self.error_us { 0 } else { self.offset_us }
    }
}

fn reason(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
