//! The caller as it sees itself.

use async_graphql::connection::{Connection, Edge, EmptyFields};
use async_graphql::{ComplexObject, Context, Enum, ID, Result, SimpleObject};

use super::auction::page_size;
use super::standing::{AuctionStanding, Standing};
use crate::auth::Role;
use crate::graphql::cursor::{parse_standing_cursor, standing_cursor};
use crate::graphql::query::view;
use crate::graphql::scalar::DateTime;
use crate::graphql::standings;
use crate::limits;

/// The caller as the server knows it.
#[derive(Debug, SimpleObject)]
#[graphql(complex)]
pub struct Me {
    /// The token's `sub`; null for an anonymous observer.
    pub id: Option<ID>,
    /// The roles of the caller.
    pub roles: Vec<RoleName>,
    /// When the token of the caller expires.
    pub expires_at: Option<DateTime>,
}

type StandingConnection = Connection<String, AuctionStanding, EmptyFields, EmptyFields>;

#[ComplexObject]
impl Me {
    /// The auctions that the caller has bid on, in the order of their ids, and how the caller
    /// stands in each; with `standing`, only those. Read consistently. A page looks through at most
    /// 1,000 auctions. Requires a token.
    async fn standings(
        &self,
        ctx: &Context<'_>,
        standing: Option<Standing>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
    ) -> Result<StandingConnection> {
        let first = page_size(first)?;
        let user = standings::user(ctx)?;
        let has_previous = after.is_some();
        let mut after = after.as_deref().map(parse_standing_cursor).transpose()?;
        let mut found = Vec::with_capacity(first + 1);
        for _ in 0..limits::STANDINGS_WINDOWS_MAX {
            let (window, is_last) = standings::window(ctx, &user, after.as_ref()).await?;
            after = window.last().map(|(id, _)| id.clone()).or(after);
            let auctions = window.into_iter().filter_map(|(_, auction)| auction);
            let mine = auctions.map(|auction| (Standing::of(&user, &auction), auction));
            found.extend(mine.filter(|(of, _)| standing.is_none_or(|wanted| wanted == *of)));
            if is_last || found.len() > first {
                break;
            }
        }
        let more = found.len() > first;
        found.truncate(first);
        let mut connection = Connection::new(has_previous, more);
        for (standing, auction) in found {
            let cursor = standing_cursor(&auction.id);
            let auction = view(ctx, auction)?;
            connection.edges.push(Edge::new(cursor, AuctionStanding { auction, standing }));
        }
        Ok(connection)
    }
}

/// A session with a renewed token.
#[derive(Debug, SimpleObject)]
pub struct Session {
    /// The token's `sub`.
    pub user_id: ID,
    /// The roles that the token grants.
    pub roles: Vec<RoleName>,
    /// When the token expires.
    pub expires_at: DateTime,
}

/// A role that a token grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "Role")]
pub enum RoleName {
    /// Places bids.
    Bidder,
    /// Creates auctions; opens and cancels their own.
    Seller,
    /// Opens and cancels any auction, and sees its reserve price.
    Auctioneer,
    /// Reads and watches.
    Observer,
}

impl From<Role> for RoleName {
    fn from(role: Role) -> Self {
        match role {
            Role::Bidder => Self::Bidder,
            Role::Seller => Self::Seller,
            Role::Auctioneer => Self::Auctioneer,
            Role::Observer => Self::Observer,
        }
    }
}
