//! The mutations of a run: an open loop, whose times do not depend on the answers.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::protocol::short;
use super::{Plan, Sent, SharedLog, template};

/// Mutations that are due and not sent yet.
const TICKS_MAX: usize = 1_024;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Sends all mutations of the plan, and waits for their answers.
pub(super) async fn send(plan: &Arc<Plan>, log: &SharedLog) -> anyhow::Result<()> {
    let client = Client::builder().timeout(ANSWER_TIMEOUT).build()?;
    let count = (plan.rate * plan.duration.as_secs_f64()).round().max(1.0) as usize;
    let begin = Instant::now() + Duration::from_millis(100);
    let rate = plan.rate;
    // The runtime's timer is late by up to a millisecond; a thread of its own is not.
    let (tick, mut ticks) = mpsc::channel(TICKS_MAX);
    let schedule = tokio::task::spawn_blocking(move || {
        for number in 1..=count {
            let planned = begin + Duration::from_secs_f64((number - 1) as f64 / rate);
            std::thread::sleep(planned.saturating_duration_since(Instant::now()));
            if tick.blocking_send((number, planned)).is_err() {
                return;
            }
        }
    });
    let mut sending = JoinSet::new();
    while let Some((number, planned)) = ticks.recv().await {
        let marker = format!("{}-{number}", plan.run);
        let sent = Sent { planned, began: Instant::now(), answer: None };
        log.lock().sent.push(sent);
        let (plan, client, log) = (Arc::clone(plan), client.clone(), Arc::clone(log));
        sending.spawn(async move {
            let answer = place(&plan, &client, &marker, number).await;
            let answered = Instant::now();
            let answer = answer.map_err(|error| short(&format!("{error:#}")));
            log.lock().sent[number - 1].answer = Some((answered, answer));
        });
        while sending.try_join_next().is_some() {}
    }
    timeout(ANSWER_TIMEOUT, sending.join_all()).await.ok();
    schedule.await.context("the schedule failed")
}

/// Sends one; returns the key of its event.
async fn place(
    plan: &Plan,
    client: &Client,
    marker: &str,
    number: usize,
) -> anyhow::Result<String> {
    let variables = template::fill(&plan.mutation.variables, marker, number);
    let body = json!({ "query": plan.mutation.query, "variables": variables }).to_string();
    let mut request = client.post(&plan.url).header(CONTENT_TYPE, "application/json").body(body);
    if let Some(token) = &plan.identity.token {
        request = request.header("authorization", plan.protocol.bearer(token));
    }
    if let Some(key) = &plan.identity.api_key {
        request = request.header("x-api-key", key);
    }
    let response = request.send().await.context("no answer")?;
    let status = response.status();
    let text = response.text().await.context("no answer")?;
    let answer: Value = serde_json::from_str(&text)
        .with_context(|| format!("status {status}, and no JSON: {}", short(&text)))?;
    if let Some(error) = answer["errors"].as_array().and_then(|errors| errors.first()) {
        anyhow::bail!("{}", error["message"].as_str().unwrap_or("an error without a message"));
    }
    match &plan.answer_key {
        None => Ok(marker.to_owned()),
        Some(path) => template::text_at(&answer["data"], path)
            .with_context(|| format!("no {path} in the answer: {}", short(&answer.to_string()))),
    }
}
