//! What a cluster needs of a message bus: it may lose, repeat, delay and reorder.

use tokio::sync::mpsc;

use crate::auction::AuctionId;
use crate::broker::Interest;

/// What a message is about; who takes an interest in it is sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// The bids and states of one auction.
    Auction(&'a AuctionId),
    /// Digests, for every node.
    Digests,
    /// Versions that are being written, for every node.
    Awaited,
}

/// What comes from the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// An auction's bids or state.
    Event(Vec<u8>),
    /// A digest.
    Digest(Vec<u8>),
    /// A version that is being written.
    Awaited(Vec<u8>),
    /// The connection is there, again or for the first time.
    Connected,
    /// The connection is lost; messages may be, too.
    Disconnected,
    /// Messages were dropped: this node reads them too slowly.
    Overflowed,
}

/// Notices as they come, within a bound.
pub type Notices = mpsc::Receiver<Notice>;

/// The sending half of a bus, and what this node takes an interest in.
pub trait Bus: Interest {
    /// Sends a message, or loses it.
    fn publish(&self, subject: Subject<'_>, message: Vec<u8>);
}
