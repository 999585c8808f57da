//! Converts between items of the table and the domain. The only place that knows attribute names.
//!
//! `pk = AUCTION#<id>` with `sk = STATE` or `sk = BID#<sequence>`; `pk = KEY#<hash>` for
//! idempotency keys, `pk = RELAY#<n>` for leases, `pk = USER#<hash>` with
//! `sk = AUCTION#<id>` for each auction that a user has bid on. Times are microseconds since the epoch, but for `expiresAt`, which DynamoDB's
//! TTL wants in seconds.

use std::collections::HashMap;
use std::num::NonZeroU64;

use aws_sdk_dynamodb::types::AttributeValue;
use sha2::{Digest as _, Sha256};

use super::key::{IdempotencyKey, KeyRecord};
use super::lease::{Lease, NodeId};
use super::phase::{Place, due_of};
use super::{NewBid, StoredBid};
use crate::auction::{Amount, Auction, AuctionId, Bid, BidId, Currency, Status, Timestamp, UserId};
use crate::limits;

/// An item in the SDK's type.
pub type Item = HashMap<String, AttributeValue>;

/// The sort key of an auction's state.
pub const SK_STATE: &str = "STATE";
/// The prefix of a bid's sort key.
pub const SK_BID: &str = "BID#";
const PK_AUCTION: &str = "AUCTION#";
const PK_KEY: &str = "KEY#";
const SK_KEY: &str = "KEY";
const PK_USER: &str = "USER#";
const PK_LEASE: &str = "RELAY#";
const SK_LEASE: &str = "LEASE";

/// An attribute is missing or malformed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("attribute {attribute} is missing or malformed in item {item}")]
pub struct ItemError {
    /// The name of the attribute.
    pub attribute: String,
    /// The keys of the item.
    pub item: String,
}

/// The content of a stream image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Image {
    /// An auction's state, and when it was sealed.
    State(Box<Auction>, Timestamp),
    /// A bid.
    Bid(StoredBid),
    /// An item that is no event: an idempotency key, or not from Gavel.
    Other,
}

/// The partition key of an auction.
pub fn auction_pk(id: &AuctionId) -> String {
    format!("{PK_AUCTION}{id}")
}

/// The sort key of a bid: zero-padded, so that text order is sequence order.
pub fn bid_sk(sequence: u64) -> String {
    format!("{SK_BID}{sequence:012}")
}

/// Whether an item is a bid, by its sort key. Others may keep an item beside it, under a key with
/// the same prefix.
pub fn is_bid(item: &Item) -> bool {
    text(item, "sk").is_ok_and(is_bid_sk)
}

fn is_bid_sk(sk: &str) -> bool {
    let digits = sk.strip_prefix(SK_BID);
    digits.is_some_and(|digits| digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// The primary key of an auction's state.
pub fn state_key(id: &AuctionId) -> Item {
    primary_key(auction_pk(id), SK_STATE.to_owned())
}

/// The primary key of a bid.
pub fn bid_key(id: &AuctionId, sequence: u64) -> Item {
    primary_key(auction_pk(id), bid_sk(sequence))
}

/// The primary key of an idempotency key's item.
pub fn idempotency_item_key(key: &IdempotencyKey) -> Item {
    primary_key(idempotency_pk(key), SK_KEY.to_owned())
}

/// The partition key of an idempotency key's item: a partition of its own.
pub fn idempotency_pk(key: &IdempotencyKey) -> String {
    format!("{PK_KEY}{}", key.as_hex())
}

/// The key of an auction in the index of due auctions.
pub fn index_key(partition: &str, place: &Place) -> Item {
    let mut key = state_key(&place.id);
    put_text(&mut key, "due", partition);
    put_number(&mut key, "dueAt", place.at.as_micros());
    key
}

fn primary_key(pk: String, sk: String) -> Item {
    Item::from([("pk".to_owned(), AttributeValue::S(pk)), ("sk".to_owned(), AttributeValue::S(sk))])
}

/// The auction id in a partition key, if it has one.
pub fn auction_id_of(pk: &str) -> Option<AuctionId> {
    pk.strip_prefix(PK_AUCTION).map(AuctionId::from)
}

/// The auction whose state or bid has these keys.
pub fn subject(pk: &str, sk: &str) -> Option<AuctionId> {
    auction_id_of(pk).filter(|_| sk == SK_STATE || is_bid_sk(sk))
}

/// A whole auction as an item.
pub fn auction_item(auction: &Auction, written_at: Timestamp) -> Item {
    let mut item = state_key(&auction.id);
    put_text(&mut item, "title", &auction.title);
    put_text(&mut item, "description", &auction.description);
    put_text(&mut item, "sellerId", auction.seller_id.as_str());
    put_text(&mut item, "currency", auction.currency.code());
    put_number(&mut item, "openingPrice", auction.opening_price.minor_units());
    put_number(&mut item, "minimumIncrement", auction.minimum_increment.minor_units());
    if let Some(reserve) = auction.reserve_price {
        put_number(&mut item, "reservePrice", reserve.minor_units());
    }
    put_number(&mut item, "softCloseSeconds", auction.soft_close_seconds);
    put_number(&mut item, "softCloseExtensionsMax", auction.soft_close_extensions_max);
    item.insert("leaderMayRaise".to_owned(), AttributeValue::Bool(auction.leader_may_raise));
    put_number(&mut item, "createdAt", auction.created_at.as_micros());
    item.extend(changing_attributes(auction, written_at));
    item
}

/// The attributes of an auction that may change after its creation.
pub fn changing_attributes(auction: &Auction, written_at: Timestamp) -> Item {
    let mut item = Item::new();
    put_text(&mut item, "status", status_text(auction.status));
    put_number(&mut item, "endsAt", auction.ends_at.as_micros());
    put_number(&mut item, "extensions", auction.extensions);
    put_number(&mut item, "sequence", auction.sequence);
    put_number(&mut item, "version", auction.version);
    put_number(&mut item, "writtenAt", written_at.as_micros());
    if let Some(at) = auction.opens_at {
        put_number(&mut item, "opensAt", at.as_micros());
    }
    if let Some(price) = auction.current_price {
        put_number(&mut item, "currentPrice", price.minor_units());
    }
    if let Some(leader) = &auction.leader_id {
        put_text(&mut item, "leaderId", leader.as_str());
    }
    let due = due_of(auction);
    put_text(&mut item, "due", &due.phase.partition(due.number));
    put_number(&mut item, "dueAt", due.at.as_micros());
    item
}

/// A bid as an item.
pub fn bid_item(bid: &Bid, written_at: Timestamp) -> Item {
    let mut item = bid_key(&bid.auction_id, bid.sequence);
    put_text(&mut item, "bidId", bid.id.as_str());
    put_number(&mut item, "sequence", bid.sequence);
    put_text(&mut item, "bidderId", bid.bidder_id.as_str());
    put_number(&mut item, "amount", bid.amount.minor_units());
    if let Some(minimum) = bid.minimum_bid {
        put_number(&mut item, "minimumBid", minimum.minor_units());
    }
    if let Some(at) = bid.sent_at {
        put_number(&mut item, "sentAt", at.as_micros());
    }
    put_number(&mut item, "receivedAt", bid.received_at.as_micros());
    if let Some(at) = bid.forwarded_at {
        put_number(&mut item, "forwardedAt", at.as_micros());
    }
    put_number(&mut item, "writtenAt", written_at.as_micros());
    put_number(&mut item, "endsAt", bid.ends_at.as_micros());
    item.insert("reserveMet".to_owned(), AttributeValue::Bool(bid.reserve_met));
    if let Some(traceparent) = &bid.traceparent {
        put_text(&mut item, "traceparent", traceparent);
    }
    item
}

/// The item that stores an accepted bid's idempotency key.
pub fn key_item(new: &NewBid, key: &IdempotencyKey, written_at: Timestamp) -> Item {
    let mut item = idempotency_item_key(key);
    put_text(&mut item, "bidId", new.bid.id.as_str());
    put_number(&mut item, "sequence", new.bid.sequence);
    put_number(&mut item, "amount", new.bid.amount.minor_units());
    let expires_at = written_at.plus(limits::IDEMPOTENCY_KEPT).as_micros() / 1_000_000;
    put_number(&mut item, "expiresAt", expires_at);
    item
}

/// The partition key of a user's auctions: a hash, like that of keys.
pub fn user_pk(user: &UserId) -> String {
    let digest = Sha256::digest(user.as_str().as_bytes());
    let hex = digest.iter().map(|byte| format!("{byte:02x}"));
    hex.fold(PK_USER.to_owned(), |all, byte| all + &byte)
}

/// The sort key of an auction among a user's.
pub fn bidder_sk(id: &AuctionId) -> String {
    auction_pk(id)
}

/// The item that records that a user has bid on an auction.
pub fn bidder_item(user: &UserId, id: &AuctionId) -> Item {
    primary_key(user_pk(user), bidder_sk(id))
}

/// The auction of a [`bidder_item`].
pub fn bid_on(item: &Item) -> Result<AuctionId, ItemError> {
    auction_id_of(text(item, "sk")?).ok_or_else(|| malformed(item, "sk"))
}

/// The primary key of a lease.
pub fn lease_key(slot: usize) -> Item {
    primary_key(format!("{PK_LEASE}{slot}"), SK_LEASE.to_owned())
}

/// A lease as an item.
pub fn lease_item(slot: usize, lease: &Lease) -> Item {
    let mut item = lease_key(slot);
    item.insert("owner".to_owned(), owner(lease));
    put_number(&mut item, "leaseCounter", lease.counter);
    item
}

/// The owner of a lease as an attribute; empty for one that was given back.
pub fn owner(lease: &Lease) -> AttributeValue {
    let owner = lease.owner.as_ref().map_or("", NodeId::as_str);
    AttributeValue::S(owner.to_owned())
}

/// Reads a lease, and which it is.
pub fn lease(item: &Item) -> Result<(usize, Lease), ItemError> {
    let slot = text(item, "pk")?.strip_prefix(PK_LEASE).and_then(|slot| slot.parse().ok());
    let owner = Some(text(item, "owner")?).filter(|owner| !owner.is_empty()).map(NodeId::from);
    let lease = Lease { owner, counter: number(item, "leaseCounter")? };
    Ok((slot.ok_or_else(|| malformed(item, "pk"))?, lease))
}

/// Reads the image of a stream record or a state item.
pub fn image(item: &Item) -> Result<Image, ItemError> {
    let (pk, sk) = (text(item, "pk")?, text(item, "sk")?);
    let Some(id) = auction_id_of(pk) else { return Ok(Image::Other) };
    if sk == SK_STATE {
        let auction = read_auction(id, item)?;
        Ok(Image::State(Box::new(auction), time(item, "writtenAt")?))
    } else if is_bid_sk(sk) {
        Ok(Image::Bid(read_bid(id, item)?))
    } else {
        Ok(Image::Other)
    }
}

/// Reads an auction's state.
pub fn auction(item: &Item) -> Result<Auction, ItemError> {
    let id = auction_id_of(text(item, "pk")?).ok_or_else(|| malformed(item, "pk"))?;
    read_auction(id, item)
}

/// Reads a bid.
pub fn bid(item: &Item) -> Result<StoredBid, ItemError> {
    let id = auction_id_of(text(item, "pk")?).ok_or_else(|| malformed(item, "pk"))?;
    read_bid(id, item)
}

/// Reads an idempotency key's item, unless it has expired (TTL may delete late).
pub fn key_record(item: &Item, now: Timestamp) -> Result<Option<KeyRecord>, ItemError> {
    if number::<i64>(item, "expiresAt")? < now.as_micros() / 1_000_000 {
        return Ok(None);
    }
    Ok(Some(KeyRecord {
        bid_id: BidId::from(text(item, "bidId")?),
        sequence: number(item, "sequence")?,
        amount: amount(item, "amount")?,
    }))
}

/// Reads an entry of the index of due auctions.
pub fn place(item: &Item) -> Result<Place, ItemError> {
    let id = auction_id_of(text(item, "pk")?).ok_or_else(|| malformed(item, "pk"))?;
    if text(item, "sk")? != SK_STATE {
        return Err(malformed(item, "sk"));
    }
    Ok(Place { at: time(item, "dueAt")?, id })
}

fn read_auction(id: AuctionId, item: &Item) -> Result<Auction, ItemError> {
    Ok(Auction {
        id,
        title: text(item, "title")?.to_owned(),
        description: text(item, "description")?.into(),
        seller_id: UserId::from(text(item, "sellerId")?),
        currency: Currency::from_code(text(item, "currency")?)
            .ok_or_else(|| malformed(item, "currency"))?,
        opening_price: amount(item, "openingPrice")?,
        minimum_increment: amount(item, "minimumIncrement")?,
        reserve_price: optional(item, "reservePrice", amount)?,
        opens_at: optional(item, "opensAt", time)?,
        ends_at: time(item, "endsAt")?,
        soft_close_seconds: number(item, "softCloseSeconds")?,
        soft_close_extensions_max: number(item, "softCloseExtensionsMax")?,
        leader_may_raise: boolean(item, "leaderMayRaise")?,
        created_at: time(item, "createdAt")?,
        status: status(text(item, "status")?).ok_or_else(|| malformed(item, "status"))?,
        current_price: optional(item, "currentPrice", amount)?,
        leader_id: optional(item, "leaderId", text)?.map(UserId::from),
        extensions: number(item, "extensions")?,
        sequence: number(item, "sequence")?,
        version: number(item, "version")?,
    })
}

fn read_bid(auction_id: AuctionId, item: &Item) -> Result<StoredBid, ItemError> {
    let bid = Bid {
        id: BidId::from(text(item, "bidId")?),
        auction_id,
        // Readers count from 1; 0 is the position before the first bid.
        sequence: number::<NonZeroU64>(item, "sequence")?.get(),
        bidder_id: UserId::from(text(item, "bidderId")?),
        amount: amount(item, "amount")?,
        minimum_bid: optional(item, "minimumBid", amount)?,
        sent_at: optional(item, "sentAt", time)?,
        received_at: time(item, "receivedAt")?,
        forwarded_at: optional(item, "forwardedAt", time)?,
        ends_at: time(item, "endsAt")?,
        reserve_met: boolean(item, "reserveMet")?,
        traceparent: optional(item, "traceparent", text)?.map(str::to_owned),
    };
    Ok(StoredBid { bid, written_at: time(item, "writtenAt")? })
}

fn status_text(status: Status) -> &'static str {
    match status {
        Status::Draft => "DRAFT",
        Status::Open => "OPEN",
        Status::Closed => "CLOSED",
        Status::Cancelled => "CANCELLED",
    }
}

fn status(text: &str) -> Option<Status> {
    [Status::Draft, Status::Open, Status::Closed, Status::Cancelled]
        .into_iter()
        .find(|status| status_text(*status) == text)
}

fn put_text(item: &mut Item, name: &str, value: &str) {
    item.insert(name.to_owned(), AttributeValue::S(value.to_owned()));
}

fn put_number(item: &mut Item, name: &str, value: impl ToString) {
    item.insert(name.to_owned(), AttributeValue::N(value.to_string()));
}

fn text<'a>(item: &'a Item, name: &str) -> Result<&'a str, ItemError> {
    match item.get(name) {
        Some(AttributeValue::S(text)) => Ok(text),
        _ => Err(malformed(item, name)),
    }
}

fn number<T: std::str::FromStr>(item: &Item, name: &str) -> Result<T, ItemError> {
    match item.get(name) {
        Some(AttributeValue::N(digits)) => digits.parse().map_err(|_| malformed(item, name)),
        _ => Err(malformed(item, name)),
    }
}

fn boolean(item: &Item, name: &str) -> Result<bool, ItemError> {
    match item.get(name) {
        Some(AttributeValue::Bool(value)) => Ok(*value),
        _ => Err(malformed(item, name)),
    }
}

fn amount(item: &Item, name: &str) -> Result<Amount, ItemError> {
    Amount::new(number(item, name)?).map_err(|_| malformed(item, name))
}

fn time(item: &Item, name: &str) -> Result<Timestamp, ItemError> {
    number(item, name).map(Timestamp::from_micros)
}

fn optional<'a, T>(
    item: &'a Item,
    name: &str,
    read: fn(&'a Item, &str) -> Result<T, ItemError>,
) -> Result<Option<T>, ItemError> {
    if item.contains_key(name) { read(item, name).map(Some) } else { Ok(None) }
}

fn malformed(item: &Item, attribute: &str) -> ItemError {
    let key = |name| match item.get(name) {
        Some(AttributeValue::S(text)) => text.as_str(),
        _ => "?",
    };
    ItemError { attribute: attribute.to_owned(), item: format!("{} {}", key("pk"), key("sk")) }
}
