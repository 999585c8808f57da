//! From a bid to the bytes that a client reads, under one seed, in simulated time: the core's simulation
//! (table, stream, one to three servers) with groups, send queues, connections and sockets in memory
//! behind it, and clients that stall, read little, leave without a word, and resume.
//!
//! Whatever happens, each client reads every bid after its first position once and in order, also
//! where its subscription ended as SLOW_CONSUMER or its connection was closed. `GAVEL_SEED` is that of the
//! core's simulation.

mod socket;
mod client;

use std::net::IpAddr;

use futures_util::future::join_all;
use gavel_core::simulation::{Course, World, runs_all_seeds, seeds};
use gavel_trace::Tracer;

use self::client::Client;
use super::fanout::Fanout;
use super::group::GroupBounds;
use crate::graphql::execute::schema;
use crate::limiter::{ClientLimiter, ClientLimits};

const CLIENTS: u64 = 5;
/// Payloads that a group keeps: few, so that clients that resume need the backlog and the table, too.
const RING_MAX: usize = 8;
/// A client's queue has more room than that, as `limits` asks for, but not much.
const QUEUE_MAX: std::ops::Range<usize> = RING_MAX + 1..40;
/// All clients come from here.
const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// What the seeds must reach.
#[derive(Debug, Default)]
struct Reached {
    live: usize,
    replayed: usize,
    resumed: usize,
    overflowed: usize,
    closed: usize,
    completed: usize,
}

#[tokio::test(start_paused = true)]
async fn every_client_reads_every_bid_once_and_in_order() {
    let mut reached = Reached::default();
    for seed in seeds(0..1000) {
        run(seed, &mut reached).await;
    }
    println!("{reached:?}");
    let Reached { live, replayed, resumed, overflowed, closed, completed } = reached;
    let counts = [live, replayed, resumed, overflowed, closed, completed];
    assert!(
        !runs_all_seeds() || !counts.contains(&0),
        "the seeds must reach everything: {counts:?}"
    );
}

async fn run(seed: u64, reached: &mut Reached) {
    let mut world = World::new(seed);
    let course = Course::default();
    let seeds: Vec<u64> = (0..CLIENTS).map(|_| world.seed()).collect();
    let bidding = world.seed();
    let limiter = ClientLimiter::new(ClientLimits::default());
    let fanouts: Vec<Fanout> = world
        .servers()
        .iter()
        .map(|server| {
            Fanout::new(schema(), limiter.clone(), server.tasks.clone(), Tracer::off())
                .bounded(GroupBounds { ring: RING_MAX, ..GroupBounds::default() })
        })
        .collect();
    let clients = seeds.into_iter().map(|seed| Client::new(seed).watch(&world, &fanouts, &course));
    let (clients, ()) = tokio::join!(join_all(clients), world.run(bidding, &course));

    let written = world.table.written();
    let has_ended = world.table.auction().status.is_final();
    for (number, client) in clients.into_iter().enumerate() {
        let from = client.from.unwrap_or(written.len() as u64);
        let (began, at) = (client.from, client.joined_at);
        assert!(
            from <= at,
            "seed {seed}, client {number}: joined at {at}, begins after {began:?} of {}",
            written.len()
        );
        let expected: Vec<(u64, String)> = written
            .iter()
            .map(|stored| (stored.bid.sequence, stored.bid.amount.minor_units().to_string()))
            .filter(|(sequence, _)| *sequence > from)
            .collect();
        assert_eq!(client.bids, expected, "seed {seed}, client {number}, from {from}");
        assert_eq!(client.completed, has_ended, "seed {seed}, client {number}: the end");
        reached.live += client.live;
        reached.replayed += client.bids.len() - client.live;
        reached.resumed += client.resumed;
        reached.overflowed += client.overflowed;
        reached.closed += client.closed;
        reached.completed += usize::from(client.completed);
    }
    for server in world.servers() {
        server.end().await;
    }
    for fanout in fanouts {
        assert_eq!(fanout.counts().queued.get(), 0, "seed {seed}: nothing stays queued");
        assert_eq!(fanout.count(), 0, "seed {seed}: no group stays");
    }
}
