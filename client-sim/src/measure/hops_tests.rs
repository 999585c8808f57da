//! Tests of hops.

use super::*;
use crate::measure::delivery::{Source, Timing};
use crate::stamp::Stamp;

/// Intended at 0, sent at 10, answered at 900.
fn attempt() -> Attempt {
    Attempt {
        auction: 0,
        intended_us: 0,
        sent_us: 10,
        answered_us: Some(900),
        traceparent: String::new(),
        keyed: true,
        retries: 0,
        denied_us: None,
        outcome: Outcome::Accepted {
            bid_id: "b".to_owned(),
            sequence: 1,
            written_us: 200,
            committed_us: Some(500),
        },
    }
}

fn log(forwarded_at: Option<i64>, received_us: i64) -> Log {
    let timing = Timing {
        sent_at: Some(Stamp(10)),
        received_at: Stamp(110),
        forwarded_at: forwarded_at.map(Stamp),
        written_at: Stamp(200),
        read_at: Stamp(600),
        published_at: Stamp(650),
        source: Source::Bus,
    };
    let delivery = Delivery { bid_id: "b".into(), sequence: 1, replay: false, received_us, timing };
    Log { deliveries: vec![delivery], ..Log::default() }
}

#[test]
fn the_hops_of_a_forwarded_bid_add_up_and_those_of_others_have_no_forward() {
    for (forwarded_at, forward, lane) in [(Some(150), Some(40), 50), (None, None, 90)] {
        let logs = [log(forwarded_at, 800), log(forwarded_at, 850)];
        let latencies = Latencies::measure(&[attempt()], &logs, 0);
        let report = latencies.report();
        let hops = report.hops;
        assert_eq!(hops.forward.max.map(|us| us as i64), forward);
        assert_eq!(hops.lane.max, Some(lane));
        let one = [hops.schedule, hops.request, hops.forward, hops.lane, hops.store_and_stream];
        let sum: u64 =
            one.iter().chain([&hops.relay, &hops.deliver]).filter_map(|hop| hop.max).sum();
        assert_eq!(Some(sum), report.client_to_last_client.max, "the last watcher's");
        assert_eq!(latencies.torn, 0);
        let bid = latencies.bids[0];
        assert_eq!((bid.hops_us.iter().sum::<i64>(), bid.total_us), (850, 850));
        assert_eq!(bid.forward_us, forward.unwrap_or(0));
    }
}
