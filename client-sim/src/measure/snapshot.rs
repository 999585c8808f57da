//! A snapshot of a running run.

use crate::measure::latency::Summary;
use crate::measure::path::HOPS;
use crate::units::time;

/// A snapshot of a running run.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Bids that were sent.
    pub sent: u64,
    /// Bids sent a second, since the last snapshot.
    pub rate: f64,
    /// Sent, but not answered yet.
    pub in_flight: u64,
    /// Accepted.
    pub accepted: u64,
    /// Rejected.
    pub rejected: u64,
    /// Answered with an error, or not at all.
    pub other: u64,
    /// Deliveries that arrived again.
    pub repeated: u64,
    /// Deliveries that arrived after a later one.
    pub out_of_order: u64,
    /// Client to client.
    pub delivered: Summary,
    /// The medians of the hops, in the order of the path.
    pub hops_us: [u64; HOPS.len()],
    /// The time, median and maximum of each interval, in seconds and milliseconds.
    pub moments: Vec<(f64, f64, f64)>,
}

impl Snapshot {
    /// The snapshot in one line.
    pub fn line(&self) -> String {
        let summary = &self.delivered;
        let cell = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), time);
        let other = match self.other {
            0 => String::new(),
            n => format!(", {n} failed"),
        };
        format!(
            "bids {} accepted, {} rejected{other} | {} deliveries, p50 {}, p99 {}, max {}",
            self.accepted,
            self.rejected,
            summary.n,
            cell(summary.p50),
            cell(summary.p99),
            cell(summary.max),
        )
    }
}
