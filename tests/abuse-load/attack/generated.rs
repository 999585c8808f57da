//! Requests that are made up, and ordinary ones to compare them with. A seed repeats them.

use std::sync::Arc;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use serde_json::{Value, json};

use super::attacker::Attacker;
use super::documents::{message, put};
use super::http::{self, Request};
use super::socket::{self, Style};

/// What clients ask all day.
const ORDINARY: [&str; 4] = [
    "query($id: ID!) { auction(id: $id) { id title status currentPrice minimumBid endsAt sequence } }",
    "{ auctions(status: OPEN, first: 20) { nodes { id title currentPrice endsAt } pageInfo { endCursor } } }",
    "query($id: ID!) { auction(id: $id) { bids(first: 20, newestFirst: true) { nodes { sequence amount } } } }",
    "{ me { id roles } serverTime }",
];

/// Ordinary queries on two connections, one after another.
pub(super) fn reference(attacker: &Arc<Attacker>) {
    http::flood(attacker, 2, |attacker, worker, number| {
        let id = &attacker.plan.honest[worker % attacker.plan.honest.len()];
        Request::query(ORDINARY[number as usize % ORDINARY.len()], &json!({ "id": id }))
    });
}

/// Random documents over HTTP and on sockets.
pub(super) fn random(attacker: &Arc<Attacker>) {
    let make = |attacker: &Attacker, worker: usize, number: u64| {
        // A turn depends on nothing but the seed and its numbers.
        let mut rng = attacker.rng(worker.wrapping_mul(1_000_003).wrapping_add(number as usize));
        operation(&mut rng, attacker)
    };
    http::flood(attacker, 32, move |attacker, worker, number| {
        let (query, variables) = make(attacker, worker, number);
        Request::query(&query, &variables)
    });
    let style = Style { each: 8, ..Style::ASK };
    socket::flood(attacker, style, move |attacker, worker, number| {
        let (query, variables) = make(attacker, worker + 500, number);
        let mut messages = vec![message(number, &query, &variables)];
        if number.is_multiple_of(3) {
            messages.push(socket::complete(&number.to_string()));
        }
        messages
    });
}

const TYPES: [(&str, &[&str]); 9] = [
    ("Query", &["auction", "auctions", "me", "serverTime", "__schema", "__type"]),
    ("Subscription", &["bidCreated", "auctionUpdated"]),
    ("Mutation", &["placeBid", "createAuction", "openAuction", "cancelAuction", "renewToken"]),
    (
        "Auction",
        &["id", "title", "description", "status", "endsAt", "minimumBid", "bids", "sequence"],
    ),
    ("Bid", &["id", "auctionId", "sequence", "amount", "bidderId", "timing", "traceparent"]),
    ("BidTiming", &["sentAt", "receivedAt", "writtenAt", "readAt", "source"]),
    ("Connection", &["nodes", "edges", "pageInfo"]),
    ("Me", &["id", "roles", "expiresAt"]),
    ("__Schema", &["types", "queryType", "directives"]),
];

fn operation(rng: &mut StdRng, attacker: &Attacker) -> (String, Value) {
    let mut maker = Maker { rng, attacker, left: 0 };
    maker.left = [5, 40, 400, 3_000][maker.rng.random_range(0..4)];
    let mut text = String::new();
    for number in 0..*[1, 1, 1, 2, 20].choose(maker.rng).expect("some") {
        let (kind, root) =
            *[("query", 0), ("subscription", 1), ("mutation", 2)].choose(maker.rng).expect("some");
        let name = if number == 0 { String::new() } else { format!(" o{number}") };
        put(&mut text, format_args!("{kind}{name}{}", maker.declarations()));
        maker.selections(root, 0, &mut text);
    }
    if maker.rng.random_bool(0.2) {
        text.push_str("fragment f on Auction");
        maker.selections(3, 0, &mut text);
    }
    if maker.rng.random_bool(0.1) {
        maker.damage(&mut text);
    }
    let variables = maker.variables();
    (text, variables)
}

struct Maker<'a> {
    rng: &'a mut StdRng,
    attacker: &'a Attacker,
    /// Selections that may still be made.
    left: usize,
}

impl Maker<'_> {
    fn selections(&mut self, of: usize, depth: usize, text: &mut String) {
        text.push('{');
        let most = *[2, 4, 8, 200].choose(self.rng).expect("some");
        let count = self.rng.random_range(1..=most);
        for _ in 0..count {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            match self.rng.random_range(0..20) {
                0 => text.push_str("__typename "),
                1 => text.push_str("...f "),
                2 => {
                    text.push_str("... on Auction");
                    if depth < 30 {
                        self.selections(3, depth + 1, text);
                    }
                }
                3 => put(text, format_args!("x{} ", self.rng.random_range(0..9_999))),
                _ => self.field(of, depth, text),
            }
        }
        text.push_str("__typename}");
    }

    fn field(&mut self, of: usize, depth: usize, text: &mut String) {
        let name = *TYPES[of].1.choose(self.rng).expect("fields");
        if self.rng.random_bool(0.1) {
            put(text, format_args!("a{}:", self.rng.random_range(0..99)));
        }
        text.push_str(name);
        if self.rng.random_bool(0.9) {
            self.arguments(name, text);
        }
        if self.rng.random_bool(0.05) {
            text.push_str(
                ["@skip(if:false)", "@include(if:$b)", "@x"].choose(self.rng).expect("some"),
            );
        }
        let inner = match name {
            "auction" | "createAuction" | "openAuction" | "cancelAuction" | "auctionUpdated" => 3,
            "bidCreated" => 4,
            "auctions" | "bids" => 6,
            "nodes" | "edges" => {
                if depth > 3 {
                    4
                } else {
                    3
                }
            }
            "timing" => 5,
            "me" => 7,
            "__schema" => 8,
            _ => return text.push(' '),
        };
        if depth < 30 {
            self.selections(inner, depth + 1, text);
        }
    }

    fn arguments(&mut self, name: &str, text: &mut String) {
        let plan = &self.attacker.plan;
        let id = if self.rng.random_bool(0.8) {
            plan.honest.choose(self.rng).expect("some")
        } else {
            &plan.long
        };
        let first = *["1", "20", "100", "101", "-1", "2147483647", "null", "$n"]
            .choose(self.rng)
            .expect("some");
        match name {
            "auction" | "openAuction" | "cancelAuction" => put(text, format_args!("(id:\"{id}\")")),
            "auctions" | "bids" => put(text, format_args!("(first:{first})")),
            "bidCreated" if self.rng.random_bool(0.5) => {
                put(text, format_args!("(auctionId:\"{id}\",after:0)"));
            }
            "bidCreated" | "auctionUpdated" => put(text, format_args!("(auctionId:\"{id}\")")),
            "placeBid" => {
                put(
                    text,
                    format_args!("(input:{{auctionId:\"{id}\",amount:\"1\"}}){{__typename}}"),
                );
            }
            "renewToken" => text.push_str("(token:\"x\"){userId}"),
            "__type" => text.push_str("(name:\"Auction\"){name fields{name}}"),
            _ => {}
        }
    }

    fn declarations(&mut self) -> String {
        let count = *[0, 0, 1, 3, 300].choose(self.rng).expect("some");
        let types = ["Int", "Boolean!", "[ID!]", "Nothing", "PlaceBidInput"];
        let one = |n| format!("$v{n}:{} ", types.choose(self.rng).expect("some"));
        let all: String = (0..count).map(one).collect();
        if all.is_empty() { String::new() } else { format!("({all})") }
    }

    fn variables(&mut self) -> Value {
        let count = *[0, 1, 5, 500].choose(self.rng).expect("some");
        let entries = (0..count).map(|n| (format!("v{n}"), self.value(0)));
        Value::Object(entries.collect())
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.rng.random_range(0..if depth < 20 { 7 } else { 4 }) {
            0 => Value::Null,
            1 => json!(self.rng.random::<i32>()),
            2 => json!("x".repeat(self.rng.random_range(0..200))),
            3 => json!(true),
            4 => json!(vec![0; self.rng.random_range(0..2_000)]),
            5 => Value::Array((0..2).map(|_| self.value(depth + 1)).collect()),
            _ => json!({ "a": self.value(depth + 1) }),
        }
    }

    /// A few characters go missing, or others come in their place.
    fn damage(&mut self, text: &mut String) {
        for _ in 0..3 {
            let at = self.rng.random_range(0..text.len());
            let with = ["{", "}", "(", "\"", "$", "...", "\u{feff}", "é", ""].choose(self.rng);
            if text.is_char_boundary(at) && text.is_char_boundary(at + 1) {
                text.replace_range(at..=at, with.expect("some"));
            }
        }
    }
}
