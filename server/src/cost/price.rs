//! The cost of running an operation: an upper bound, estimated before it runs. Pure.
//!
//! Every sum saturates. A fragment is priced once, however often it is spread; `first` counts as at
//! most one page; `@skip` and `@include` count as if everything were selected. So a price never
//! falls when a selection is added, and does not depend on how selections are divided into
//! fragments.

use std::collections::HashMap;

use async_graphql::parser::types::{
    ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Variables};
use async_graphql_value::{ConstValue, Value};

use super::weights::{
    INTROSPECTION_DISCOUNT, LISTED_AUCTIONS, OPERATION_POINTS, introspection_times, weight,
};
use crate::limits;

/// The price of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Price {
    /// Work: fields to resolve, and the equivalent in fields of table reads and writes.
    pub points: u64,
    /// Fields to resolve, which keep a thread busy.
    pub fields: u64,
    /// Requests to the table.
    pub reads: u64,
    /// The largest answer, in bytes.
    pub bytes: u64,
}

impl Price {
    fn add(&mut self, other: Self) {
        self.points = self.points.saturating_add(other.points);
        self.fields = self.fields.saturating_add(other.fields);
        self.reads = self.reads.saturating_add(other.reads);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }

    fn times(self, count: u64) -> Self {
        Self {
            points: self.points.saturating_mul(count),
            fields: self.fields.saturating_mul(count),
            reads: self.reads.saturating_mul(count),
            bytes: self.bytes.saturating_mul(count),
        }
    }
}

/// The price of one operation of a document; for a subscription, of one event. The document has
/// been measured: its fragments form no cycle, and its nesting is bounded.
pub fn price(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    variables: &Variables,
) -> Price {
    let mut pricing = Pricing { document, operation, variables, fragments: HashMap::new() };
    let points = match operation.ty {
        OperationType::Subscription => 0,
        OperationType::Query | OperationType::Mutation => OPERATION_POINTS,
    };
    let mut price = Price { points, fields: 0, reads: 0, bytes: 64 };
    price.add(pricing.set(&operation.selection_set.node, Level::Root, 0));
    price
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Level {
    Root,
    Below,
    Introspection,
}

struct Pricing<'a> {
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    variables: &'a Variables,
    fragments: HashMap<(&'a str, Level), Price>,
}

impl<'a> Pricing<'a> {
    fn set(&mut self, set: &'a SelectionSet, level: Level, depth: usize) -> Price {
        let mut price = Price::default();
        if depth > limits::QUERY_RECURSION_MAX {
            return price;
        }
        for selection in &set.items {
            price.add(match &selection.node {
                Selection::Field(field) => self.field(&field.node, level, depth),
                Selection::InlineFragment(inline) => {
                    self.set(&inline.node.selection_set.node, level, depth + 1)
                }
                Selection::FragmentSpread(spread) => {
                    self.fragment(&spread.node.fragment_name.node, level, depth)
                }
            });
        }
        price
    }

    fn fragment(&mut self, name: &Name, level: Level, depth: usize) -> Price {
        let Some((name, fragment)) = self.document.fragments.get_key_value(name) else {
            return Price::default();
        };
        let key = (name.as_str(), level);
        if let Some(price) = self.fragments.get(&key) {
            return *price;
        }
        let price = self.set(&fragment.node.selection_set.node, level, depth + 1);
        self.fragments.insert(key, price);
        price
    }

    fn field(&mut self, field: &'a Field, level: Level, depth: usize) -> Price {
        let name = field.name.node.as_str();
        let key = field.response_key().node.len() as u64 + 4;
        let inner =
            |pricing: &mut Self, level| pricing.set(&field.selection_set.node, level, depth + 1);
        if level == Level::Introspection || matches!(name, "__schema" | "__type") {
            let times = introspection_times(name);
            let below = inner(self, Level::Introspection).times(times);
            let mut price = Price { points: 1, fields: 1, reads: 0, bytes: key + 4 };
            price.add(below);
            if level != Level::Introspection {
                price.points = price.points.div_ceil(INTROSPECTION_DISCOUNT);
            }
            return price;
        }
        let is_root = level == Level::Root;
        let weight = match name {
            "auctions" if is_root && self.lists_ids(field) => LISTED_AUCTIONS,
            _ => weight(name, is_root),
        };
        let times = if weight.is_page { self.first(field, weight.times) } else { weight.times };
        // A list of plain values: each takes its bytes.
        let values =
            if weight.is_page && field.selection_set.node.items.is_empty() { times } else { 1 };
        let mut price = Price {
            points: weight.points,
            fields: 1,
            reads: weight.reads,
            bytes: key + weight.bytes.saturating_mul(values.max(1)),
        };
        price.add(inner(self, Level::Below).times(times));
        price
    }

    /// Whether a list of ids is given. What is no list is rejected by validation.
    fn lists_ids(&self, field: &Field) -> bool {
        match field.get_argument("ids").map(|value| &value.node) {
            None | Some(Value::Null) => false,
            Some(Value::Variable(name)) => {
                !matches!(self.variable(name), None | Some(ConstValue::Null))
            }
            Some(_) => true,
        }
    }

    /// The number of entries that a page asks for; numbers that are out of range are rejected when
    /// it runs.
    fn first(&self, field: &Field, default: u64) -> u64 {
        let given = field.get_argument("first").map(|value| &value.node);
        let number = match given {
            None => return default,
            Some(Value::Number(number)) => number.as_i64(),
            Some(Value::Variable(name)) => match self.variable(name) {
                Some(ConstValue::Number(number)) => number.as_i64(),
                // Absent: the field's own default.
                None => return default,
                Some(_) => None,
            },
            Some(_) => None,
        };
        // A value that is no number is rejected by validation; until then it counts as a full page.
        let number = number.and_then(|number| u64::try_from(number).ok());
        number.unwrap_or(limits::PAGE_MAX as u64).min(limits::PAGE_MAX as u64)
    }

    fn variable(&self, name: &Name) -> Option<&ConstValue> {
        self.variables.get(name).or_else(|| {
            let definitions = self.operation.variable_definitions.iter();
            let definition = definitions.map(|of| &of.node).find(|of| of.name.node == *name)?;
            definition.default_value.as_ref().map(|value| &value.node)
        })
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::cost::merge::merge;
    use crate::cost::weights::READ_POINTS;

    fn with(text: &str, variables: serde_json::Value) -> Price {
        let mut document = parse_query(text).unwrap();
        merge(&mut document);
        let (_, operation) = document.operations.iter().next().unwrap();
        price(&document, &operation.node, &Variables::from_json(variables))
    }

    fn of(text: &str) -> Price {
        with(text, json!({}))
    }

    fn points(text: &str) -> u64 {
        of(text).points - OPERATION_POINTS
    }

    #[test]
    fn a_field_is_a_point_and_a_page_counts_as_often_as_it_asks_for() {
        assert_eq!(points("{ serverTime __typename me { id } }"), 4);
        let page = |first: u64, fields: u64| 20 * READ_POINTS + first * fields;
        assert_eq!(points("{ auctions(first: 7) { nodes { id title } } }"), page(7, 3));
        assert_eq!(points("{ auctions { nodes { id } } }"), page(20, 2), "its default");
        let text = "query($n: Int) { auctions(first: $n) { nodes { id } } }";
        assert_eq!(with(text, json!({ "n": 9 })).points - OPERATION_POINTS, page(9, 2));
        assert_eq!(with(text, json!({})).points - OPERATION_POINTS, page(20, 2));
        let text = "query($n: Int = 30) { auctions(first: $n) { nodes { id } } }";
        assert_eq!(points(text), page(30, 2));
        let bids = "{ auction(id: 1) { bids(first: 5) { nodes { id } } } }";
        assert_eq!(points(bids), READ_POINTS + 2 * READ_POINTS + 5 * 2);
        assert_eq!((of(bids).reads, of(bids).fields), (2, 2 + 5 * 2));
    }

    #[test]
    fn what_no_page_has_counts_as_a_page_and_sums_do_not_wrap() {
        for first in ["101", "2147483647", "9223372036854775807", "-1", "\"x\"", "1.5"] {
            let text = format!("{{ auctions(first: {first}) {{ nodes {{ id }} }} }}");
            assert_eq!(points(&text), 20 * READ_POINTS + 100 * 2, "{first}");
        }
        let deep =
            (0..15).fold("id".to_owned(), |inner, _| format!("bids(first: 99) {{ {inner} }}"));
        let price = of(&format!("{{ {deep} }}"));
        assert_eq!((price.points, price.reads), (u64::MAX, u64::MAX));
        let many: Vec<String> = (0..50).map(|n| format!("a{n}: {deep} ")).collect();
        assert_eq!(of(&format!("{{ {} }}", many.concat())).points, u64::MAX);
    }

    #[test]
    fn auctions_by_their_ids_cost_no_query_of_the_index() {
        let ids = "{ auctions(ids: [1, 2], first: 7) { nodes { id } } }";
        assert_eq!((points(ids), of(ids).reads), (4 * READ_POINTS + 7 * 2, 1));
        let text = "query($i: [ID!]) { auctions(ids: $i, first: 7) { nodes { id } } }";
        let price = |ids| with(text, json!({ "i": ids }));
        assert_eq!(price(json!(["1"])).reads, 1);
        assert_eq!(price(json!(null)).reads, u64::from(limits::DUE_PARTITIONS));
        assert_eq!(with(text, json!({})).reads, u64::from(limits::DUE_PARTITIONS));
    }

    #[test]
    fn a_list_of_amounts_takes_the_bytes_of_each() {
        let of = |first: u64| of(&format!("{{ auction(id: 1) {{ nextBids(first: {first}) }} }}"));
        assert_eq!(of(20).bytes - of(1).bytes, 19 * 40);
        assert_eq!(of(20).points, of(1).points);
    }

    #[test]
    fn an_operation_that_does_not_run_costs_nothing() {
        let text = "query A { serverTime } query B { bids(first: 100) { nodes { id } } }";
        let document = parse_query(text).unwrap();
        let cheap = document.operations.iter().find(|(name, _)| name.unwrap() == "A").unwrap();
        let price = price(&document, &cheap.1.node, &Variables::default());
        assert_eq!(price.points, OPERATION_POINTS + 1);
    }

    #[test]
    fn a_description_is_long_and_so_is_a_name_that_a_client_makes_up() {
        let page = "{ auctions(first: 100) { nodes { description } } }";
        assert!(of(page).bytes > 1_000_000, "{:?}", of(page));
        let alias = "x".repeat(1000);
        let named = of(&format!("{{ auctions(first: 100) {{ nodes {{ {alias}: id }} }} }}"));
        assert!(named.bytes > 100_000, "{named:?}");
    }

    #[test]
    fn the_schema_may_be_asked_for_but_not_over_and_over() {
        const KIND: &str = "kind name ofType { kind name ofType { kind name ofType { kind name \
                            ofType { kind name ofType { kind name ofType { kind name ofType { kind \
                            name } } } } } } }";
        let input = format!("name description type {{ {KIND} }} defaultValue");
        let standard = format!(
            "{{ __schema {{ queryType {{ name }} mutationType {{ name }} types {{ kind name \
             description fields(includeDeprecated: true) {{ name description args {{ {input} }} \
             type {{ {KIND} }} isDeprecated deprecationReason }} inputFields {{ {input} }} \
             interfaces {{ {KIND} }} enumValues {{ name description isDeprecated \
             deprecationReason }} possibleTypes {{ {KIND} }} }} directives {{ name description \
             locations args {{ {input} }} }} }} }}"
        );
        let price = of(&standard);
        let max = limits::QUERY_COMPLEXITY_MAX as u64;
        assert!(price.points < max, "{price:?}");
        assert!(price.bytes < limits::ANSWER_BYTES_MAX as u64, "{price:?}");
        let again = "{ __schema { types { fields { type { fields { type { fields { type { fields \
                     { name } } } } } } } } } }";
        assert!(of(again).points > max, "{:?}", of(again));
    }

    fn selections() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![Just("id"), Just("title"), Just("__typename"), Just("description")];
        leaf.prop_map(str::to_owned).prop_recursive(4, 40, 4, |inner| {
            let field = prop_oneof![
                Just("nodes".to_owned()),
                (0_u32..200).prop_map(|first| format!("bids(first: {first})")),
                (0_u32..200).prop_map(|first| format!("auctions(first: {first})")),
                Just("... on Auction".to_owned()),
            ];
            (field, prop::collection::vec(inner, 1..4))
                .prop_map(|(field, inner)| format!("{field} {{ {} }}", inner.join(" ")))
        })
    }

    proptest! {
        #[test]
        fn more_never_costs_less(a in selections(), b in selections()) {
            let (one, both) = (of(&format!("{{ {a} }}")), of(&format!("{{ {a} {b} }}")));
            prop_assert!(both.points >= one.points);
            prop_assert!(both.reads >= one.reads && both.bytes >= one.bytes);
            prop_assert!(both.fields >= one.fields);
        }

        #[test]
        fn the_same_twice_costs_as_much_as_once(a in selections()) {
            let one = of(&format!("{{ x {{ {a} }} }}"));
            prop_assert_eq!(of(&format!("{{ x {{ {a} }} x {{ {a} }} }}")).points >= one.points, true);
            if !a.contains("...") {
                prop_assert_eq!(of(&format!("{{ x {{ {a} }} x {{ {a} }} }}")), one);
                prop_assert_eq!(of(&format!("{{ x {{ {a} {a} }} }}")), one);
            }
        }

        #[test]
        fn a_fragment_costs_what_is_written_in_it(a in selections()) {
            let spread = of(&format!("{{ x {{ ...f }} }} fragment f on T {{ {a} }}"));
            prop_assert_eq!(spread, of(&format!("{{ x {{ {a} }} }}")));
            let inline = of(&format!("{{ x {{ ... {{ {a} }} }} }}"));
            prop_assert_eq!(inline, of(&format!("{{ x {{ {a} }} }}")));
        }
    }
}
