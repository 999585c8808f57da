//! Stream records: whatever is in the table, the relay goes on.

use std::collections::HashMap;

use aws_sdk_dynamodbstreams::types::{AttributeValue, OperationType, Record, StreamRecord};
use gavel_core::auction::Timestamp;
use gavel_core::broker::Event;
use gavel_core::relay::record;
use proptest::prelude::*;

fn value() -> impl Strategy<Value = AttributeValue> {
    prop_oneof![
        "-?[0-9]{0,40}".prop_map(AttributeValue::N),
        "\\PC{0,20}".prop_map(AttributeValue::S),
        any::<bool>().prop_map(AttributeValue::Bool),
        Just(AttributeValue::Null(true)),
        Just(AttributeValue::L(Vec::new())),
    ]
}

/// A bid's item as it should be.
fn good_bid() -> HashMap<String, AttributeValue> {
    let texts = [
        ("pk", "AUCTION#a0123456789abcdefghjk"),
        ("sk", "BID#000000000001"),
        ("bidId", "b0123456789abcdefghjk"),
        ("bidderId", "ann"),
    ];
    let numbers = [
        ("sequence", "1"),
        ("amount", "1000"),
        ("receivedAt", "1800000000000000"),
        ("writtenAt", "1800000000000001"),
        ("endsAt", "1800000060000000"),
    ];
    let texts = texts.map(|(name, text)| (name, AttributeValue::S(text.to_owned())));
    let numbers = numbers.map(|(name, digits)| (name, AttributeValue::N(digits.to_owned())));
    let flag = [("reserveMet", AttributeValue::Bool(true))];
    texts.into_iter().chain(numbers).chain(flag).map(|(n, value)| (n.to_owned(), value)).collect()
}

/// A bid's item with some attributes taken out or changed, and perhaps the key of a state.
fn image() -> impl Strategy<Value = HashMap<String, AttributeValue>> {
    let names: Vec<String> = good_bid().into_keys().collect();
    let changes = prop::collection::vec(
        (prop::sample::select(names), prop::option::weighted(0.8, value())),
        0..4,
    );
    let sk = prop::option::weighted(0.2, "STATE|BID#[0-9]{0,24}|BID#[0-9]{12}|\\PC{0,9}");
    (changes, sk).prop_map(|(changes, sk)| {
        let mut item = good_bid();
        for (name, value) in changes {
            match value {
                Some(value) => item.insert(name, value),
                None => item.remove(&name),
            };
        }
        if let Some(sk) = sk {
            item.insert("sk".to_owned(), AttributeValue::S(sk));
        }
        item
    })
}

#[test]
fn the_item_that_the_others_are_made_from_is_a_bid() {
    let change = StreamRecord::builder().set_new_image(Some(good_bid())).build();
    let record = Record::builder().event_name(OperationType::Insert).dynamodb(change).build();
    let event = record::event(&record, Timestamp::from_micros(0)).unwrap().unwrap();
    assert!(matches!(event.event, Event::Bid(bid) if bid.sequence == 1));
}

/// Found by the target below: it became bid 0, and every reader counts from 1.
#[test]
fn a_bid_that_is_numbered_nought_is_an_error() {
    let mut image = good_bid();
    image.insert("sequence".to_owned(), AttributeValue::N("0".to_owned()));
    let change = StreamRecord::builder().set_new_image(Some(image)).build();
    let record = Record::builder().event_name(OperationType::Insert).dynamodb(change).build();
    assert!(record::event(&record, Timestamp::from_micros(0)).is_err());
}

proptest! {
    #[test]
    fn any_record_is_an_event_nothing_or_an_error(image in image(), removed in any::<bool>()) {
        let kind = if removed { OperationType::Remove } else { OperationType::Modify };
        let change = StreamRecord::builder().set_new_image(Some(image)).build();
        let record = Record::builder().event_name(kind).dynamodb(change).build();
        let event = record::event(&record, Timestamp::from_micros(0));
        if removed {
            prop_assert!(matches!(event, Ok(None)));
        }
        // What is known before it is decoded is what decoding finds.
        let subject = record::subject(&record).map(|subject| (subject.auction_id, subject.written_at));
        if let Ok(Some(envelope)) = &event {
            let decoded = (envelope.event.auction_id().clone(), Some(envelope.written_at));
            prop_assert_eq!(subject, Some(decoded));
        } else if let Ok(None) = &event {
            prop_assert_eq!(subject, None);
        }
        if let Ok(Some(envelope)) = event
            && let Event::Bid(bid) = envelope.event
        {
            prop_assert!(bid.sequence > 0);
        }
    }
}
