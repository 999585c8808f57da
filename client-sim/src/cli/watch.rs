//! `watch`: follows an auction in the terminal; the counterpart of `bid`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::service::socket::{Said, Socket};
use crate::stamp::parse_us;
use crate::units::time;

const WATCH: &str = "subscription Watch($id: ID!, $after: Int) { \
    bidCreated(auctionId: $id, after: $after) { sequence amount bidderId \
    timing { sentAt receivedAt forwardedAt writtenAt readAt publishedAt source } } }";

/// Close codes after which the protocol lets a client reconnect.
const COME_BACK: [u16; 3] = [1006, 1012, 1013];

/// Prints each bid of an auction as it arrives, until the auction ends.
///
/// # Errors
/// When the service rejects the subscription, or stays unreachable.
pub async fn watch(
    base: &str,
    token: Option<&str>,
    auction_id: &str,
    after: Option<u64>,
) -> anyhow::Result<()> {
    let mut after = after;
    let mut failures = 0_u32;
    loop {
        match follow(base, token, auction_id, &mut after, &mut failures).await? {
            None => return Ok(()),
            Some(why) if failures < 20 => {
                failures += 1;
                eprintln!("{why}; reconnecting");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Some(why) => anyhow::bail!("{why}"),
        }
    }
}

/// Follows the auction on one socket. `Some`: why to reconnect.
async fn follow(
    base: &str,
    token: Option<&str>,
    auction_id: &str,
    after: &mut Option<u64>,
    failures: &mut u32,
) -> anyhow::Result<Option<String>> {
    let mut socket = match Socket::connect(base, token).await {
        Ok(socket) => socket,
        Err(error) if *failures > 0 => return Ok(Some(format!("{error:#}"))),
        Err(error) => return Err(error),
    };
    socket.subscribe(WATCH, json!({ "id": auction_id, "after": after })).await?;
    loop {
        match socket.next().await {
            Ok(Said::Next { payload, received_us }) => {
                *failures = 0;
                let payload: Value = serde_json::from_str(payload.get())?;
                *after = payload["data"]["bidCreated"]["sequence"].as_u64().or(*after);
                println!("{}", line(&payload, received_us));
            }
            Ok(Said::Complete) => {
                println!("the auction has ended");
                return Ok(None);
            }
            Ok(Said::Error(errors)) if errors[0]["extensions"]["retryable"] == true => {
                return Ok(Some(errors[0]["message"].to_string()));
            }
            Ok(Said::Error(errors)) => {
                anyhow::bail!("{}: {}", errors[0]["extensions"]["code"], errors[0]["message"]);
            }
            Ok(Said::Closed(Some((code, reason)))) if !COME_BACK.contains(&code) => {
                anyhow::bail!("the service closed the socket: {code} {reason}");
            }
            Ok(Said::Closed(_)) => return Ok(Some("the socket was closed".to_owned())),
            Err(error) => return Ok(Some(format!("the socket failed: {error:#}"))),
        }
    }
}

fn line(payload: &Value, received_us: i64) -> String {
    let bid = &payload["data"]["bidCreated"];
    let stamp = |name: &str| bid["timing"][name].as_str().and_then(parse_us);
    let since = |name: &str| {
        let us = u64::try_from(received_us - stamp(name)?).ok()?;
        Some(time(us))
    };
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let when = if payload["extensions"]["replay"] == true {
        "replayed".to_owned()
    } else {
        let told = |name: &str| since(name).unwrap_or_else(|| "?".to_owned());
        let from = if stamp("sentAt").is_some() { "sentAt" } else { "receivedAt" };
        format!("{} after {from}, {} after publishedAt", told(from), told("publishedAt"))
    };
    format!("#{} {} by {} ({when})", bid["sequence"], text(&bid["amount"]), text(&bid["bidderId"]))
}
