//! Opaque cursors, and ids.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gavel_core::auction::AuctionId;
use gavel_server::graphql::cursor::{bid_cursor, parse_auction_cursor, parse_bid_cursor};
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_text_is_a_cursor_or_refused(text in "\\PC{0,200}") {
        drop(parse_bid_cursor(&text));
        drop(parse_auction_cursor(&text));
    }

    #[test]
    fn a_cursor_made_by_hand_names_nothing_but_a_place(
        kind in "bid|auction|auction|[a-z]{0,8}",
        rest in "[0-9]{1,2}:-?[0-9]{1,15}:a[a-z0-9#:/]{20}|[0-9:#a-z_-]{0,60}|\\PC{0,60}",
    ) {
        let cursor = URL_SAFE_NO_PAD.encode(format!("{kind}:{rest}"));
        if let Ok(sequence) = parse_bid_cursor(&cursor) {
            prop_assert_eq!(parse_bid_cursor(&bid_cursor(sequence)).ok(), Some(sequence));
        }
        if let Ok((_, place)) = parse_auction_cursor(&cursor) {
            let id = place.id.as_str();
            prop_assert!(id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{}", id);
        }
    }

    #[test]
    fn an_id_that_is_well_formed_has_no_separator(text in "a[a-z0-9#:/_.-]{0,30}|\\PC*") {
        if AuctionId::is_well_formed(&text) {
            prop_assert!(text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
        }
    }
}
