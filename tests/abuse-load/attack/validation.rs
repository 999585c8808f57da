//! Documents that are wrong in tens of thousands of places.

use std::sync::Arc;

use super::attacker::Attacker;
use super::documents::{parts, send_sizes};

/// Unknown arguments of one field.
pub(super) fn arguments(attacker: &Arc<Attacker>) {
    send_sizes(attacker, |bytes| {
        let all = parts(bytes, |n| format!("a{n}:1 "));
        let short = "a:1 ".repeat(bytes / 4);
        vec![
            (format!("{{auction({all}){{id}}}}"), None),
            (format!("{{auction({short}){{id}}}}"), None),
            (format!("subscription{{bidCreated({all}){{id}}}}"), None),
        ]
    });
}

/// Unknown fields of a fragment that nothing spreads.
pub(super) fn unspread(attacker: &Arc<Attacker>) {
    send_sizes(attacker, |bytes| {
        let all = parts(bytes, |n| format!("a{n} "));
        vec![(format!("{{serverTime}} fragment F on Query{{{all}}}"), None)]
    });
}

/// Spreads of what does not exist.
pub(super) fn spreads(attacker: &Arc<Attacker>) {
    send_sizes(attacker, |bytes| {
        let all = parts(bytes, |n| format!("...a{n} "));
        let some = parts(bytes.min(10_000), |n| format!("...a{n} "));
        vec![(format!("{{{all}}}"), None), (format!("{{{some}}}"), None)]
    });
}

/// Directives that do not exist, each with arguments.
pub(super) fn directives(attacker: &Arc<Attacker>) {
    send_sizes(attacker, |bytes| {
        let one = parts(bytes, |n| format!("@a{n} "));
        let arguments = parts(bytes, |n| format!("a{n}:1 "));
        let on_operation = format!("query {one}{{serverTime}}");
        let on_field = format!("{{serverTime @skip({arguments})}}");
        let on_many = format!("{{{}}}", "serverTime @a @b @c @d ".repeat((bytes / 23).min(1_900)));
        [on_operation, on_field, on_many].map(|query| (query, None)).to_vec()
    });
}

/// Types that do not exist.
pub(super) fn types(attacker: &Arc<Attacker>) {
    send_sizes(attacker, |bytes| {
        let variables = parts(bytes, |n| format!("$v{n}:T{n} "));
        let fragments = parts(bytes, |n| format!("fragment f{n} on T{n}{{a}}"));
        let inline = parts(bytes.min(40_000), |n| format!("...on T{n}{{a}}"));
        let all = [
            format!("query({variables}){{serverTime}}"),
            format!("{{serverTime}}{fragments}"),
            format!("{{{inline}}}"),
        ];
        all.map(|query| (query, None)).to_vec()
    });
}

/// One name for many things.
pub(super) fn duplicates(attacker: &Arc<Attacker>) {
    send_sizes(attacker, |bytes| {
        let all = [
            "query a{serverTime}".repeat(bytes / 19),
            format!("query({}){{serverTime}}", "$a:Int ".repeat(bytes / 7)),
            format!("{{auctions({}){{nodes{{id}}}}}}", "first:1 ".repeat(bytes / 8)),
            "{serverTime}".repeat(bytes / 12),
            format!("{{serverTime}}{}", "fragment f on Query{serverTime}".repeat(bytes / 31)),
        ];
        all.map(|query| (query, None)).to_vec()
    });
}

/// Values that cannot be.
pub(super) fn values(attacker: &Arc<Attacker>) {
    send_sizes(attacker, |bytes| {
        let fields = parts(bytes, |n| format!("a{n}:1 "));
        let entries = "FOUR ".repeat(bytes / 5);
        let all = [
            format!("mutation{{placeBid(input:{{{fields}}}){{__typename}}}}"),
            format!("{{auctions(status:[{entries}]){{nodes{{id}}}}}}"),
            format!("query($i:PlaceBidInput!={{{fields}}}){{serverTime}}"),
            format!("{{auctions(first:[{entries}],after:{{{fields}}}){{nodes{{id}}}}}}"),
        ];
        all.map(|query| (query, None)).to_vec()
    });
}
