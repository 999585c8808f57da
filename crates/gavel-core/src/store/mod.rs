//! The store: auctions, bids and idempotency keys in one DynamoDB table.
//!
//! [`Table`] is what the lane needs of it; [`Dynamo`] is the real thing over the AWS SDK, the same
//! code for the embedded engine, any other endpoint and AWS. The store decides nothing: it reports what
//! was written, what was not and what is unknown.

pub mod error;
pub mod counts;
mod watch;
pub mod phase;
mod agenda;
pub mod item;
pub mod key;
pub mod connect;
pub mod probe;
pub mod setup;
pub mod dynamo;
pub mod transact;
pub mod pages;
pub mod list;

use std::future::Future;

pub use dynamo::Dynamo;
pub use error::{CommitError, StoreError};
pub use key::{IdempotencyKey, KeyRecord};

use crate::auction::{Auction, AuctionId, Bid, Timestamp};

/// A bid as the table has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBid {
    /// The bid.
    pub bid: Bid,
    /// When the lane sealed the transaction that wrote it.
    pub written_at: Timestamp,
}

/// An accepted bid that is to be written, with its idempotency key if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBid {
    /// The bid.
    pub bid: Bid,
    /// Its key.
    pub key: Option<IdempotencyKey>,
}

/// What one transaction writes: an auction's next state and the bids that led to it.
///
/// Frozen once sealed: the token names one byte-identical request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// The ClientRequestToken.
    pub token: String,
    /// The version that the auction must still have.
    pub expected_version: u64,
    /// The auction after it, with `version = expected_version + 1`.
    pub auction: Auction,
    /// The accepted bids, in sequence order; none for a lifecycle command alone.
    pub bids: Vec<NewBid>,
    /// When it was sealed.
    pub written_at: Timestamp,
}

/// What the bidding lane needs of the table. Every read is strongly consistent.
pub trait Table: Send + Sync + 'static {
    /// The auction, if there is one.
    fn load(
        &self,
        id: &AuctionId,
    ) -> impl Future<Output = Result<Option<Auction>, StoreError>> + Send;

    /// Writes all of the transaction or nothing. One attempt.
    fn commit(
        &self,
        transaction: &Transaction,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;

    /// What is remembered under these keys, in their order.
    fn keys(
        &self,
        keys: &[IdempotencyKey],
    ) -> impl Future<Output = Result<Vec<Option<KeyRecord>>, StoreError>> + Send;

    /// Bids with a sequence over `after`, ascending, at most `limit` of them (a page may be
    /// shorter than what the table has).
    fn bids(
        &self,
        id: &AuctionId,
        after: u64,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<StoredBid>, StoreError>> + Send;
}
