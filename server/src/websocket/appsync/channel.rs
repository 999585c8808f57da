//! The channels of AppSync Events: each is a subscription of the schema. Pure.

use serde_json::json;

use crate::graphql::Operation;

/// The bids of an auction, with all that a bid says about itself.
const BIDS: &str = "subscription Bids($id: ID!) { bidCreated(auctionId: $id) { id auctionId sequence \
                    bidderId amount receivedAt endsAt reserveMet } }";
/// An auction whenever it changes.
const AUCTION: &str = "subscription Auction($id: ID!) { auctionUpdated(auctionId: $id) { id title status \
                       currency currentPrice minimumBid endsAt sequence version leaderId } }";

/// The auctions that are open, whenever some of them have changed: a list.
const OPEN: &str = "subscription Open { auctionsUpdated(status: OPEN) { id title status currency \
                    currentPrice minimumBid endsAt sequence version leaderId } }";

/// The operation behind a channel. `None`: there is no such channel.
pub(super) fn operation(channel: &str) -> Option<Operation> {
    let mut names = channel.strip_prefix('/').unwrap_or(channel).split('/');
    let (root, id, kind, end) = (names.next()?, names.next()?, names.next(), names.next());
    if root != "auctions" || id.is_empty() || end.is_some() {
        return None;
    }
    let query = match (id, kind) {
        ("*", None) => OPEN,
        ("*", _) => return None,
        (_, None) => AUCTION,
        (_, Some("bids")) => BIDS,
        (_, Some(_)) => return None,
    };
    if id == "*" {
        return Some(Operation { query: query.to_owned(), is_own: true, ..Operation::default() });
    }
    let variables = serde_json::value::to_raw_value(&json!({ "id": id })).ok()?;
    let query = query.to_owned();
    Some(Operation { query, variables: Some(variables), is_own: true, ..Operation::default() })
}

/// What a client is told that names another channel.
pub(super) const UNKNOWN: &str =
    "the channels are /auctions/<id>, /auctions/<id>/bids and /auctions/*";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_an_auction_its_bids_or_those_that_are_open() {
        for (channel, starts) in [
            ("/auctions/a1", "subscription Auction"),
            ("auctions/a1", "subscription Auction"),
            ("/auctions/a1/bids", "subscription Bids"),
        ] {
            let operation = operation(channel).unwrap();
            assert!(operation.query.starts_with(starts), "{channel}");
            assert_eq!(operation.variables.unwrap().get(), r#"{"id":"a1"}"#);
        }
        let open = operation("/auctions/*").unwrap();
        assert!(open.query.contains("status: OPEN") && open.variables.is_none());
        let quoted = operation("/auctions/a\"b").unwrap();
        assert_eq!(quoted.variables.unwrap().get(), r#"{"id":"a\"b"}"#);
        for other in [
            "",
            "/",
            "/auctions",
            "/auctions/*/bids",
            "/*",
            "/auctions/**/x",
            "/auctions/",
            "/lots/a1",
            "/auctions/a1/x",
            "//a1",
        ] {
            assert_eq!(operation(other), None, "{other}");
        }
        assert_eq!(operation("/auctions/a1/bids/x"), None);
    }
}
