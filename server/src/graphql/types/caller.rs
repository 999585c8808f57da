//! The caller as it sees itself.

use async_graphql::{Enum, ID, SimpleObject};

use crate::auth::Role;
use crate::graphql::scalar::DateTime;

/// The caller as the server knows it.
#[derive(Debug, SimpleObject)]
pub struct Me {
    /// The token's `sub`; null for an anonymous observer.
    pub id: Option<ID>,
    /// The roles of the caller.
    pub roles: Vec<RoleName>,
    /// When the token of the caller expires.
    pub expires_at: Option<DateTime>,
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
