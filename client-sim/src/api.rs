//! The service's HTTP API, as far as a simulated client needs it.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::clock;
use crate::stamp::{Stamp, format_us};

/// How long an answer may take: longer than the service itself waits for its store.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(40);

/// A client of one service. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Api {
    http: reqwest::Client,
    url: String,
}

/// An error of the API's own, with its code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// `extensions.code`.
    pub code: String,
    /// The sentence.
    pub message: String,
    /// `extensions.retryable`.
    pub retryable: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The service said so.
    #[error(transparent)]
    Refused(#[from] ApiError),
    /// Nobody knows what became of the request.
    #[error("no answer: {0}")]
    Lost(String),
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
#[serde(default)]
struct Extensions {
    code: String,
    retryable: bool,
}

/// The answer to a bid.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "__typename")]
pub enum BidAnswer {
    /// It is in the table.
    #[serde(rename_all = "camelCase")]
    BidAccepted {
        /// The bid.
        bid: AcceptedBid,
        /// Whether an earlier request with the same key wrote it.
        repeated: bool,
        /// When the store's acknowledgement arrived at the service.
        committed_at: Stamp,
    },
    /// It is not.
    #[serde(rename_all = "camelCase")]
    BidRejected {
        /// Why.
        code: String,
        /// In a sentence.
        message: String,
        /// What would be enough.
        minimum_bid: String,
    },
}

/// What the answer says of an accepted bid.
#[derive(Debug, Clone, Deserialize)]
pub struct AcceptedBid {
    /// Its id.
    pub id: String,
    /// Its number.
    pub sequence: u64,
    /// Its stamps.
    pub timing: AnswerTiming,
}

/// The stamps of an answer.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerTiming {
    /// When its transaction was sealed.
    pub written_at: Stamp,
}

/// A bid as the table has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TableBid {
    /// Its id.
    pub id: String,
    /// Its number.
    pub sequence: u64,
    /// How much, in minor units.
    pub amount: String,
    /// The trace context it was sent with: says which offer it is.
    pub traceparent: Option<String>,
}

/// A bid that is sent.
#[derive(Debug, Clone, Copy)]
pub struct Bid<'a> {
    /// The auction.
    pub auction_id: &'a str,
    /// Minor units.
    pub amount: u64,
    /// The idempotency key.
    pub key: &'a str,
    /// The client's stamp.
    pub sent_us: i64,
    /// The W3C trace context.
    pub traceparent: &'a str,
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
        let http = reqwest::Client::builder()
            .tcp_nodelay(true)
            .timeout(ANSWER_TIMEOUT)
            .connect_timeout(Duration::from_secs(5))
            .build()?;
        Ok(Self { http, url: format!("{}/graphql", base.trim_end_matches('/')) })
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
        let lost = |error: reqwest::Error| CallError::Lost(reason(&error));
        let response = request.send().await.map_err(lost)?;
        let response: Response = response.json().await.map_err(lost)?;
        if let Some(error) = response.errors.into_iter().next() {
            let Extensions { code, retryable } = error.extensions;
            return Err(ApiError { code, message: error.message, retryable }.into());
        }
        serde_json::from_value(response.data.unwrap_or_default())
            .map_err(|error| CallError::Lost(format!("not the answer of the contract: {error}")))
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

    /// Makes an open auction; returns its id.
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
        let data: Data = self.call(Some(token), query, json!({ "input": input }), None).await?;
        Ok(data.create_auction.id)
    }

    /// Calls an auction off.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn cancel_auction(&self, token: &str, id: &str) -> Result<(), CallError> {
        let query = "mutation Cancel($id: ID!) { cancelAuction(id: $id) { id } }";
        self.call::<Value>(Some(token), query, json!({ "id": id }), None).await.map(|_| ())
    }

    /// The number of accepted bids of an auction.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn sequence(&self, token: &str, id: &str) -> Result<u64, CallError> {
        #[derive(Deserialize)]
        struct Data {
            auction: Found,
        }
        #[derive(Deserialize)]
        struct Found {
            sequence: u64,
        }
        let query = "query Sequence($id: ID!) { auction(id: $id) { sequence } }";
        let data: Data = self.call(Some(token), query, json!({ "id": id }), None).await?;
        Ok(data.auction.sequence)
    }

    /// Every bid of an auction, as the table has them.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn bids(&self, token: &str, id: &str) -> Result<Vec<TableBid>, CallError> {
        let query = "query Bids($id: ID!, $after: String) { auction(id: $id) { \
                     bids(first: 100, after: $after) { nodes { id sequence amount traceparent } \
                     pageInfo { hasNextPage endCursor } } } }";
        let mut bids = Vec::new();
        let mut after = Value::Null;
        loop {
            let variables = json!({ "id": id, "after": after });
            let data: Value = self.call(Some(token), query, variables, None).await?;
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

    /// The service's clock against ours.
    ///
    /// # Errors
    /// When the service does not answer.
    pub async fn clock_offset(&self, token: &str) -> anyhow::Result<ClockOffset> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            server_time: Stamp,
        }
        let mut best: Option<ClockOffset> = None;
        for _ in 0..20 {
            let before = clock::now_us();
            let query = "query Time { serverTime }";
            let data: Data = self.call(Some(token), query, json!({}), None).await?;
            let after = clock::now_us();
            let error_us = (after - before + 1) / 2;
            let offset_us = data.server_time.0 - i64::midpoint(before, after);
            if best.is_none_or(|best| error_us < best.error_us) {
                best = Some(ClockOffset { offset_us, error_us });
            }
        }
        best.context("the service's clock could not be read")
    }

    /// Waits until the service says that it is ready.
    ///
    /// # Errors
    /// When it is not within 30 s.
    pub async fn wait_ready(&self) -> anyhow::Result<()> {
        let url = self.url.replace("/graphql", "/readyz");
        let mut last = String::new();
        for _ in 0..300 {
            match self.http.get(&url).send().await {
                Ok(response) if response.status().is_success() => return Ok(()),
                // Health on an address of its own: the operator's business.
                Ok(response) if response.status() == reqwest::StatusCode::NOT_FOUND => {
                    return Ok(());
                }
                Ok(response) => last = response.text().await.unwrap_or_default(),
                Err(error) => last = reason(&error),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("the service at {url} is not ready: {last}")
    }
}

/// How far the service's clock is ahead of ours, and how sure that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct ClockOffset {
    /// Microseconds; positive: the service's clock is ahead.
    pub offset_us: i64,
    /// Half the shortest round trip.
    pub error_us: i64,
}

impl ClockOffset {
    /// What stamps of the service are corrected by: nothing, where the offset cannot be told from
    /// its error (most of all on one machine, where there is one clock).
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
