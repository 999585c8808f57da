//! Tokens, good and bad: each costs the server a signature.

use std::sync::Arc;

use serde_json::json;

use super::attacker::Attacker;
use super::documents::message;
use super::http::{self, Request};
use super::socket::{self, Style, subscribe};

const RENEW: &str = "mutation($t: String!) { renewToken(token: $t) { userId } }";

/// On sockets of a user: its own token again, another user's, and a broken one.
pub(super) fn renew(attacker: &Arc<Attacker>) {
    let good: Vec<String> =
        (0..64).map(|n| attacker.token(&format!("mallory-{n}"), &["bidder"])).collect();
    let sent = good.clone();
    let style = Style { each: 4, ..Style::ASK };
    socket::flood_as(
        attacker,
        style,
        move |_, worker| Some(good[worker % good.len()].clone()),
        move |_, worker, number| {
            let own = &sent[worker % sent.len()];
            let token = match number % 3 {
                0 => own.clone(),
                1 => sent[(worker + 1) % sent.len()].clone(),
                _ => format!("{own}x"),
            };
            vec![subscribe(&number.to_string(), RENEW, &json!({ "t": token }))]
        },
    );
}

/// Signatures that are wrong, on tokens as large as may be, in headers and in `connection_init`.
pub(super) fn bad(attacker: &Arc<Attacker>) {
    let token = attacker.token(&"m".repeat(100), &["bidder"]);
    let (rest, _) = token.rsplit_once('.').expect("a signature");
    let forged = format!("{rest}.{}", "A".repeat(43));
    let long = format!("{rest}.{}", "A".repeat(4_000 - rest.len()));
    let in_init = forged.clone();
    http::flood(attacker, 32, move |_, _, number| {
        let request = Request::query("{ me { id } }", &json!({}));
        request.by(if number.is_multiple_of(2) { &forged } else { &long })
    });
    let style = Style { each: 8, ..Style::FLOOD };
    socket::flood_as(
        attacker,
        style,
        move |_, _| Some(in_init.clone()),
        |_, _, number| vec![message(number, "{ serverTime }", &json!({}))],
    );
}
