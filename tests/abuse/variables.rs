//! Variables of any shape, against a whole server: an answer with a documented code, and nothing
//! written that was not asked for.

use e2e::{Gavel, code};
use gavel_server::graphql::error::Code;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        "\\PC{0,20}".prop_map(Value::from),
        "[0-9]{1,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("\\PC{0,8}|auctionId|amount", inner, 0..4)
                .prop_map(Value::from_iter),
        ]
    })
}

fn bid_input() -> impl Strategy<Value = Value> {
    let field = || prop::option::of(json_value());
    let made = (field(), field(), field(), field()).prop_map(|(id, amount, key, sent_at)| {
        let fields =
            [("auctionId", id), ("amount", amount), ("idempotencyKey", key), ("sentAt", sent_at)];
        fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect::<Value>()
    });
    prop_oneof![3 => made, 1 => json_value()]
}

#[test]
fn any_variables_get_an_answer_with_a_documented_code() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let gavel = runtime.block_on(Gavel::start());
    let id = runtime.block_on(gavel.auction(json!({})));
    let ann = gavel.token("ann", &["bidder"]);
    let query = "mutation($i: PlaceBidInput!) { placeBid(input: $i) { __typename } }";
    let codes = Code::ALL.map(Code::as_str);
    let mut runner = TestRunner::default();
    let result = runner.run(&(bid_input(), any::<bool>()), |(mut input, real)| {
        if real && input.is_object() {
            input["auctionId"] = json!(id);
        }
        let response = runtime.block_on(gavel.graphql(Some(&ann), query, json!({ "i": input })));
        if response["data"]["placeBid"].is_null() {
            let code = code(&response["errors"][0]);
            prop_assert!(codes.contains(&code) && code != "INTERNAL", "{}", response);
        }
        Ok(())
    });
    result.unwrap();
    let seen = runtime.block_on(gavel.look(None, &id, "leaderId sequence"));
    let rightful = seen["sequence"] == 0 || seen["leaderId"] == "ann";
    assert!(rightful, "{seen}");
    runtime.block_on(gavel.stop()).unwrap();
}
