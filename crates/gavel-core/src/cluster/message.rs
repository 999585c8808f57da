//! What nodes say to each other, as JSON. Pure.
//!
//! An event carries items as the table has them, in DynamoDB's own JSON: a node of another version
//! reads them as it reads the table. Unknown fields are ignored.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::digest::Reached;
use crate::auction::{AuctionId, Timestamp};
use crate::broker::{Envelope, Event, Source};
use crate::store::Transaction;
use crate::store::item::{self, Image, Item};
use crate::store::lease::NodeId;

/// A message cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("a message of the bus is not one of ours: {0}")]
pub struct MessageError(String);

impl MessageError {
    /// What is wrong.
    pub(crate) fn of(problem: String) -> Self {
        Self(problem)
    }
}

/// An attribute of the kinds that Gavel writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Value {
    S(String),
    N(String),
    #[serde(rename = "BOOL")]
    Bool(bool),
}

/// An item of the table; attributes of kinds that Gavel does not write are left out.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ItemJson(BTreeMap<String, Value>);

impl ItemJson {
    pub(crate) fn of(item: &Item) -> Self {
        let value = |value: &AttributeValue| match value {
            AttributeValue::S(text) => Some(Value::S(text.clone())),
            AttributeValue::N(digits) => Some(Value::N(digits.clone())),
            AttributeValue::Bool(value) => Some(Value::Bool(*value)),
            _ => None,
        };
        Self(item.iter().filter_map(|(name, v)| value(v).map(|v| (name.clone(), v))).collect())
    }

    /// What it is.
    pub(crate) fn image(self) -> Result<Image, MessageError> {
        let value = |value| match value {
            Value::S(text) => AttributeValue::S(text),
            Value::N(digits) => AttributeValue::N(digits),
            Value::Bool(value) => AttributeValue::Bool(value),
        };
        let item: Item = self.0.into_iter().map(|(name, v)| (name, value(v))).collect();
        item::image(&item).map_err(|error| MessageError(error.to_string()))
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Items {
    items: Vec<ItemJson>,
}

/// Items as a message.
pub fn encode_items<'i>(items: impl IntoIterator<Item = &'i Item>) -> Vec<u8> {
    json(&Items { items: items.into_iter().map(ItemJson::of).collect() })
}

/// What a transaction has written, as a message: each bid, then the auction.
pub fn encode_transaction(written: &Transaction) -> Vec<u8> {
    let bids = written.bids.iter().map(|new| item::bid_item(&new.bid, written.written_at));
    let auction = item::auction_item(&written.auction, written.written_at);
    encode_items(&bids.chain([auction]).collect::<Vec<Item>>())
}

/// The events of a message that was received at this time.
pub fn decode_events(message: &[u8], read_at: Timestamp) -> Result<Vec<Envelope>, MessageError> {
    let Items { items } = parse(message)?;
    let mut events = Vec::with_capacity(items.len());
    for item in items {
        let image = item.image()?;
        let (event, written_at) = match image {
            Image::Bid(stored) => (Event::Bid(stored.bid), stored.written_at),
            Image::State(auction, written_at) => (Event::State(*auction), written_at),
            Image::Other => continue,
        };
        events.push(Envelope { event, written_at, read_at, source: Source::Bus });
    }
    Ok(events)
}

/// What a node says four times a second: that it lives, and what has changed of late.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// Who says it.
    pub node: NodeId,
    /// Whether it has an auction watched.
    pub watches: bool,
    /// Whether it goes.
    pub leaves: bool,
    /// How far the auctions are that it has written or read.
    pub reached: Vec<(AuctionId, Reached)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct DigestJson {
    node: String,
    watches: bool,
    #[serde(default)]
    leaves: bool,
    reached: Vec<(String, u64, u64)>,
}

impl Digest {
    /// As a message.
    pub fn encode(&self) -> Vec<u8> {
        let reached = self.reached.iter();
        json(&DigestJson {
            node: self.node.as_str().to_owned(),
            watches: self.watches,
            leaves: self.leaves,
            reached: reached.map(|(id, r)| (id.to_string(), r.sequence, r.version)).collect(),
        })
    }

    /// From a message.
    pub fn decode(message: &[u8]) -> Result<Self, MessageError> {
        let DigestJson { node, watches, leaves, reached } = parse(message)?;
        if !NodeId::is_well_formed(&node) {
            return Err(MessageError("the name of a node is malformed".to_owned()));
        }
        let reached = reached
            .into_iter()
            .map(|(id, sequence, version)| (AuctionId::from(id), Reached { sequence, version }));
        Ok(Self { node: node.as_str().into(), watches, leaves, reached: reached.collect() })
    }
}

/// What a lane says to the nodes that read the stream: a version is being written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaited {
    /// The auction.
    pub auction: String,
    /// The version.
    pub version: u64,
    /// Whether its write was acknowledged.
    pub committed: bool,
}

impl Awaited {
    /// As a message.
    pub fn encode(&self) -> Vec<u8> {
        json(self)
    }

    /// From a message.
    pub fn decode(message: &[u8]) -> Result<Self, MessageError> {
        parse(message)
    }
}

pub(crate) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("texts, numbers and lists alone")
}

pub(crate) fn parse<'m, T: Deserialize<'m>>(message: &'m [u8]) -> Result<T, MessageError> {
    serde_json::from_slice(message).map_err(|error| MessageError(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auction::testing::{amount, at, bid, open_auction};
    use crate::auction::{Auction, decide};
    use crate::store::NewBid;

    fn written() -> Transaction {
        let mut auction = open_auction();
        let expected_version = auction.version;
        let bid = decide(&mut auction, &bid("ann", 120, at(5))).expect("it is high enough");
        Transaction {
            token: "t".to_owned(),
            expected_version,
            auction: Auction { version: 2, ..auction },
            bids: vec![NewBid { bid, key: None }],
            newcomers: Vec::new(),
            written_at: at(6),
        }
    }

    #[test]
    fn a_transaction_comes_out_as_it_went_in() {
        let written = written();
        let events = decode_events(&encode_transaction(&written), at(7)).unwrap();
        let envelope =
            |event| Envelope { event, written_at: at(6), read_at: at(7), source: Source::Bus };
        let bid = envelope(Event::Bid(written.bids[0].bid.clone()));
        assert_eq!(events, [bid, envelope(Event::State(written.auction))]);
        assert_eq!(amount(120), written.bids[0].bid.amount);
    }

    #[test]
    fn a_digest_and_an_awaited_version_come_out_as_they_went_in() {
        let digest = Digest {
            node: "a".into(),
            watches: true,
            leaves: false,
            reached: vec![("x".into(), Reached { sequence: 3, version: 9 })],
        };
        assert_eq!(Digest::decode(&digest.encode()).unwrap(), digest);
        let awaited = Awaited { auction: "x".to_owned(), version: 9, committed: true };
        assert_eq!(Awaited::decode(&awaited.encode()).unwrap(), awaited);
    }

    #[test]
    fn what_is_not_ours_is_an_error() {
        for text in ["", "{}", "[1]", r#"{"items": [{"pk": {"S": "AUCTION#a"}}]}"#, "\u{0}"] {
            assert!(decode_events(text.as_bytes(), at(0)).is_err(), "{text:?}");
        }
        assert!(Digest::decode(br#"{"node": "a.b", "watches": true, "reached": []}"#).is_err());
        assert!(decode_events(br#"{"items": [], "more": 1}"#, at(0)).unwrap().is_empty());
    }
}
