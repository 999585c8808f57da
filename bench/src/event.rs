//! The event that every server here sends, in the shape of Gavel's own.

use client_sim::clock;
use client_sim::stamp::format_us;

/// What watchers ask for.
pub(crate) const WATCH: &str = "subscription Watch($id: ID!) { bidCreated(auctionId: $id) { id sequence \
    amount bidderId timing { publishedAt } } }";

/// The operation id of every watcher.
pub(crate) const OPERATION: &str = "1";

/// What marks the stamp in a frame.
pub(crate) const STAMP: &[u8] = b"\"publishedAt\":\"";

/// A bid of this number, published now, as a whole frame's text.
pub(crate) fn text(sequence: u64) -> String {
    format!(
        "{{\"id\":\"{OPERATION}\",\"type\":\"next\",\"payload\":{{\"data\":{{\"bidCreated\":{{\"id\":\
         \"{sequence:026}\",\"sequence\":{sequence},\"amount\":\"{}\",\"bidderId\":\"sim-bidder-1\",\
         \"timing\":{{\"publishedAt\":\"{}\"}}}}}}}}}}",
        sequence * 100,
        format_us(clock::now_us())
    )
}
