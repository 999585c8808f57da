//! How a bidder stands in an auction.

use async_graphql::{Enum, SimpleObject};
use gavel_core::auction::{Auction, UserId};

use super::auction::AuctionObject;

/// How a bidder stands in an auction that they have bid on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum Standing {
    /// Theirs is the highest bid.
    Leading,
    /// Another's is.
    Outbid,
    /// The auction is CLOSED, and theirs.
    Won,
    /// The auction is CLOSED or CANCELLED, and not theirs.
    Lost,
}

impl Standing {
    /// How somebody stands who has bid on the auction.
    pub fn of(user: &UserId, auction: &Auction) -> Self {
        let leads = auction.leader_id.as_ref() == Some(user);
        match (auction.status.is_final(), leads) {
            (true, _) if auction.winner_id() == Some(user) => Self::Won,
            (true, _) => Self::Lost,
            (false, true) => Self::Leading,
            (false, false) => Self::Outbid,
        }
    }
}

/// An auction that the caller has bid on.
#[derive(Debug, SimpleObject)]
#[graphql(name = "AuctionStanding")]
pub struct AuctionStanding {
    /// The auction.
    pub auction: AuctionObject,
    /// How the caller stands in it.
    pub standing: Standing,
}

#[cfg(test)]
mod tests {
    use gavel_core::auction::testing::open_auction;
    use gavel_core::auction::{Amount, Status};

    use super::*;

    #[test]
    fn who_leads_at_the_end_has_won_if_the_reserve_is_met_and_everybody_else_has_lost() {
        let (ann, bob) = (UserId::from("ann"), UserId::from("bob"));
        let mut auction = open_auction();
        auction.leader_id = Some(ann.clone());
        auction.current_price = Amount::new(500).ok();
        let of = |status, reserve| {
            let auction =
                Auction { status, reserve_price: Amount::new(reserve).ok(), ..auction.clone() };
            (Standing::of(&ann, &auction), Standing::of(&bob, &auction))
        };
        assert_eq!(of(Status::Open, 900), (Standing::Leading, Standing::Outbid));
        assert_eq!(of(Status::Closed, 500), (Standing::Won, Standing::Lost));
        assert_eq!(of(Status::Closed, 501), (Standing::Lost, Standing::Lost));
        assert_eq!(of(Status::Cancelled, 500), (Standing::Lost, Standing::Lost));
    }
}
