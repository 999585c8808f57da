//! Clients that ask and do not read.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};

use super::attacker::{Attacker, CONNECTION_BYTES};
use super::documents::message;
use super::http::operation;
use super::reading::{REPLAY, large_query};
use super::socket::{self, Style};

/// What the kernel holds for them, about.
const RECEIVE_BYTES: u32 = 4096;
/// How long such a client waits for the server to lose its patience.
const STALL: Duration = Duration::from_secs(12);

fn post(body: &str) -> String {
    let length = body.len();
    format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
}

/// Two hundred connections of an address, each with an answer of megabytes that waits for it.
pub(super) fn http(attacker: &Arc<Attacker>) {
    attacker.workers(200, |attacker, worker| {
        let request = post(&operation(large_query(worker), &json!({})));
        async move {
            loop {
                attacker.pace(CONNECTION_BYTES + request.len()).await;
                let Some(mut stream) = attacker.connect(worker, Some(RECEIVE_BYTES)).await else {
                    sleep(Duration::from_millis(50)).await;
                    continue;
                };
                if stream.write_all(request.as_bytes()).await.is_err() {
                    continue;
                }
                sleep(STALL).await;
                // What is still there, and whether the connection is.
                let mut rest = Vec::new();
                let reading = timeout(Duration::from_millis(500), stream.read_to_end(&mut rest));
                match reading.await {
                    Ok(_) => attacker.tally("ended by the server", rest.len()),
                    Err(_) => {
                        attacker.tally("still held", rest.len());
                        // Held to the end, and beyond.
                        std::future::pending::<()>().await;
                    }
                }
            }
        }
    });
}

/// Sockets with answers of megabytes.
pub(super) fn sockets(attacker: &Arc<Attacker>) {
    let style = Style { each: 20, messages_max: 100, reads: false, window: None };
    socket::flood(attacker, style, |_, worker, number| {
        vec![message(number, large_query(worker), &json!({}))]
    });
}

/// Sockets with a hundred replays each.
pub(super) fn replays(attacker: &Arc<Attacker>) {
    let style = Style { each: 20, messages_max: 100, reads: false, window: None };
    socket::flood(attacker, style, |attacker, _, number| {
        vec![message(number, REPLAY, &json!({ "id": attacker.plan.long }))]
    });
}

/// A byte now and then: never quite silent.
pub(super) fn slow(attacker: &Arc<Attacker>) {
    attacker.workers(200, |attacker, worker| {
        let request = post(&operation(large_query(worker), &json!({})));
        async move {
            loop {
                attacker.pace(CONNECTION_BYTES + request.len()).await;
                let Some(mut stream) = attacker.connect(worker, Some(RECEIVE_BYTES)).await else {
                    sleep(Duration::from_millis(50)).await;
                    continue;
                };
                if stream.write_all(request.as_bytes()).await.is_err() {
                    continue;
                }
                let mut byte = [0];
                loop {
                    match stream.read(&mut byte).await {
                        Ok(1) => attacker.tally("", 1),
                        _ => break attacker.tally("ended by the server", 0),
                    }
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    });
}
