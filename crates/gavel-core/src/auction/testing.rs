//! What tests of the rules and of the lanes build on: an auction, bids and times in few words.

use std::time::Duration;

use super::{Amount, Auction, BidId, BidRequest, Currency, Status, Timestamp};
use crate::clock;

/// A point in time, in seconds since the auction's beginning.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

/// An amount in minor units.
pub fn amount(minor_units: u64) -> Amount {
    Amount::new(minor_units).expect("tests stay below the largest amount")
}

/// Open from 0 s to 100 s, from 100 in steps of 10; a bid in the last 10 s moves the end, twice at
/// most.
pub fn open_auction() -> Auction {
    Auction {
        id: "a00000000000000000000".into(),
        title: "A lamp".to_owned(),
        description: "".into(),
        seller_id: "seller".into(),
        currency: Currency::from_code("EUR").expect("ISO 4217 has EUR"),
        opening_price: amount(100),
        minimum_increment: amount(10),
        reserve_price: None,
        opens_at: Some(at(0)),
        ends_at: at(100),
        soft_close_seconds: 10,
        soft_close_extensions_max: 2,
        leader_may_raise: false,
        created_at: at(0),
        status: Status::Open,
        current_price: None,
        leader_id: None,
        extensions: 0,
        sequence: 0,
        version: 1,
    }
}

/// The same auction, open now and for an hour.
pub fn running_auction() -> Auction {
    let now = clock::now();
    Auction {
        created_at: now,
        opens_at: Some(now),
        ends_at: now.plus(Duration::from_secs(3600)),
        ..open_auction()
    }
}

/// A bid on that auction, with an id of its own.
pub fn bid(bidder: &str, minor_units: u64, received_at: Timestamp) -> BidRequest {
    BidRequest {
        id: BidId::random(),
        auction_id: open_auction().id,
        bidder_id: bidder.into(),
        amount: amount(minor_units),
        sent_at: None,
        received_at,
        forwarded_at: None,
        traceparent: None,
    }
}
