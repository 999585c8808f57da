//! Phases: the position of an auction in the sparse index. Pure.
//!
//! Every auction is in one partition of its phase, chosen by a hash of its id, so that no index
//! partition is hot.

use crate::auction::{Auction, AuctionId, Status, Timestamp};
use crate::limits;

/// A section of the index: what an auction waits for, or how it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Open: due to close at its end.
    Closing,
    /// A draft with an opening time: due to open then.
    Opening,
    /// A draft without an opening time.
    Draft,
    /// Closed; sorted by its end.
    Closed,
    /// Cancelled; sorted by its end.
    Cancelled,
}

/// The position of an auction in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The phase.
    pub phase: Phase,
    /// The number of its partition.
    pub number: u8,
    /// The time it is sorted by.
    pub at: Timestamp,
}

/// A position in a list: everything up to and including it has been seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The time the auction is sorted by.
    pub at: Timestamp,
    /// The auction.
    pub id: AuctionId,
}

impl Phase {
    /// The phases whose auctions have this status; without a status all, in listing order.
    pub fn of_status(status: Option<Status>) -> &'static [Phase] {
        match status {
            Some(Status::Open) => &[Phase::Closing],
            Some(Status::Draft) => &[Phase::Opening, Phase::Draft],
            Some(Status::Closed) => &[Phase::Closed],
            Some(Status::Cancelled) => &[Phase::Cancelled],
            None => {
                &[Phase::Closing, Phase::Opening, Phase::Draft, Phase::Closed, Phase::Cancelled]
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Closing => "CLOSING",
            Self::Opening => "OPENING",
            Self::Draft => "DRAFT",
            Self::Closed => "CLOSED",
            Self::Cancelled => "CANCELLED",
        }
    }

    pub(super) fn partition(self, number: u8) -> String {
        format!("{}#{number}", self.name())
    }
}

/// Returns the position of an auction in the index.
pub fn due_of(auction: &Auction) -> Due {
    let (phase, at) = match (auction.status, auction.opens_at) {
        (Status::Open, _) => (Phase::Closing, auction.ends_at),
        (Status::Draft, Some(opens_at)) => (Phase::Opening, opens_at),
        (Status::Draft, None) => (Phase::Draft, auction.created_at),
        (Status::Closed, _) => (Phase::Closed, auction.ends_at),
        (Status::Cancelled, _) => (Phase::Cancelled, auction.ends_at),
    };
    Due { phase, number: partition_of(&auction.id), at }
}

/// The number of the partition of an auction, in every phase.
pub(super) fn partition_of(id: &AuctionId) -> u8 {
    // FNV-1a: stable across versions and machines, as a table needs and std's hasher is not.
    let hash = id.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash >> 32) as u8 % limits::DUE_PARTITIONS
}
