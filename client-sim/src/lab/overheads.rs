//! The cost of GraphQL and a token: the same requests with and without them, alternating, one at a
//! time, to the same kind of HTTP server in a separate process.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock;
use crate::measure::latency::{Latency, Summary};
use crate::service::answer::BidAnswer;
use crate::service::api::{Api, Bid};
use crate::service::server::{Plain, Server};
use crate::service::token::Mint;
use crate::stamp::format_us;

const WARM_UP: usize = 100;
/// An amount that is below the minimum of every auction here.
const TOO_LOW: u64 = 1;

/// Round trips of single requests, in microseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Overheads {
    /// A POST of the same JSON to a server that reads it and answers with the same JSON, without
    /// GraphQL and without a token.
    pub plain: Summary,
    /// A query of one field, anonymously.
    pub query: Summary,
    /// The same query with a token.
    pub query_with_token: Summary,
    /// `placeBid` with a token, rejected at once: everything but the store.
    pub refused_bid: Summary,
}

impl Overheads {
    /// What a token adds to the median of a request, in microseconds.
    pub fn token_us(&self) -> Option<i64> {
        difference(&self.query_with_token, &self.query)
    }

    /// What GraphQL, the rules and the token add to the median of a bid, in microseconds.
    pub fn bid_us(&self) -> Option<i64> {
        difference(&self.refused_bid, &self.plain)
    }
}

fn difference(of: &Summary, to: &Summary) -> Option<i64> {
    Some(of.p50? as i64 - to.p50? as i64)
}

/// A bid as the server without GraphQL receives it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlainBid {
    auction_id: String,
    amount: String,
    idempotency_key: String,
    sent_at: String,
}

/// The answer of the plain server: the same as that of GraphQL to a rejected bid.
fn plain_answer(bid: &PlainBid) -> Value {
    json!({ "data": { "placeBid": {
        "__typename": "BidRejected", "code": "TOO_LOW", "minimumBid": "1000",
        "message": format!("the bid of {} is below the minimum", bid.amount),
    } } })
}

/// The routes of the plain server.
pub fn plain_routes() -> Router {
    Router::new()
        .route("/plain", post(|Json(bid): Json<PlainBid>| async move { Json(plain_answer(&bid)) }))
}

/// Measures them, `rounds` times each.
///
/// # Errors
/// When a server does not start, or gives an unexpected answer.
pub async fn measure(rounds: usize) -> anyhow::Result<Overheads> {
    let server = Server::start(&[], false).await?;
    let plain = Plain::start().await?;
    let measured = in_turns(&server, plain.url(), rounds).await;
    server.stop().await?;
    plain.stop().await?;
    measured
}

async fn in_turns(server: &Server, plain_url: &str, rounds: usize) -> anyhow::Result<Overheads> {
    let api = Api::new(server.url())?;
    api.wait_ready().await?;
    let mint = Mint::new(&server.secret);
    let hour = std::time::Duration::from_secs(3600);
    let seller = mint.token("sim-seller", &["seller"], hour)?;
    let bidder = mint.token("sim-bidder", &["bidder"], hour)?;
    let auction_id = make_auction(&api, &seller).await?;
    let http = reqwest::Client::builder().tcp_nodelay(true).build()?;
    let mut latencies: [Latency; 4] = std::array::from_fn(|_| Latency::default());
    for round in 0..WARM_UP + rounds {
        let mut took = [0_i64; 4];
        let started = Instant::now();
        plain_bid(&http, plain_url, &auction_id).await?;
        took[0] = micros(started);
        let started = Instant::now();
        query(&http, server.url(), None).await?;
        took[1] = micros(started);
        let started = Instant::now();
        query(&http, server.url(), Some(&bidder)).await?;
        took[2] = micros(started);
        let started = Instant::now();
        refused_bid(&api, &bidder, &auction_id).await?;
        took[3] = micros(started);
        if round >= WARM_UP {
            latencies.iter_mut().zip(took).for_each(|(latency, us)| latency.add(us));
        }
    }
    let [plain, query, query_with_token, refused_bid] = latencies.map(|l| l.summary());
    Ok(Overheads { plain, query, query_with_token, refused_bid })
}

fn micros(started: Instant) -> i64 {
    i64::try_from(started.elapsed().as_micros()).unwrap_or(i64::MAX)
}

async fn make_auction(api: &Api, seller: &str) -> anyhow::Result<String> {
    let now_us = clock::now_us();
    let input = json!({
        "title": "Overheads", "currency": "EUR", "openingPrice": "1000", "minimumIncrement": "100",
        "opensAt": format_us(now_us - 60_000_000), "endsAt": format_us(now_us + 3_600_000_000),
    });
    api.create_auction(seller, input).await.context("cannot create an auction")
}

async fn plain_bid(http: &reqwest::Client, url: &str, auction_id: &str) -> anyhow::Result<()> {
    let bid = PlainBid {
        auction_id: auction_id.to_owned(),
        amount: TOO_LOW.to_string(),
        idempotency_key: "k".to_owned(),
        sent_at: format_us(clock::now_us()),
    };
    let answer: Value = http.post(format!("{url}/plain")).json(&bid).send().await?.json().await?;
    ensure!(answer["data"]["placeBid"]["code"] == "TOO_LOW", "the plain server: {answer}");
    Ok(())
}

async fn query(http: &reqwest::Client, url: &str, token: Option<&str>) -> anyhow::Result<()> {
    let body = json!({ "query": "query Time { serverTime }" });
    let mut request = http.post(format!("{url}/graphql")).json(&body);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer: Value = request.send().await?.json().await?;
    ensure!(answer["data"]["serverTime"].is_string(), "serverTime: {answer}");
    Ok(())
}

async fn refused_bid(api: &Api, token: &str, auction_id: &str) -> anyhow::Result<()> {
    let bid = Bid {
        auction_id,
        amount: TOO_LOW,
        // With a key, the table would be queried whether the bid is a repeat.
        key: None,
        sent_us: clock::now_us(),
        traceparent: "00-00000000000000000000000000000001-0000000000000001-00",
    };
    match api.place_bid(token, bid).await {
        Ok(BidAnswer::BidRejected { .. }) => Ok(()),
        other => anyhow::bail!("a bid that is too low: {other:?}"),
    }
}
