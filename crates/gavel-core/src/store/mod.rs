//! The store: auctions, bids and idempotency keys in one DynamoDB table.
//!
//! [`Table`] is what lanes and the broker need of the store; [`Dynamo`] implements it with the AWS
//! SDK, the same code for the embedded engine, any other endpoint and AWS. The store decides
//! nothing: it reports what was written, what was not and what is unknown.

pub mod error;
pub mod counts;
mod watch;
pub mod phase;
mod agenda;
pub mod lease;
pub mod item;
pub mod key;
pub mod leases;
pub mod connect;
pub mod probe;
pub mod setup;
pub mod dynamo;
pub mod transact;
mod isolated;
mod bidders;
pub mod pages;
pub mod list;
#[cfg(any(test, feature = "simulation"))]
pub mod simulated;

use std::future::Future;

pub use dynamo::Dynamo;
pub use error::{CommitError, StoreError};
pub use key::{IdempotencyKey, KeyRecord};

use crate::auction::{Auction, AuctionId, Bid, Timestamp, UserId};

/// A bid as stored in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBid {
    /// The bid.
    pub bid: Bid,
    /// When the lane sealed the transaction that wrote it.
    pub written_at: Timestamp,
}

/// An accepted bid to write, with its idempotency key if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBid {
    /// The bid.
    pub bid: Bid,
    /// The idempotency key, if the bid has one.
    pub key: Option<IdempotencyKey>,
}

/// One transaction: an auction's next state and the bids that lead to it.
///
/// Frozen once sealed: the token identifies one byte-identical request (SOURCES.md#stores).
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
    /// Bidders of these bids who are to be recorded as bidders of the auction.
    pub newcomers: Vec<UserId>,
    /// When the transaction was sealed.
    pub written_at: Timestamp,
}

/// The order in which a page of bids is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Sequences over this one, ascending.
    After(u64),
    /// Sequences under this one, descending.
    Before(u64),
}

/// What lanes and the broker need of the table. Every read is strongly consistent, but a
/// transaction becomes visible item by item: what [`Table::load`] has seen of one, [`Table::page`]
/// may not see yet. [`Table::keys`] and [`Table::bid`] are isolated from transactions: they fail
/// while one holds what they ask for, so "not there" is final with respect to everything seen
/// before.
pub trait Table: Send + Sync + 'static {
    /// The auction, if there is one.
    fn load(
        &self,
        id: &AuctionId,
    ) -> impl Future<Output = Result<Option<Auction>, StoreError>> + Send;

    /// Writes the whole transaction or nothing. Makes one attempt.
    fn commit(
        &self,
        transaction: &Transaction,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;

    /// The records under these idempotency keys, in order. Isolated from transactions.
    fn keys(
        &self,
        keys: &[IdempotencyKey],
    ) -> impl Future<Output = Result<Vec<Option<KeyRecord>>, StoreError>> + Send;

    /// The bid with this sequence. Isolated from transactions.
    fn bid(
        &self,
        id: &AuctionId,
        sequence: u64,
    ) -> impl Future<Output = Result<Option<StoredBid>, StoreError>> + Send;

    /// A page of bids: `limit` of them, fewer only if there are no more.
    fn page(
        &self,
        id: &AuctionId,
        order: Order,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<StoredBid>, StoreError>> + Send;

    /// At most [`limits::BATCH_GET_MAX`](crate::limits::BATCH_GET_MAX) auctions by id, in any
    /// order; unknown ids are left out. An unreadable one does not affect the others.
    fn load_each(
        &self,
        ids: &[AuctionId],
    ) -> impl Future<Output = Result<Vec<Result<Auction, StoreError>>, StoreError>> + Send;
}
