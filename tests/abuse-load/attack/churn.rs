//! Operations that begin and end in a loop.

use std::sync::Arc;

use rand::Rng as _;
use serde_json::json;

use super::attacker::Attacker;
use super::socket::{self, Style, complete, subscribe};

const WATCH: &str = "subscription($id: ID!) { bidCreated(auctionId: $id) { sequence } }";

/// On auctions that do not exist: each needs a read, and a topic for that time.
pub(super) fn made_up(attacker: &Arc<Attacker>) {
    socket::flood(attacker, Style::FLOOD, |attacker, worker, number| {
        // Of the form of a good one.
        let sample = attacker.plan.long.as_bytes();
        let mut rng = attacker.rng(worker * 1_000_003 + number as usize);
        let mut any = |at: usize| if at == 0 { 0 } else { rng.random_range(1..sample.len()) };
        let id: String = (0..sample.len()).map(|at| char::from(sample[any(at)])).collect();
        let name = number.to_string();
        vec![subscribe(&name, WATCH, &json!({ "id": id })), complete(&name)]
    });
}

/// On the auctions that honest clients use.
pub(super) fn existing(attacker: &Arc<Attacker>) {
    socket::flood(attacker, Style::FLOOD, |attacker, worker, number| {
        let id = &attacker.plan.honest[worker % attacker.plan.honest.len()];
        let name = number.to_string();
        vec![subscribe(&name, WATCH, &json!({ "id": id })), complete(&name)]
    });
}

/// With documents that differ: each has a group of its own.
pub(super) fn distinct(attacker: &Arc<Attacker>) {
    socket::flood(attacker, Style::FLOOD, |attacker, worker, number| {
        let id = &attacker.plan.honest[worker % attacker.plan.honest.len()];
        let name = number.to_string();
        let query = format!(
            "subscription {{ bidCreated(auctionId: \"{id}\") {{ a{worker}x{number}: sequence }} }}"
        );
        let mut messages = vec![subscribe(&name, &query, &json!({}))];
        // A hundred stay.
        if number >= 100 {
            messages.push(complete(&(number - 100).to_string()));
        }
        messages
    });
}

/// Queries that cost little, and are many.
pub(super) fn queries(attacker: &Arc<Attacker>) {
    socket::flood(attacker, Style::ASK, |_, _, number| {
        vec![subscribe(&number.to_string(), "{ serverTime }", &json!({}))]
    });
}
