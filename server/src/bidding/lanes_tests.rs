//! Lanes over a simulated table: what holds whatever goes wrong.
//!
//! GAVEL_SEED=n runs one seed; without it, many.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::simulated::{Faults, SimulatedTable, auction};
use super::{BidAnswer, Herald, LaneError, LaneSettings, Lanes, PlaceBid};
use crate::auction::{Amount, AuctionId, BidId, BidRequest, UserId, refusal};
use crate::broker::demand::Demand;
use crate::clock;
use crate::store::{IdempotencyKey, StoredBid};
use crate::tasks::Tasks;

type Answer = Result<BidAnswer, LaneError>;

fn lanes(table: &Arc<SimulatedTable>, settings: LaneSettings) -> Lanes<SimulatedTable> {
    let herald = Herald::Relay(Demand::new(Duration::from_millis(500)));
    Lanes::new(Arc::clone(table), herald, settings, Tasks::default())
}

fn place(id: &AuctionId, bidder: &str, minor_units: u64, key: Option<&str>) -> PlaceBid {
    let bidder_id = UserId::from(bidder);
    let key = key.map(|key| IdempotencyKey::new(id, &bidder_id, key));
    let request = BidRequest {
        id: BidId::random(),
        auction_id: id.clone(),
        bidder_id,
        amount: Amount::new(minor_units).unwrap(),
        sent_at: None,
        received_at: clock::now(),
        traceparent: None,
    };
    PlaceBid { request, key }
}

/// One bid as it was sent and answered.
struct Sent {
    bid: PlaceBid,
    answer: Answer,
}

/// Two servers, ten bidders, everything going wrong.
async fn two_servers(seed: u64) -> (Vec<Sent>, Arc<SimulatedTable>) {
    let terms = auction(clock::now());
    let id = terms.id.clone();
    let table = Arc::new(SimulatedTable::new(terms, Faults::all(), seed));
    let settings = LaneSettings { group_commit_max: 3, ..LaneSettings::default() };
    let servers = [lanes(&table, settings), lanes(&table, settings)];
    let bidders = (0..10_u64).map(|bidder| {
        let (servers, id) = (&servers, &id);
        async move {
            let mut random = StdRng::seed_from_u64(seed ^ (bidder << 32));
            let name = format!("bidder-{bidder}");
            let mut sent = Vec::new();
            for n in 0..6 {
                tokio::time::sleep(Duration::from_millis(random.random_range(0..40))).await;
                let minor_units = 1_000 + 100 * random.random_range(0..60_u64);
                let key = format!("key-{n}");
                let keyed = random.random_bool(0.5);
                let tries = if keyed { random.random_range(1..4) } else { 1 };
                for _ in 0..tries {
                    let bid = place(id, &name, minor_units, keyed.then_some(key.as_str()));
                    let server = &servers[random.random_range(0..2)];
                    sent.push(Sent { answer: server.place(bid.clone()).await, bid });
                }
            }
            sent
        }
    });
    let sent = join_all(bidders).await.into_iter().flatten().collect();
    (sent, table)
}

fn check(sent: &[Sent], table: &SimulatedTable) {
    let (auction, bids) = table.finally();
    let sequences: Vec<u64> = bids.iter().map(|stored| stored.bid.sequence).collect();
    assert_eq!(sequences, (1..=bids.len() as u64).collect::<Vec<_>>(), "sequences are 1..n");
    let prices: Vec<Amount> = bids.iter().map(|stored| stored.bid.amount).collect();
    assert!(prices.is_sorted_by(|a, b| a < b), "the price rises: {prices:?}");
    assert_eq!(auction.sequence, bids.len() as u64);

    let by_id: HashMap<&BidId, &StoredBid> = bids.iter().map(|s| (&s.bid.id, s)).collect();
    assert_eq!(by_id.len(), bids.len(), "no bid is there twice");
    let mut by_key: HashMap<&IdempotencyKey, &BidId> = HashMap::new();
    for Sent { bid, answer } in sent {
        match answer {
            Ok(BidAnswer::Accepted { stored, repeated, .. }) => {
                let in_table = by_id.get(&stored.bid.id).expect("an accepted bid is in the table");
                assert_eq!(in_table.bid, stored.bid);
                assert!(*repeated || stored.bid.id == bid.request.id);
                if let Some(key) = &bid.key {
                    let first = by_key.entry(key).or_insert(&stored.bid.id);
                    assert_eq!(*first, &stored.bid.id, "one key, one bid");
                }
            }
            Err(LaneError::OutcomeUnknown) => {}
            Ok(BidAnswer::Refused { auction, .. }) => {
                assert!(!by_id.contains_key(&bid.request.id), "a refused bid never appears");
                let refused = refusal(auction, &bid.request);
                assert!(refused.is_some(), "the state that is told with a refusal refuses");
            }
            Err(_) => assert!(!by_id.contains_key(&bid.request.id), "not written is not there"),
        }
    }
}

fn seeds(count: u64) -> Vec<u64> {
    match std::env::var("GAVEL_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => (0..count).collect(),
    }
}

#[test]
fn two_servers_over_one_table_never_both_win_whatever_goes_wrong() {
    let mut accepted = 0;
    for seed in seeds(300) {
        println!("GAVEL_SEED={seed}");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let (sent, table) = runtime.block_on(two_servers(seed));
        check(&sent, &table);
        accepted += table.finally().1.len();
    }
    assert!(accepted > 0, "the simulation bids");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_is_resolved_by_its_key() {
    let terms = auction(clock::now());
    let id = terms.id.clone();
    let lost = Faults { lost_answer: 1.0, ..Faults::default() };
    let table = Arc::new(SimulatedTable::new(terms, lost, 1));
    let server = lanes(&table, LaneSettings::default());
    let first = server.place(place(&id, "ann", 1_000, Some("k"))).await;
    assert_eq!(first, Err(LaneError::OutcomeUnknown));
    table.set_faults(Faults::default());
    let again = server.place(place(&id, "ann", 1_000, Some("k"))).await;
    let Ok(BidAnswer::Accepted { stored, repeated: true, .. }) = again else {
        panic!("not the first answer: {again:?}");
    };
    assert_eq!(stored.bid.sequence, 1);
    assert_eq!(table.finally().1.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_told_as_not_written_and_nothing_is() {
    let terms = auction(clock::now());
    let id = terms.id.clone();
    let down = Faults { unavailable: 1.0, ..Faults::default() };
    let table = Arc::new(SimulatedTable::new(terms, down, 1));
    let server = lanes(&table, LaneSettings::default());
    let bids = (0..20).map(|n| server.place(place(&id, "ann", 1_000 + 100 * n, None)));
    for answer in join_all(bids).await {
        assert_eq!(answer, Err(LaneError::StoreUnavailable));
    }
    table.set_faults(Faults::default());
    assert!(table.finally().1.is_empty());
    assert!(server.place(place(&id, "ann", 1_000, None)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_full_says_so_and_those_in_it_are_decided() {
    let terms = auction(clock::now());
    let id = terms.id.clone();
    let table = Arc::new(SimulatedTable::new(terms, Faults::default(), 1));
    let server = lanes(&table, LaneSettings::default());
    let count = crate::limits::LANE_QUEUE_MAX as u64 + 50;
    let bids = (0..count).map(|n| server.place(place(&id, "ann", 1_000 + 100 * n, None)));
    let answers = join_all(bids).await;
    let full = answers.iter().filter(|answer| **answer == Err(LaneError::Overloaded)).count();
    let accepted = answers.iter().filter(|a| matches!(a, Ok(BidAnswer::Accepted { .. }))).count();
    assert_eq!(full, 50);
    assert_eq!(accepted, crate::limits::LANE_QUEUE_MAX);
    let (_, bids) = table.finally();
    assert_eq!(bids.len(), accepted);
    // Groups were filled: far fewer transactions than bids.
    assert!(table.commits() <= 2 + accepted / crate::limits::GROUP_COMMIT_MAX);
}

#[tokio::test(start_paused = true)]
async fn closed_lanes_finish_what_they_have_and_take_no_more() {
    let terms = auction(clock::now());
    let id = terms.id.clone();
    let table = Arc::new(SimulatedTable::new(terms, Faults::default(), 1));
    let server = lanes(&table, LaneSettings::default());
    let first = server.place(place(&id, "ann", 1_000, None));
    let close = async {
        tokio::task::yield_now().await;
        server.close();
    };
    let (first, ()) = tokio::join!(first, close);
    assert!(matches!(first, Ok(BidAnswer::Accepted { .. })), "{first:?}");
    let late = server.place(place(&id, "ann", 2_000, None)).await;
    assert_eq!(late, Err(LaneError::StoreUnavailable));
}

#[tokio::test(start_paused = true)]
async fn an_idle_lane_ends_and_the_next_bid_starts_another() {
    let terms = auction(clock::now());
    let id = terms.id.clone();
    let table = Arc::new(SimulatedTable::new(terms, Faults::default(), 1));
    let server = lanes(&table, LaneSettings { idle: Duration::from_secs(1), ..Default::default() });
    server.place(place(&id, "ann", 1_000, None)).await.unwrap();
    assert_eq!(server.count(), 1);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(server.count(), 0);
    let again = server.place(place(&id, "bob", 1_100, None)).await;
    assert!(matches!(again, Ok(BidAnswer::Accepted { .. })), "{again:?}");
}
