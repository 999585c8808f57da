//! One snapshot at a run that is under way.

use crate::measure::latency::Summary;
use crate::measure::path::HOPS;
use crate::units::time;

/// One snapshot at a run.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Bids that were sent.
    pub sent: u64,
    /// Bids sent a second, since the last snapshot.
    pub rate: f64,
    /// Sent, not answered.
    pub in_flight: u64,
    /// Answered accepted.
    pub accepted: u64,
    /// Answered refused.
    pub rejected: u64,
    /// Answered with an error, or not at all.
    pub other: u64,
    /// Deliveries that came again.
    pub repeated: u64,
    /// Deliveries that came after a later one.
    pub out_of_order: u64,
    /// Client to client.
    pub delivered: Summary,
    /// The medians of the hops, in the order of the path.
    pub hops_us: [u64; HOPS.len()],
    /// When, the median and the longest since the snapshot before, in seconds and milliseconds.
    pub moments: Vec<(f64, f64, f64)>,
}

impl Snapshot {
    /// On one line.
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
