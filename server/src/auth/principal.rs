//! A caller and their roles.

use gavel_core::auction::{Timestamp, UserId};

/// A role that a token grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Places bids.
    Bidder,
    /// Creates auctions; opens and cancels their own.
    Seller,
    /// Opens and cancels any auction, and sees its reserve price.
    Auctioneer,
    /// Reads and watches.
    Observer,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Bidder, Self::Seller, Self::Auctioneer, Self::Observer];

    /// The role's name in a token.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bidder => "bidder",
            Self::Seller => "seller",
            Self::Auctioneer => "auctioneer",
            Self::Observer => "observer",
        }
    }

    /// The names of all roles.
    pub fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// The role with this name, in any case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name().eq_ignore_ascii_case(name))
    }
}

/// A set of roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoleSet(u8);

impl RoleSet {
    /// The roles in it.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.has(*role))
    }

    /// Whether a role is in it.
    pub fn has(self, role: Role) -> bool {
        self.0 & (1 << role as u8) != 0
    }
}

impl FromIterator<Role> for RoleSet {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        Self(roles.into_iter().fold(0, |set, role| set | (1 << role as u8)))
    }
}

/// A caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The token's `sub`; `None` for an anonymous observer.
    pub user_id: Option<UserId>,
    /// The roles of the caller.
    pub roles: RoleSet,
    /// When the token expires.
    pub expires_at: Option<Timestamp>,
}

/// Why a caller is not admitted, or may not do something. Each text says what to do; none contains
/// a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// A token is required, and there is none.
    #[error("this needs a token; send it as Authorization: Bearer <token>")]
    Missing,
    /// The header or payload is not `Bearer <token>`.
    #[error("the authorization must be: Bearer <token>")]
    NotBearer,
    /// Several tokens, all but one of which would have to be ignored.
    #[error("several tokens were sent; send one")]
    Several,
    /// A token in a field that is not read.
    #[error("send the token in authorization, as Bearer <token>, not in {0}")]
    Misplaced(&'static str),
    /// A request signed for AWS.
    #[error(
        "this is an AWS signature (SigV4), which only AWS can check; send a token of your identity \
         provider, or an API key"
    )]
    AwsSignature,
    /// What checks tokens does not answer.
    #[error("the token cannot be checked now; try again")]
    NotChecked,
    /// A token that this service cannot read.
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// The signature, algorithm, issuer or audience is wrong.
    #[error("the token was not issued for this service; get another")]
    Untrusted,
    /// An API key that this service does not have.
    #[error("this API key is not one of this service's")]
    UnknownKey,
    /// The authorizer does not admit this token.
    #[error("the token is not accepted; get another")]
    Denied,
    /// The token has expired.
    #[error("the token has expired; get another")]
    Expired,
    /// The token's `nbf` has not been reached.
    #[error("the token is not valid yet")]
    NotYet,
    /// The token is valid, but lacks a role.
    #[error("this needs the role {}", .0.name())]
    NotAllowed(Role),
    /// A socket's token can be renewed for the same user only.
    #[error("the new token belongs to another user; open another socket for it")]
    AnotherUser,
}

impl AuthError {
    /// Whether the caller is known but lacks permission: FORBIDDEN, else UNAUTHENTICATED.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::NotAllowed(_) | Self::AnotherUser)
    }
}

impl Principal {
    /// A caller without a token, who reads and watches.
    pub fn anonymous() -> Self {
        Self { user_id: None, roles: RoleSet::from_iter([Role::Observer]), expires_at: None }
    }

    /// Whether the caller has a role.
    pub fn has(&self, role: Role) -> bool {
        self.roles.has(role)
    }

    /// The user's id, if the user has this role.
    pub fn require(&self, role: Role) -> Result<&UserId, AuthError> {
        let user_id = self.user_id.as_ref().ok_or(AuthError::Missing)?;
        if self.has(role) { Ok(user_id) } else { Err(AuthError::NotAllowed(role)) }
    }
}
