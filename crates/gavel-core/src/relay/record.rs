//! Turns a stream record into an event. REMOVE records (TTL) are ignored.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodbstreams::types::{AttributeValue as StreamValue, OperationType, Record};

use crate::auction::{AuctionId, Timestamp};
use crate::broker::{Envelope, Event, Source};
use crate::cluster::digest::Reached;
use crate::store::item::{self, Image, Item, ItemError};

/// What a record is about, known from a few attributes before it is decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The auction with a new bid or a new state.
    pub auction_id: AuctionId,
    /// When the transaction was sealed, if the record says so.
    pub written_at: Option<Timestamp>,
}

/// What a record is about, if it is an event. Most records are idempotency keys, or belong to
/// auctions that nobody watches, and need no decoding.
pub fn subject(record: &Record) -> Option<Subject> {
    if record.event_name() == Some(&OperationType::Remove) {
        return None;
    }
    let image = record.dynamodb()?.new_image()?;
    let text = |name| image.get(name)?.as_s().ok().map(String::as_str);
    let auction_id = item::subject(text("pk")?, text("sk")?)?;
    let written_at = image.get("writtenAt").and_then(|value| value.as_n().ok()?.parse().ok());
    Some(Subject { auction_id, written_at: written_at.map(Timestamp::from_micros) })
}

/// Decodes the event of a record, if it is one.
pub fn event(record: &Record, read_at: Timestamp) -> Result<Option<Envelope>, ItemError> {
    if record.event_name() == Some(&OperationType::Remove) {
        return Ok(None);
    }
    let Some(image) = record.dynamodb().and_then(|change| change.new_image()) else {
        return Ok(None);
    };
    let (event, written_at) = match item::image(&table_item(image))? {
        Image::Bid(stored) => (Event::Bid(stored.bid), stored.written_at),
        Image::State(auction, written_at) => (Event::State(*auction), written_at),
        Image::Other => return Ok(None),
    };
    Ok(Some(Envelope { event, written_at, read_at, source: Source::Stream }))
}

/// The item that a record shows, and how far its auction is by it: of a bid, the version is not known.
pub fn item(record: &Record) -> Option<(Reached, Item)> {
    let image = record.dynamodb()?.new_image()?;
    let number = |name| image.get(name)?.as_n().ok()?.parse().ok();
    let reached =
        Reached { sequence: number("sequence")?, version: number("version").unwrap_or_default() };
    Some((reached, table_item(image)))
}

/// The same item in the types of the table's client. Attributes of kinds that this table does not
/// use are left out.
fn table_item(image: &HashMap<String, StreamValue>) -> Item {
    let value = |value: &StreamValue| match value {
        StreamValue::S(text) => Some(AttributeValue::S(text.clone())),
        StreamValue::N(digits) => Some(AttributeValue::N(digits.clone())),
        StreamValue::Bool(value) => Some(AttributeValue::Bool(*value)),
        _ => None,
    };
    image.iter().filter_map(|(name, v)| value(v).map(|v| (name.clone(), v))).collect()
}
