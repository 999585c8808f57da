//! Auctions and their rules: pure, no async, no IO; time is an argument.
//!
//! [`Auction`] is the state of one auction, [`decide()`] says what a bid does to it, and
//! [`lifecycle`] what opening, closing and cancelling do. Nothing here knows of DynamoDB, GraphQL
//! or HTTP.

pub mod types;
pub mod text;
pub mod state;
pub mod draft;
pub mod decide;
pub mod lifecycle;
#[cfg(any(test, feature = "simulation"))]
pub mod testing;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod properties;

pub use decide::{Bid, BidRequest, Rejection, RejectionCode, decide, rejection, repeats_lead};
pub use draft::{Draft, DraftError};
pub use lifecycle::{Applied, Canceller, Transition, TransitionError};
pub use state::{Auction, Status};
pub use types::{Amount, AmountError, AuctionId, BidId, Currency, Timestamp, UserId};
