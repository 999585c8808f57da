//! The pure hot spots of the path, and whether any of them grows with what came before.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use gavel_core::auction::{
    Amount, Auction, AuctionId, BidId, BidRequest, Currency, Status, Timestamp, decide,
};
use gavel_core::broker::demand::Demand;
use gavel_core::broker::sequencer::Sequencer;
use gavel_server::websocket::SocketLimits;
use gavel_server::websocket::action::SocketProtocol as _;
use gavel_server::websocket::payload::{Frames, Framing, Payload};
use gavel_server::websocket::protocol::Protocol;
use tokio::time::Instant;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const SUBSCRIBE: &str = r#"{"id":"1","type":"subscribe","payload":{"query":"subscription Watch($id: ID!, $after: Int) { bidCreated(auctionId: $id, after: $after) { id sequence amount bidderId timing { publishedAt } } }","variables":{"id":"01890000000000000000000000","after":7}}}"#;

fn auction(bids: u64) -> Auction {
    Auction {
        id: AuctionId::random(),
        title: "Bench".to_owned(),
        description: "".into(),
        seller_id: "seller".into(),
        currency: Currency::from_code("EUR").expect("a currency"),
        opening_price: Amount::new(100).expect("an amount"),
        minimum_increment: Amount::new(100).expect("an amount"),
        reserve_price: None,
        opens_at: None,
        ends_at: NOW.plus(Duration::from_secs(3_600)),
        soft_close_seconds: 0,
        soft_close_extensions_max: 0,
        leader_may_raise: true,
        created_at: NOW,
        status: Status::Open,
        current_price: Some(Amount::new(100 * (bids + 1)).expect("an amount")),
        leader_id: Some("ann".into()),
        extensions: 0,
        sequence: bids,
        version: bids,
    }
}

/// A bid on an auction that has had so many.
fn decides(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    for bids in [100, 1_000, 10_000] {
        let auction = auction(bids);
        let request = BidRequest {
            id: BidId::random(),
            auction_id: auction.id.clone(),
            bidder_id: "bob".into(),
            amount: Amount::new(100 * (bids + 2)).expect("an amount"),
            sent_at: None,
            received_at: NOW,
            forwarded_at: None,
            traceparent: None,
        };
        group.bench_with_input(BenchmarkId::from_parameter(bids), &auction, |bench, auction| {
            let decided = |mut auction: Auction| black_box(decide(&mut auction, &request).is_ok());
            bench.iter_batched(|| auction.clone(), decided, BatchSize::SmallInput);
        });
    }
    group.finish();
}

/// An event in order, and one that closes a gap, after so many.
fn sequences(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sequencer");
    let now = Instant::now();
    for before in [100_u64, 1_000, 10_000] {
        group.bench_function(BenchmarkId::new("in order, after", before), |bench| {
            let mut sequencer: Sequencer<u64> = Sequencer::new(1_024);
            sequencer.start(before, now);
            let mut number = before;
            bench.iter(|| {
                number += 1;
                black_box(sequencer.offer(number, number, now).len())
            });
        });
    }
    group.bench_function("two, swapped", |bench| {
        let mut sequencer: Sequencer<u64> = Sequencer::new(1_024);
        sequencer.start(0, now);
        let mut number = 0;
        bench.iter(|| {
            number += 2;
            let early = sequencer.offer(number, number, now).len();
            black_box(early + sequencer.offer(number - 1, number - 1, now).len())
        });
    });
    group.finish();
}

/// What a bid of one auction asks of the demand, among so many that are watched.
fn demands(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("demand");
    let now = Instant::now();
    for watched in [100, 1_000, 10_000] {
        let demand = Demand::new(Duration::from_millis(500));
        let ids: Vec<AuctionId> = (0..watched).map(|_| AuctionId::random()).collect();
        ids.iter().for_each(|id| demand.topic_live(id));
        group.bench_function(BenchmarkId::from_parameter(watched), |bench| {
            let mut version = 0;
            bench.iter(|| {
                version += 1;
                demand.declare(&ids[0], version, now);
                demand.committed(&ids[0], version, now);
                demand.seen(&ids[0], version);
            });
        });
    }
    group.finish();
}

/// The frames of one event, for a member like the one before and for one with another id.
fn encodes(criterion: &mut Criterion) {
    let json = r#"{"data":{"bidCreated":{"id":"01890000000000000000000000","sequence":12345,"amount":"1234500","bidderId":"sim-bidder-1","timing":{"publishedAt":"2026-01-01T00:00:00.000000Z"}}}}"#;
    let events = [(1, Arc::new(Payload::new(json.to_owned())))];
    let prefix =
        |id: u32| -> Arc<str> { Arc::from(format!(r#"{{"id":"{id}","type":"next","payload":"#)) };
    let (one, other) = (prefix(1), prefix(2));
    let mut group = criterion.benchmark_group("frames");
    group.bench_function("the same id", |bench| {
        let mut frames = Frames::default();
        bench.iter(|| black_box(frames.of(&events, &one, Framing::WebSocket, (0, 0)).len()));
    });
    group.bench_function("another id", |bench| {
        let mut frames = Frames::default();
        bench.iter(|| {
            let first = frames.of(&events, &one, Framing::WebSocket, (0, 0)).len();
            black_box(first + frames.of(&events, &other, Framing::WebSocket, (0, 0)).len())
        });
    });
    group.finish();
}

/// A client's messages.
fn parses(criterion: &mut Criterion) {
    let now = std::time::Instant::now();
    let admitted = || {
        let mut protocol = Protocol::new(SocketLimits::default(), now);
        protocol.text(r#"{"type":"connection_init"}"#, now);
        protocol.admitted(None, now);
        protocol
    };
    let mut group = criterion.benchmark_group("protocol");
    group.bench_function("subscribe", |bench| {
        let parse = |mut protocol: Protocol| black_box(protocol.text(SUBSCRIBE, now).is_some());
        bench.iter_batched(admitted, parse, BatchSize::SmallInput);
    });
    group.bench_function("pong", |bench| {
        let mut protocol = admitted();
        bench.iter(|| black_box(protocol.text(r#"{"type":"pong"}"#, now).is_none()));
    });
    group.finish();
}

criterion_group!(hot_spots, decides, sequences, demands, encodes, parses);
criterion_main!(hot_spots);
