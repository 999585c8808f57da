//! Counts of sockets and of the fan-out. A group counts each turn separately, and adds it here.

use std::sync::Arc;

use gavel_core::auction::Timestamp;
use gavel_core::metrics::{Counter, CounterVec, Durations, Gauge, Sizes};
use gavel_core::{labels, metrics};

use super::action::Close;
use super::payload::Payload;
use crate::limiter::Bound;

labels! {
    /// What was delivered.
    pub Delivery {
        /// A bid, delivered live.
        Live = "live",
        /// A bid from history.
        Replay = "replay",
        /// An auction's state.
        State = "state",
    }
}

labels! {
    /// How a socket ended.
    pub End {
        /// Its client left.
        Gone = "gone",
        /// The operation of an event stream has ended.
        Completed = "complete",
        /// No operation ran for a long time.
        Idle = "1000",
        /// A frame was not of the WebSocket protocol.
        BadFrame = "1002",
        /// A text was not UTF-8.
        NotUtf8 = "1007",
        /// A message was too big.
        TooBig = "1009",
        /// The server stops.
        Restart = "1012",
        /// The client did not read, did not answer a ping, or exceeded a limit.
        TryAgain = "1013",
        /// A message was not of the protocol.
        Malformed = "4400",
        /// An operation before the acknowledgement.
        Unauthorized = "4401",
        /// A token that is invalid, or has expired.
        Forbidden = "4403",
        /// Another protocol.
        Subprotocol = "4406",
        /// No connection_init in time.
        InitTimeout = "4408",
        /// The id of a running operation was used again.
        Exists = "4409",
        /// A second connection_init.
        InitAgain = "4429",
        /// Any other code.
        Other = "other",
    }
}

impl From<Option<&Close>> for End {
    fn from(close: Option<&Close>) -> Self {
        match close.map(|close| close.code) {
            None => Self::Gone,
            Some(1000) => Self::Idle,
            Some(1002) => Self::BadFrame,
            Some(1007) => Self::NotUtf8,
            Some(1009) => Self::TooBig,
            Some(1012) => Self::Restart,
            Some(1013) => Self::TryAgain,
            Some(4400) => Self::Malformed,
            Some(4401) => Self::Unauthorized,
            Some(4403) => Self::Forbidden,
            Some(4406) => Self::Subprotocol,
            Some(4408) => Self::InitTimeout,
            Some(4409) => Self::Exists,
            Some(4429) => Self::InitAgain,
            Some(_) => Self::Other,
        }
    }
}

/// The limit that a socket closed like this has reached.
pub(super) fn bound_of(close: &Close) -> Option<Bound> {
    [
        (Close::IDLE, Bound::SocketIdle),
        (Close::TOO_BIG, Bound::SocketMessage),
        (Close::INIT_TIMEOUT, Bound::InitTime),
        (Close::MESSAGE_TIMEOUT, Bound::MessageTime),
        (Close::NO_PONG, Bound::PongTime),
        (Close::TOO_SLOW, Bound::WriteTime),
        (Close::TOKEN_EXPIRED, Bound::TokenExpiry),
        (Close::OPERATION_ID, Bound::OperationId),
    ]
    .into_iter()
    .find_map(|(of, bound)| (of == *close).then_some(bound))
}

metrics! {
    /// The counts of the sockets of a process.
    pub SocketCounts {
        /// Events that groups and replays have executed.
        executions: Counter = "gavel_executions_total",
        /// Events handed to sockets.
        deliveries: CounterVec<Delivery> = "gavel_deliveries_total" by "kind",
        /// Bytes of the frames of these events.
        bytes: Counter = "gavel_delivered_bytes_total",
        /// From the publication to the socket: a sample for each live delivery of a bid.
        deliver: Durations = "gavel_hop_seconds" hop "deliver",
        /// Members of a group, each time that it delivers.
        group_members: Sizes = "gavel_group_members",
        /// Subscriptions that are members of groups.
        subscriptions: Arc<Gauge> = "gavel_subscriptions",
        /// Events waiting in the queues of sockets.
        queued: Arc<Gauge> = "gavel_queued_frames",
        /// Subscriptions that ended because they did not keep up.
        slow: Counter = "gavel_slow_consumers_total",
        /// Sockets that ended, by close code.
        ends: CounterVec<End> = "gavel_socket_ends_total" by "code",
    }
}

impl SocketCounts {
    /// Counts an event that was delivered to one socket outside its group.
    pub(super) fn delivered(&self, payload: &Payload, replay: bool, bytes: usize, now: Timestamp) {
        self.bytes.add(bytes as u64);
        match payload.published_at() {
            None => self.deliveries.inc(Delivery::State),
            Some(_) if replay => self.deliveries.inc(Delivery::Replay),
            Some(published_at) => {
                self.deliveries.inc(Delivery::Live);
                self.deliver.between(published_at, now);
            }
        }
    }
}

/// What a group has delivered to sockets in a part of a turn: plain numbers, added up at its end.
#[derive(Debug)]
pub(super) struct BatchTotals {
    /// Members by the position of the first event that they got, and of the first live one.
    from: Vec<u64>,
    live_from: Vec<u64>,
    bytes: u64,
    members: usize,
}

impl BatchTotals {
    /// Members between two readings of the clock: some 150 us.
    const PART: usize = 32;

    /// Empty totals for this many events.
    pub(super) fn new(events: usize) -> Self {
        let zeros = || vec![0; events + 1];
        Self { from: zeros(), live_from: zeros(), bytes: 0, members: 0 }
    }

    /// A member got the frames of the events from a position on.
    pub(super) fn add(&mut self, (from, live_from): (usize, usize), bytes: usize) {
        self.from[from] += 1;
        self.live_from[live_from.max(from)] += 1;
        self.bytes += bytes as u64;
        self.members += 1;
    }

    /// Whether it is time to add up.
    pub(super) fn is_ripe(&self) -> bool {
        self.members >= Self::PART
    }

    /// Adds the totals up, and starts over.
    pub(super) fn add_up(
        &mut self,
        events: &[(u64, Arc<Payload>)],
        counts: &SocketCounts,
        now: impl FnOnce() -> Timestamp,
    ) {
        if self.members == 0 {
            return;
        }
        let now = now();
        let (mut all, mut live) = (0, 0);
        let (mut lives, mut replays, mut states) = (0, 0, 0);
        for (place, (_, payload)) in events.iter().enumerate() {
            all += std::mem::take(&mut self.from[place]);
            live += std::mem::take(&mut self.live_from[place]);
            match payload.published_at() {
                None => states += all,
                Some(published_at) => {
                    lives += live;
                    replays += all - live;
                    counts.deliver.between_times(published_at, now, live);
                }
            }
        }
        let last = events.len();
        (self.from[last], self.live_from[last]) = (0, 0);
        for (kind, count) in
            [(Delivery::Live, lives), (Delivery::Replay, replays), (Delivery::State, states)]
        {
            if count > 0 {
                counts.deliveries.of(kind).add(count);
            }
        }
        counts.bytes.add(std::mem::take(&mut self.bytes));
        self.members = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gavel_core::metrics::Label as _;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn event(number: u64, published_at: Option<Timestamp>) -> (u64, Arc<Payload>) {
        (number, Arc::new(Payload::new("{}".to_owned()).published(published_at)))
    }

    #[test]
    fn a_turn_is_added_up_event_by_event_live_and_replayed_apart() {
        let counts = SocketCounts::default();
        let events = [event(1, Some(NOW)), event(2, Some(NOW)), event(3, Some(NOW))];
        let mut tally = BatchTotals::new(events.len());
        // All three live; all three, the first two replayed; the last alone.
        tally.add((0, 0), 30);
        tally.add((0, 2), 40);
        tally.add((2, 0), 10);
        let now = || NOW.plus(Duration::from_millis(2));
        tally.add_up(&events, &counts, now);
        let told: Vec<_> = counts.deliveries.each().collect();
        assert_eq!(told, [("live", 5), ("replay", 2), ("state", 0)]);
        assert_eq!(counts.bytes.get(), 80);
        let hop = counts.deliver.snapshot();
        assert_eq!(hop.count, 5);
        assert!((hop.sum - 0.010).abs() < 1e-9, "{}", hop.sum);
        tally.add_up(&events, &counts, || panic!("nothing is left to add up"));
        assert_eq!(counts.bytes.get(), 80);
    }

    #[test]
    fn a_state_has_no_deliver_hop() {
        let counts = SocketCounts::default();
        let events = [event(7, None)];
        let mut tally = BatchTotals::new(1);
        tally.add((0, 0), 10);
        tally.add_up(&events, &counts, || NOW);
        counts.delivered(&events[0].1, false, 10, NOW);
        assert_eq!(counts.deliveries.of(Delivery::State).get(), 2);
        assert_eq!(counts.deliver.snapshot().count, 0);
    }

    #[test]
    fn every_code_that_sockets_are_closed_with_is_told_by_itself() {
        for close in [
            Close::IDLE,
            Close::BAD_FRAME,
            Close::NOT_UTF8,
            Close::TOO_BIG,
            Close::RESTART,
            Close::TOO_SLOW,
        ] {
            assert_eq!(End::from(Some(&close)).label(), close.code.to_string());
        }
        assert_eq!(End::from(None), End::Gone);
        assert_eq!(bound_of(&Close::TOO_MANY), None, "the guard has counted it");
    }
}
