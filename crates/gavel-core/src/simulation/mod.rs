//! From a bid to the topics that watchers read under one seed, in simulated time: a table and a stream
//! that fail, servers with lanes, relay and broker, and watchers that leave, stall and resume. Groups
//! and sockets are not in it, and stamps are of the wall clock: no auction ends by time.
//!
//! Whatever happens, each watcher is told every bid after its first position once and in order, and
//! all of them within the time of the regular check once the faults are over. `GAVEL_SEED=<n>` runs
//! one seed, `GAVEL_SEED=<n>..<m>` those from n to m. A seed chooses bids, faults and watchers,
//! but pauses have a jitter of their own, so that a seed that failed may pass when it is run again.

mod stream;
mod server;
mod watcher;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::time::sleep;

use self::server::Server;
use self::stream::Streams;
use self::watcher::{Course, Watcher};
use crate::auction::{Canceller, Transition};
use crate::bidding::lanes_tests::{placed, running_auction};
use crate::limits;
use crate::store::simulated::Simulated;

const SEEDS: Range<u64> = 0..1000;
const BIDDERS: [&str; 4] = ["ann", "bob", "cem", "dan"];
const WATCHERS: u64 = 4;

/// What the seeds must reach.
#[derive(Debug, Default)]
struct Reached {
    bids: usize,
    delivered: usize,
    resumed: usize,
    repaired: u64,
    late: u64,
    ended: usize,
    /// Auctions with more bids than a topic keeps.
    long: usize,
}

#[tokio::test(start_paused = true)]
async fn every_watcher_is_told_every_bid_once_and_in_order() {
    let given = std::env::var("GAVEL_SEED").ok();
    let number = |text: &str| text.parse().expect("GAVEL_SEED is a number, or two with .. between");
    let seeds = match given.as_deref().map(|text| text.split_once("..").ok_or(text)) {
        None => SEEDS,
        Some(Ok((from, to))) => number(from)..number(to),
        Some(Err(one)) => number(one)..number(one) + 1,
    };
    let mut reached = Reached::default();
    for seed in seeds {
        println!("GAVEL_SEED={seed}");
        run(seed, &mut reached).await;
    }
    println!("{reached:?}");
    let Reached { bids, delivered, resumed, repaired, late, ended, long } = reached;
    let all = [bids, delivered, resumed, repaired as usize, late as usize, ended, long];
    assert!(given.is_some() || !all.contains(&0), "the seeds must reach everything: {all:?}");
}

async fn run(seed: u64, reached: &mut Reached) {
    let mut random = StdRng::seed_from_u64(seed);
    let start = running_auction();
    let table = Arc::new(Simulated::new(start.clone()));
    let streams = Streams::new(random.random());
    let shown = streams.clone();
    table.shows(move |transaction, lands| shown.show(transaction, lands));
    table.chaos(seed);
    let servers: Vec<Server> = (0..random.random_range(1..=3))
        .map(|_| Server::start(&table, &streams, random.random(), random.random_range(1..=8)))
        .collect();
    let bids_each = if random.random_bool(0.05) { 100 } else { random.random_range(1..15) };
    let bidders = BIDDERS.map(|bidder| bid(bidder, bids_each, random.random(), &servers, &table));
    let course = Course::default();
    let watchers: Vec<_> = (0..WATCHERS)
        .map(|_| Watcher::default().watch(random.random(), &servers, &start.id, &course))
        .collect();
    let cancels_after = random.random_bool(0.2).then(|| random.random_range(0..3000));
    let bidding = async {
        join_all(bidders).await;
        if let Some(ms) = cancels_after {
            sleep(Duration::from_millis(ms)).await;
            let cancel = Transition::Cancel { by: Canceller::Seller };
            servers[0].lanes.transition(&start.id, cancel).await.ok();
        }
        table.calm();
        streams.calm();
        course.calm.cancel();
        sleep(limits::TOPIC_CHECK_EVERY + Duration::from_secs(2)).await;
        course.over.cancel();
    };
    let (watchers, ()) = tokio::join!(join_all(watchers), bidding);

    let written = table.written();
    let has_ended = table.auction().status.is_final();
    for (number, watcher) in watchers.iter().enumerate() {
        let from = watcher.from.expect("it has joined") as usize;
        let told: Vec<u64> = watcher.bids.iter().map(|bid| bid.sequence).collect();
        let expected: Vec<u64> = (from as u64 + 1..=written.len() as u64).collect();
        assert_eq!(told, expected, "seed {seed}, watcher {number}, from {from}");
        let are_same =
            watcher.bids.iter().zip(&written[from..]).all(|(bid, stored)| *bid == stored.bid);
        assert!(are_same, "seed {seed}: a watcher is told what is in the table");
        assert_eq!(watcher.saw_end, has_ended, "seed {seed}, watcher {number}: the end");
        reached.delivered += told.len();
        reached.resumed += watcher.resumed;
    }
    reached.bids += written.len();
    reached.ended += usize::from(has_ended);
    reached.long += usize::from(written.len() > limits::TOPIC_BACKLOG_MAX);
    for server in servers {
        let counts = server.broker.counts();
        reached.repaired += counts.repaired.get();
        reached.late += counts.late.get();
        server.end().await;
    }
}

async fn bid(bidder: &str, count: u32, seed: u64, servers: &[Server], table: &Simulated) {
    let mut random = StdRng::seed_from_u64(seed);
    for number in 0..count {
        sleep(Duration::from_millis(random.random_range(0..100))).await;
        let minor = table.auction().minimum_bid().minor_units() + random.random_range(0..50);
        let key = random.random_bool(0.5).then(|| number.to_string());
        let server = &servers[random.random_range(0..servers.len())];
        server.lanes.place(placed(bidder, minor, key.as_deref())).await.ok();
    }
}
