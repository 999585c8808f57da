//! What watchers received: deliveries, and the log of one watcher.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::stamp::Stamp;

/// A bid as a watcher received it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The bid's id.
    pub bid_id: String,
    /// The sequence of the bid.
    pub sequence: u64,
    /// Whether it came from history.
    pub replay: bool,
    /// When this client received it.
    pub received_us: i64,
    /// The timestamps of its hops.
    pub timing: Timing,
}

/// The timestamps of a bid, from the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timing {
    /// When the client sent it, by its own clock.
    pub sent_at: Option<Stamp>,
    /// When the service received the request.
    pub received_at: Stamp,
    /// When the server that writes the auction received it, if that is another one.
    pub forwarded_at: Option<Stamp>,
    /// When its transaction was sealed.
    pub written_at: Stamp,
    /// When the relay read its record.
    pub read_at: Stamp,
    /// When the broker published it.
    pub published_at: Stamp,
    /// Where the service read it from.
    pub source: Source,
}

impl Timing {
    /// How long it took to the server that writes the auction, if that is another one.
    pub(crate) fn forward_us(&self) -> Option<i64> {
        Some(self.forwarded_at?.0 - self.received_at.0)
    }

    /// The hops from a send on, with clocks as they are.
    pub(crate) fn hops_us(&self, sent_us: i64, received_us: i64) -> [i64; 5] {
        let service = [self.received_at, self.written_at, self.read_at, self.published_at];
        let [received, written, read, published] = service.map(|stamp| stamp.0);
        let stamps = [sent_us, received, written, read, published, received_us];
        std::array::from_fn(|leg| stamps[leg + 1] - stamps[leg])
    }
}

/// Where the service read a bid from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Source {
    /// The stream.
    Stream,
    /// Its own lane.
    Lane,
    /// Another server, over the bus.
    Bus,
    /// The table.
    Table,
}

/// What one watcher received.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Log {
    /// The number of the auction.
    pub auction: usize,
    /// The cursor it started with: everything after it is expected.
    pub after: u64,
    /// The highest sequence that it received.
    pub latest: u64,
    /// The deliveries, in the order of arrival.
    pub deliveries: Vec<Delivery>,
    /// Whether it stopped reading for a while; then its latencies are not counted.
    pub stalled: bool,
    /// How often it left by itself and reconnected.
    pub departures: u64,
    /// How its subscriptions ended otherwise, by code.
    pub ends: BTreeMap<String, u64>,
    /// Whether it was notified of the end of the auction.
    pub completed: bool,
}

impl Log {
    /// Where it resumes.
    pub(crate) fn cursor(&self) -> u64 {
        self.latest.max(self.after)
    }

    pub(crate) fn ended(&mut self, how: impl Into<String>) {
        *self.ends.entry(how.into()).or_default() += 1;
    }
}
