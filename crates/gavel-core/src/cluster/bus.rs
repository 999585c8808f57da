//! What a cluster needs of a message bus: it may lose, repeat, delay and reorder.

use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use crate::auction::AuctionId;
use crate::broker::Interest;
use crate::store::lease::NodeId;

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
#[derive(Debug, Clone)]
pub enum Notice {
    /// An auction's bids or state.
    Event(Vec<u8>),
    /// A digest.
    Digest(Vec<u8>),
    /// A version that is being written.
    Awaited(Vec<u8>),
    /// Another node asks this one; it waits for the answer.
    Request(Vec<u8>, Replier),
    /// The connection is there, again or for the first time.
    Connected,
    /// The connection is lost; messages may be, too.
    Disconnected,
    /// Messages were dropped: this node reads them too slowly.
    Overflowed,
}

/// Notices as they come, within a bound.
pub type Notices = mpsc::Receiver<Notice>;

/// Where the answer to a request goes. The first one counts.
#[derive(Debug, Clone)]
pub struct Replier(mpsc::Sender<Vec<u8>>);

impl Replier {
    /// One, and where its answer comes out.
    pub fn new() -> (Self, mpsc::Receiver<Vec<u8>>) {
        let (sender, answer) = mpsc::channel(1);
        (Self(sender), answer)
    }

    /// Answers. Nobody may be waiting any more.
    pub fn answer(&self, answer: Vec<u8>) {
        self.0.try_send(answer).ok();
    }
}

/// The sending half of a bus, and what this node takes an interest in.
pub trait Bus: Interest {
    /// Sends a message, or loses it.
    fn publish(&self, subject: Subject<'_>, message: Vec<u8>);

    /// Asks a node. Nothing: it did not answer in time, and may have heard it all the same.
    fn request<'a>(&'a self, node: &'a NodeId, message: Vec<u8>) -> BoxFuture<'a, Option<Vec<u8>>>;
}
