//! The simulation up to the topics.

use std::ops::Range;

use futures_util::future::join_all;

use super::watcher::Watcher;
use super::{Course, World, runs_all_seeds, seeds};
use crate::limits;

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
    /// Nodes that died.
    deaths: usize,
}

#[tokio::test(start_paused = true)]
async fn every_watcher_is_told_every_bid_once_and_in_order() {
    let mut reached = Reached::default();
    for seed in seeds(0..1000) {
        run(World::new(seed), seed, &mut reached).await;
    }
    println!("{reached:?}");
    let Reached { bids, delivered, resumed, repaired, late, ended, long, .. } = reached;
    let counts = [bids, delivered, resumed, repaired as usize, late as usize, ended, long];
    assert!(
        !runs_all_seeds() || !counts.contains(&0),
        "the seeds must reach everything: {counts:?}"
    );
}

// In two, so that they use two cores.
#[tokio::test(start_paused = true)]
async fn every_watcher_of_every_node_is_sent_every_bid_once_and_in_order() {
    run_clusters(0..500).await;
}

#[tokio::test(start_paused = true)]
async fn every_watcher_of_every_node_is_sent_every_bid_for_the_other_half_of_the_seeds() {
    run_clusters(500..1000).await;
}

#[tokio::test(start_paused = true)]
async fn without_digests_joining_and_checking_lose_nothing_either() {
    let mut reached = Reached::default();
    for seed in seeds(0..300) {
        run(World::clustered_without_digests(seed), seed, &mut reached).await;
    }
}

async fn run_clusters(default: Range<u64>) {
    let mut reached = Reached::default();
    for seed in seeds(default) {
        run(World::clustered(seed), seed, &mut reached).await;
    }
    println!("{reached:?}");
    let Reached { bids, delivered, resumed, repaired, deaths, .. } = reached;
    let counts = [bids, delivered, resumed, repaired as usize, deaths];
    assert!(
        !runs_all_seeds() || !counts.contains(&0),
        "the seeds must reach everything: {counts:?}"
    );
}

async fn run(mut world: World, seed: u64, reached: &mut Reached) {
    let course = Course::default();
    let seeds: Vec<u64> = (0..WATCHERS).map(|_| world.seed()).collect();
    let bidding = world.seed();
    let watchers = seeds.into_iter().map(|s| Watcher::default().watch(s, &world, &course));
    let (watchers, ()) = tokio::join!(join_all(watchers), world.run(bidding, &course));

    let written = world.table.written();
    world.check_answers();
    let has_ended = world.table.auction().status.is_final();
    for (number, watcher) in watchers.iter().enumerate() {
        let from = watcher.from.expect("it has joined") as usize;
        let told: Vec<u64> = watcher.bids.iter().map(|bid| bid.sequence).collect();
        let expected: Vec<u64> = (from as u64 + 1..=written.len() as u64).collect();
        assert_eq!(told, expected, "seed {seed}, watcher {number}, from {from}");
        for (bid, stored) in watcher.bids.iter().zip(&written[from..]) {
            assert_eq!(*bid, stored.bid, "seed {seed}: a watcher is told what is in the table");
        }
        assert_eq!(watcher.saw_end, has_ended, "seed {seed}, watcher {number}: the end");
        reached.delivered += told.len();
        reached.resumed += watcher.resumed;
    }
    reached.bids += written.len();
    reached.ended += usize::from(has_ended);
    reached.long += usize::from(written.len() > limits::TOPIC_BACKLOG_MAX);
    reached.deaths += world.deaths();
    for server in world.servers() {
        let counts = server.broker.counts();
        reached.repaired += counts.repaired.get();
        reached.late += counts.late.get();
        assert_eq!(counts.contradicted.get(), 0, "seed {seed}: everything shown is in the table");
        server.end().await;
    }
}
