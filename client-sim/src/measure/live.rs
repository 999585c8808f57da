//! The live figures of a run.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

use crate::measure::attempt::Outcome;
use crate::measure::latency::Latency;
use crate::measure::path::HOPS;
use crate::measure::snapshot::Snapshot;

/// Points that the plot shows.
const MOMENTS_MAX: usize = 240;

/// The live figures of a run.
#[derive(Debug, Default)]
pub struct Live {
    sent: AtomicU64,
    accepted: AtomicU64,
    rejected: AtomicU64,
    other: AtomicU64,
    replayed: AtomicU64,
    completed: AtomicU64,
    repeated: AtomicU64,
    out_of_order: AtomicU64,
    delivered: Mutex<Delivered>,
    limits: Mutex<BTreeMap<String, u64>>,
}

#[derive(Debug, Default)]
struct Delivered {
    all: Latency,
    /// Since the last snapshot.
    now: Latency,
    hops: [Latency; HOPS.len()],
}

impl Live {
    /// A bid was sent this long after its time.
    pub fn sent(&self, late_us: i64) {
        self.sent.fetch_add(1, Relaxed);
        self.delivered.lock().hops[0].add(late_us);
    }

    /// A bid was answered.
    pub fn answered(&self, outcome: &Outcome) {
        let count = match outcome {
            Outcome::Accepted { .. } | Outcome::Repeated { .. } => &self.accepted,
            Outcome::Rejected(_) => &self.rejected,
            Outcome::Failed(_) | Outcome::Unknown => &self.other,
        };
        count.fetch_add(1, Relaxed);
    }

    /// A limit of the service was reached, by its name.
    pub fn limited(&self, limit: &str) {
        *self.limits.lock().entry(limit.to_owned()).or_default() += 1;
    }

    /// The limits of the service that were reached, and how often each.
    pub fn limits(&self) -> BTreeMap<String, u64> {
        self.limits.lock().clone()
    }

    /// A watcher received a bid live, this long after it was sent, with these hops.
    pub fn delivered(&self, us: i64, hops_us: [i64; HOPS.len() - 1]) {
        let mut delivered = self.delivered.lock();
        delivered.all.add(us);
        delivered.now.add(us);
        delivered.hops[1..].iter_mut().zip(hops_us).for_each(|(hop, us)| hop.add(us));
    }

    /// A watcher received a bid from history.
    pub fn replayed(&self) {
        self.replayed.fetch_add(1, Relaxed);
    }

    /// A watcher received this bid although it had already received that one.
    pub fn not_after(&self, sequence: u64, latest: u64) {
        let count = if sequence == latest { &self.repeated } else { &self.out_of_order };
        count.fetch_add(1, Relaxed);
    }

    /// The number of deliveries.
    pub fn deliveries(&self) -> u64 {
        self.delivered.lock().all.n() + self.replayed.load(Relaxed)
    }

    /// A watcher was notified of the end of its auction.
    pub fn completed(&self) {
        self.completed.fetch_add(1, Relaxed);
    }

    /// The number of watchers that were notified of the end.
    pub fn completions(&self) -> u64 {
        self.completed.load(Relaxed)
    }

    /// The number of accepted bids.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Relaxed)
    }

    /// Takes a new snapshot, this long after the start and after the previous one.
    pub fn snapshot(&self, before: Snapshot, at: Duration, since: Duration) -> Snapshot {
        let sent = self.sent.load(Relaxed);
        let answered = [&self.accepted, &self.rejected, &self.other].map(|n| n.load(Relaxed));
        let mut delivered = self.delivered.lock();
        let now = std::mem::take(&mut delivered.now);
        let mut moments = before.moments;
        if let Some(longest) = now.max() {
            moments.push((at.as_secs_f64(), now.median() as f64 / 1e3, longest as f64 / 1e3));
            let over = moments.len().saturating_sub(MOMENTS_MAX);
            moments.drain(..over);
        }
        Snapshot {
            sent,
            rate: (sent - before.sent) as f64 / since.as_secs_f64().max(0.001),
            in_flight: sent.saturating_sub(answered.iter().sum()),
            accepted: answered[0],
            rejected: answered[1],
            other: answered[2],
            repeated: self.repeated.load(Relaxed),
            out_of_order: self.out_of_order.load(Relaxed),
            delivered: delivered.all.summary(),
            hops_us: std::array::from_fn(|hop| delivered.hops[hop].median()),
            moments,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_tells_what_is_under_way_and_what_came_since_the_last() {
        let live = Live::default();
        for _ in 0..3 {
            live.sent(100);
        }
        live.answered(&Outcome::Unknown);
        live.delivered(5_000, [1_000; 5]);
        let second = Duration::from_secs(1);
        let snapshot = live.snapshot(Snapshot::default(), second, second);
        assert_eq!((snapshot.in_flight, snapshot.other, snapshot.moments.len()), (2, 1, 1));
        assert!((snapshot.rate - 3.0).abs() < 1e-9);
        assert_eq!(snapshot.hops_us[1], 1_000);
        let snapshot = live.snapshot(snapshot, second * 2, second);
        assert_eq!(snapshot.moments.len(), 1, "nothing came since");
        live.not_after(4, 4);
        live.not_after(3, 4);
        let snapshot = live.snapshot(snapshot, second * 3, second);
        assert_eq!((snapshot.repeated, snapshot.out_of_order), (1, 1));
    }
}
