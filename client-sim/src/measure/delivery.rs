//! What watchers were told: deliveries, and the log that one watcher keeps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::stamp::Stamp;

/// A bid as a watcher was told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The bid's id.
    pub bid_id: String,
    /// Its number.
    pub sequence: u64,
    /// From history.
    pub replay: bool,
    /// When this client had it.
    pub received_us: i64,
    /// The stamps of its hops.
    pub timing: Timing,
}

/// The service's stamps of a bid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timing {
    /// The client's own.
    pub sent_at: Option<Stamp>,
    /// The request was there.
    pub received_at: Stamp,
    /// Its transaction was sealed.
    pub written_at: Stamp,
    /// The relay had its record.
    pub read_at: Stamp,
    /// The broker had it in order.
    pub published_at: Stamp,
    /// From where the service read it.
    pub source: Source,
}

impl Timing {
    /// The hops from a send on, with clocks as they are.
    pub(crate) fn hops_us(&self, sent_us: i64, received_us: i64) -> [i64; 5] {
        let service = [self.received_at, self.written_at, self.read_at, self.published_at];
        let [received, written, read, published] = service.map(|stamp| stamp.0);
        let stamps = [sent_us, received, written, read, published, received_us];
        std::array::from_fn(|leg| stamps[leg + 1] - stamps[leg])
    }
}

/// From where the service read a bid.
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

/// What one watcher was told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Log {
    /// The auction's number.
    pub auction: usize,
    /// The cursor it started with: everything after it is expected.
    pub after: u64,
    /// The latest that it was told of.
    pub latest: u64,
    /// In the order of arrival.
    pub deliveries: Vec<Delivery>,
    /// Whether it stopped reading for a while: its latencies are its own.
    pub stalled: bool,
    /// How often it left by itself, and came back.
    pub departures: u64,
    /// How its subscriptions ended otherwise, by code.
    pub ends: BTreeMap<String, u64>,
    /// Whether it was told that the auction has ended.
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
