//! Two servers over one table that fails by a seed: whatever happens, they report one history.
//!
//! A client asks again with the same key after an error, or because the answer that accepted its bid
//! was lost on its way, or it did not wait for one, also at a server that has begun to stop. No answer may deny a key under which
//! a bid stood when it was asked.
//!
//! `GAVEL_SEED=<n>` runs one seed. The seed fixes the bids and the faults; pauses between tries
//! have a jitter of their own.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{OptionFuture, join_all};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::time::{sleep, timeout};

use super::lanes_tests::Server;
use super::testing::placed;
use super::{BidAnswer, LaneError, PlaceBid};
use crate::auction::testing::running_auction;
use crate::auction::{Auction, BidId, BidRequest, Canceller, Status, Transition, decide};
use crate::clock;
use crate::store::StoredBid;
use crate::store::simulated::Simulated;

const SEEDS: u64 = 1000;
const BIDDERS: [&str; 5] = ["ann", "bob", "cem", "dan", "eve"];
const BIDS_EACH: u32 = 6;

type Answer = Result<BidAnswer, LaneError>;

/// One request and its answer.
struct Told {
    id: BidId,
    /// Whether a bid stood under its key when it was asked.
    stood: bool,
    /// `None`: the client did not wait for it.
    answer: Option<Answer>,
}

/// What one bidder wanted once, and everything it was told about it, in order.
struct Wish {
    bid: PlaceBid,
    /// Whether the same key may have been under way twice at a time.
    overlaps: bool,
    told: Vec<Told>,
}

/// How often each kind of answer was given: the seeds must reach all.
#[derive(Debug, Default)]
struct Counts {
    accepted: usize,
    repeated: usize,
    rejected: usize,
    unknown: usize,
    unavailable: usize,
    contention: usize,
    stopping: usize,
    /// Unknown, and a bid stood under the key.
    unresolved: usize,
    cancelled: usize,
    /// The client did not wait.
    abandoned: usize,
}

#[tokio::test(start_paused = true)]
async fn two_servers_over_one_table_tell_one_history() {
    let given = std::env::var("GAVEL_SEED").ok().map(|seed| seed.parse().expect("a number"));
    let seeds = given.map_or(0..SEEDS, |seed| seed..seed + 1);
    let mut counts = Counts::default();
    for seed in seeds {
        println!("GAVEL_SEED={seed}");
        run(seed, &mut counts).await;
    }
    println!("{counts:?}");
    let Counts { accepted, repeated, rejected, unknown, unavailable, .. } = counts;
    let Counts { contention, stopping, unresolved, cancelled, abandoned, .. } = counts;
    let reached = [accepted, repeated, rejected, unknown, unavailable];
    let others = [contention, stopping, unresolved, cancelled, abandoned];
    let reached = [reached, others].concat();
    assert!(given.is_some() || !reached.contains(&0), "the seeds must reach every kind of answer");
}

async fn run(seed: u64, counts: &mut Counts) {
    let mut random = StdRng::seed_from_u64(seed);
    let start = Auction { leader_may_raise: random.random(), ..running_auction() };
    let table = Arc::new(Simulated::new(start.clone()));
    if random.random() {
        table.forget_tokens();
    }
    table.chaos(seed);
    let group_commit_max = random.random_range(1..5);
    let servers = [Server::over(&table, group_commit_max), Server::over(&table, group_commit_max)];
    let bidders = BIDDERS.map(|bidder| bid_often(bidder, random.random(), &servers, &table));
    let is_cancelled =
        random.random_bool(0.2).then(|| cancel(random.random(), &servers[0], &start));
    let is_stopped = random.random_bool(0.2).then(|| stop(random.random(), &servers[0]));
    let (wishes, ..) = tokio::join!(
        join_all(bidders),
        OptionFuture::from(is_cancelled),
        OptionFuture::from(is_stopped)
    );
    table.calm();
    let mut wishes: Vec<Wish> = wishes.into_iter().flatten().collect();
    for wish in &mut wishes {
        wish.resolve(&servers[1], &table).await;
    }
    for server in servers {
        server.end().await;
    }
    check_table(&start, &table);
    check_answers(&wishes, &table.written(), counts);
    counts.cancelled += usize::from(table.auction().status == Status::Cancelled);
}

async fn bid_often(bidder: &str, seed: u64, servers: &[Server; 2], table: &Simulated) -> Vec<Wish> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut wishes = Vec::new();
    for number in 0..BIDS_EACH {
        sleep(Duration::from_millis(random.random_range(0..100))).await;
        let minimum = table.auction().minimum_bid().minor_units();
        let minor = minimum.saturating_sub(20) + random.random_range(0..100);
        let has_key = random.random_bool(0.7);
        let bid = placed(bidder, minor, has_key.then_some(number.to_string().as_str()));
        let is_doubled = has_key && random.random_bool(0.3);
        let mut wish = Wish { bid, overlaps: is_doubled, told: Vec::new() };
        // A bid without a key is asked once: asked again, it would be another bid.
        for _ in 0..if has_key { 3 } else { 1 } {
            let first = usize::from(random.random::<bool>());
            if is_doubled {
                let other = wish.ask(&servers[1 - first], table);
                let (one, two) = tokio::join!(wish.ask(&servers[first], table), other);
                wish.told.extend([one, two]);
            } else if has_key && random.random_bool(0.2) {
                wish.overlaps = true;
                let patience = Duration::from_millis(random.random_range(0..100));
                wish.told.push(wish.ask_for(patience, &servers[first], table).await);
            } else {
                wish.told.push(wish.ask(&servers[first], table).await);
            }
            let is_lost = random.random_bool(0.3);
            if !is_lost && wish.told.last().is_some_and(Told::is_answered) {
                break;
            }
        }
        wishes.push(wish);
    }
    wishes
}

async fn cancel(seed: u64, server: &Server, auction: &Auction) {
    let after_ms = StdRng::seed_from_u64(seed).random_range(0..1000);
    sleep(Duration::from_millis(after_ms)).await;
    server.lanes.transition(&auction.id, Transition::Cancel { by: Canceller::Seller }).await.ok();
}

async fn stop(seed: u64, server: &Server) {
    let after_ms = StdRng::seed_from_u64(seed).random_range(0..2000);
    sleep(Duration::from_millis(after_ms)).await;
    server.lanes.close();
}

impl Told {
    fn is_answered(&self) -> bool {
        matches!(self.answer, Some(Ok(_)))
    }
}

impl Wish {
    /// Asks once more, as a new request with the same key and amount.
    async fn ask(&self, server: &Server, table: &Simulated) -> Told {
        self.ask_for(Duration::MAX, server, table).await
    }

    /// Asks once more, and does not wait longer than this.
    async fn ask_for(&self, patience: Duration, server: &Server, table: &Simulated) -> Told {
        let mut bid = self.bid.clone();
        bid.request.id = BidId::random();
        bid.request.received_at = clock::now();
        let id = bid.request.id.clone();
        let stood = bid.key.as_ref().is_some_and(|key| table.remembers(key));
        let answer = timeout(patience, server.lanes.place(bid)).await.ok();
        Told { id, stood, answer }
    }

    /// Once the store is well, a key tells what became of its bid.
    async fn resolve(&mut self, server: &Server, table: &Simulated) {
        if self.bid.key.is_some() && !self.told.iter().any(Told::is_answered) {
            // The other server may still be repeating what it was not answered: such a race says that
            // one may ask again.
            for _ in 0..3 {
                self.told.push(self.ask(server, table).await);
                let answer = self.told.last().and_then(|told| told.answer.as_ref());
                if !matches!(answer, Some(Err(LaneError::Contention))) {
                    break;
                }
            }
            let told = self.told.last().expect("it was asked");
            assert!(told.is_answered(), "{:?}", told.answer);
        }
    }

    fn check(&self, bids: &[StoredBid], counts: &mut Counts) -> usize {
        let is_written = |id: &BidId| bids.iter().any(|stored| stored.bid.id == *id);
        for Told { id, stood, answer } in &self.told {
            let Some(answer) = answer else {
                counts.abandoned += 1;
                continue;
            };
            let denies = match answer {
                Ok(answer) => matches!(answer, BidAnswer::Rejected { .. }),
                Err(error) => error.denies_key(),
            };
            assert!(!(*stood && denies), "{answer:?}, and a bid stood under its key");
            counts.unresolved += usize::from(*stood && answer.is_err());
            let counter = match answer {
                Ok(BidAnswer::Accepted { stored, repeated, .. }) => {
                    assert_eq!(bids.get(stored.bid.sequence as usize - 1), Some(stored));
                    assert_eq!(*repeated, stored.bid.id != *id);
                    let is_own = |told: &Told| told.id == stored.bid.id;
                    let asked = &self.bid.request;
                    // Without a key the leader's bid of the same amount is answered.
                    let is_same = stored.bid.bidder_id == asked.bidder_id
                        && stored.bid.amount == asked.amount;
                    let is_right = self.told.iter().any(is_own)
                        || (self.bid.key.is_none() && *repeated && is_same);
                    assert!(is_right, "the answer to another's bid");
                    if *repeated { &mut counts.repeated } else { &mut counts.accepted }
                }
                Err(LaneError::OutcomeUnknown) => &mut counts.unknown,
                not_written => {
                    assert!(!is_written(id), "{not_written:?}, and in the table");
                    match not_written {
                        Ok(_) => &mut counts.rejected,
                        Err(LaneError::StoreUnavailable) => &mut counts.unavailable,
                        Err(LaneError::Contention) => &mut counts.contention,
                        Err(LaneError::Stopping) => &mut counts.stopping,
                        Err(other) => panic!("not an answer of this run: {other:?}"),
                    }
                }
            };
            *counter += 1;
        }
        let written = self.told.iter().filter(|told| is_written(&told.id)).count();
        assert!(written <= 1, "one key, one bid");
        if let Some(Told { answer: Some(Ok(BidAnswer::Rejected { .. })), .. }) = self.told.last()
            && !self.overlaps
        {
            assert_eq!(written, 0, "refused in the end, and in the table");
        }
        written
    }
}

/// The table is what the rules make of its bids, one by one.
fn check_table(start: &Auction, table: &Simulated) {
    let mut auction = start.clone();
    for stored in table.written() {
        let price = auction.current_price;
        let bid = &stored.bid;
        let request = BidRequest {
            id: bid.id.clone(),
            auction_id: bid.auction_id.clone(),
            bidder_id: bid.bidder_id.clone(),
            amount: bid.amount,
            sent_at: bid.sent_at,
            received_at: bid.received_at,
            forwarded_at: bid.forwarded_at,
            traceparent: bid.traceparent.clone(),
        };
        assert_eq!(decide(&mut auction, &request).as_ref(), Ok(bid));
        assert!(price.is_none_or(|price| bid.amount > price), "the price rises");
    }
    let Auction { status, version, .. } = table.auction();
    assert_eq!(Auction { status, version, ..auction }, table.auction());
}

fn check_answers(wishes: &[Wish], bids: &[StoredBid], counts: &mut Counts) {
    let ids: HashSet<_> = bids.iter().map(|stored| &stored.bid.id).collect();
    assert_eq!(ids.len(), bids.len(), "each bid stands once");
    let written: usize = wishes.iter().map(|wish| wish.check(bids, counts)).sum();
    let rivals = bids.iter().filter(|stored| Simulated::is_rivals(stored)).count();
    assert_eq!(written + rivals, bids.len(), "every bid was asked for");
}
