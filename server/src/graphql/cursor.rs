//! Opaque cursors of connections.

use async_graphql::Error;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gavel_core::auction::{AuctionId, Timestamp};
use gavel_core::store::phase::Place;

use super::error::{Code, api_error};
use crate::limits;

/// The cursor of a position in the bids of an auction.
pub fn bid_cursor(sequence: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("bid:{sequence}"))
}

/// The sequence in a cursor of [`bid_cursor`].
pub fn parse_bid_cursor(cursor: &str) -> Result<u64, Error> {
    decode(cursor)
        .and_then(|text| text.strip_prefix("bid:")?.parse().ok())
        .filter(|sequence| *sequence <= limits::SEQUENCE_MAX)
        .ok_or_else(|| malformed("bids"))
}

/// The cursor of a position in a list of auctions: the number of the phase in the listing, and the
/// position in it.
pub fn auction_cursor(phase: usize, place: &Place) -> String {
    URL_SAFE_NO_PAD.encode(format!("auction:{phase}:{}:{}", place.at.as_micros(), place.id))
}

/// The phase and position in a cursor of [`auction_cursor`].
pub fn parse_auction_cursor(cursor: &str) -> Result<(usize, Place), Error> {
    let parse = |text: String| {
        let mut parts = text.strip_prefix("auction:")?.splitn(3, ':');
        let phase = parts.next()?.parse().ok()?;
        let at = Timestamp::from_micros(parts.next()?.parse().ok().filter(|at| *at >= 0)?);
        let id = parts.next().filter(|id| AuctionId::is_well_formed(id))?;
        Some((phase, Place { at, id: id.into() }))
    };
    decode(cursor).and_then(parse).ok_or_else(|| malformed("auctions"))
}

/// The cursor of a position in a list of given ids.
pub fn listed_cursor(number: usize) -> String {
    URL_SAFE_NO_PAD.encode(format!("id:{number}"))
}

/// The position in a cursor of [`listed_cursor`].
pub fn parse_listed_cursor(cursor: &str) -> Result<usize, Error> {
    decode(cursor)
        .and_then(|text| text.strip_prefix("id:")?.parse().ok())
        .ok_or_else(|| malformed("auctions with these ids"))
}

/// The cursor of an auction among a caller's standings.
pub fn standing_cursor(id: &AuctionId) -> String {
    URL_SAFE_NO_PAD.encode(format!("standing:{id}"))
}

/// The auction in a cursor of [`standing_cursor`].
pub fn parse_standing_cursor(cursor: &str) -> Result<AuctionId, Error> {
    decode(cursor)
        .and_then(|text| text.strip_prefix("standing:").map(AuctionId::from))
        .filter(|id| AuctionId::is_well_formed(id.as_str()))
        .ok_or_else(|| malformed("standings"))
}

fn decode(cursor: &str) -> Option<String> {
    if cursor.len() > 128 {
        return None;
    }
    String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()
}

/// The error for a cursor of something else.
pub(super) fn malformed(of: &str) -> Error {
    let message = format!("after: not a cursor of {of}; take one from pageInfo.endCursor");
    api_error(Code::BadRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_survive_the_round_trip() {
        assert_eq!(parse_bid_cursor(&bid_cursor(17)).ok(), Some(17));
        let place = Place { at: Timestamp::from_micros(12), id: AuctionId::random() };
        assert_eq!(parse_auction_cursor(&auction_cursor(3, &place)).ok(), Some((3, place)));
        let id = AuctionId::random();
        assert_eq!(parse_standing_cursor(&standing_cursor(&id)).ok(), Some(id));
        assert_eq!(parse_listed_cursor(&listed_cursor(42)).ok(), Some(42));
    }

    #[test]
    fn a_cursor_of_another_kind_or_garbage_is_refused() {
        for cursor in ["", "x", "%%", &bid_cursor(1), &"A".repeat(4000)] {
            assert!(parse_auction_cursor(cursor).is_err(), "{cursor}");
            assert!(parse_listed_cursor(cursor).is_err(), "{cursor}");
        }
        assert!(parse_bid_cursor("YmlkOi0x").is_err());
        assert!(parse_bid_cursor(&bid_cursor(limits::SEQUENCE_MAX)).is_ok());
        for beyond in [limits::SEQUENCE_MAX + 1, 9_999_999_999_999, u64::MAX] {
            assert!(parse_bid_cursor(&bid_cursor(beyond)).is_err(), "no key holds {beyond}");
        }
    }
}
