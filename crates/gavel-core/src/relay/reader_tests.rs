//! The pace of a reader, in simulated time.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout};

use super::health::Health;
use super::reader::{PollIntervals, Reader};
use super::shards::ShardId;
use super::stream::{Listed, Page, Position, Stream, StreamError};
use crate::auction::AuctionId;
use crate::auction::testing::open_auction;
use crate::broker::Broker;
use crate::broker::demand::Demand;
use crate::limits;
use crate::store::simulated::Simulated;
use crate::tasks::Tasks;

const READ: Duration = Duration::from_millis(3);
const POLL_INTERVALS: PollIntervals = PollIntervals {
    busy: Duration::from_millis(50),
    watched: Duration::from_millis(500),
    idle: Duration::from_secs(10),
};

/// A stream without records that notes when it was read, and fails as told.
#[derive(Default)]
struct Quiet {
    reads: Mutex<Vec<Instant>>,
    fails: Mutex<Vec<StreamError>>,
    iterators: Mutex<Vec<Position>>,
}

impl Stream for Quiet {
    async fn describe(&self, _: Option<&ShardId>) -> Result<Listed, StreamError> {
        Ok(Listed { shards: Vec::new(), next: None, is_enabled: true })
    }

    async fn iterator(&self, _: &ShardId, at: &Position) -> Result<String, StreamError> {
        self.iterators.lock().push(at.clone());
        Ok("iterator".to_owned())
    }

    async fn records(&self, _: &str) -> Result<Page, StreamError> {
        self.reads.lock().push(Instant::now());
        sleep(READ).await;
        match self.fails.lock().pop() {
            Some(error) => Err(error),
            None => Ok(Page { records: Vec::new(), next: Some("iterator".to_owned()) }),
        }
    }
}

struct Bench {
    stream: Arc<Quiet>,
    demand: Demand,
    auction: AuctionId,
    health: Health,
}

impl Bench {
    fn new() -> Self {
        Self {
            stream: Arc::default(),
            demand: Demand::new(Duration::from_secs(60)),
            auction: AuctionId::random(),
            health: Health::default(),
        }
    }

    /// Reads for a while, with something else going on; returns the times of the reads.
    async fn read(&self, whole: Duration, meanwhile: impl Future<Output = ()>) -> Vec<Duration> {
        let (has_ended, reads) = self.read_or_end(whole, meanwhile).await;
        assert!(!has_ended, "the shard has not ended");
        reads
    }

    /// The same, and whether the reader has ended.
    async fn read_or_end(
        &self,
        whole: Duration,
        meanwhile: impl Future<Output = ()>,
    ) -> (bool, Vec<Duration>) {
        // Nobody watches, so the store is never asked.
        let store = Arc::new(Simulated::new(open_auction()));
        let reader = Reader {
            publisher: None,
            stream: Arc::clone(&self.stream),
            broker: Broker::new(store, self.demand.clone(), Tasks::default()),
            health: self.health.clone(),
            poll_intervals: POLL_INTERVALS,
            calls: self.demand.calls(),
            shard: "shard".into(),
            position: Position::Latest,
        };
        let started = Instant::now();
        let reading = timeout(whole, reader.run(Some("first".to_owned())));
        let (ended, ()) = tokio::join!(reading, meanwhile);
        let reads = self.stream.reads.lock();
        (ended.is_ok(), reads.iter().map(|at| at.duration_since(started)).collect())
    }
}

fn ms(reads: &[Duration]) -> Vec<u128> {
    reads.iter().map(Duration::as_millis).collect()
}

#[tokio::test(start_paused = true)]
async fn a_shard_is_read_at_the_pace_of_demand() {
    let bench = Bench::new();
    let now = Instant::now();
    let reads = bench
        .read(Duration::from_millis(1_190), async {
            sleep(Duration::from_millis(100)).await;
            // Watched: its pace counts from the last read.
            bench.demand.topic_live(&bench.auction);
            sleep(Duration::from_millis(900)).await;
            bench.demand.declare(&bench.auction, 1, now);
        })
        .await;
    assert_eq!(ms(&reads), [0, 500, 1_000, 1_050, 1_100, 1_150]);
}

#[tokio::test(start_paused = true)]
async fn a_bell_asks_for_a_read_at_once_also_if_it_rings_during_one() {
    let bench = Bench::new();
    let now = Instant::now();
    bench.demand.topic_live(&bench.auction);
    bench.demand.declare(&bench.auction, 1, now);
    let reads = bench
        .read(Duration::from_millis(90), async {
            sleep(Duration::from_millis(1)).await;
            // The first read is under way and may have missed it.
            bench.demand.committed(&bench.auction, 1, now);
            sleep(Duration::from_millis(19)).await;
            bench.demand.committed(&bench.auction, 1, now);
        })
        .await;
    assert_eq!(ms(&reads), [0, 3, 20, 70]);
}

#[tokio::test(start_paused = true)]
async fn an_expired_iterator_is_replaced_at_once_and_other_errors_back_off() {
    let bench = Bench::new();
    let failed = || StreamError::Failed("simulated".to_owned());
    *bench.stream.fails.lock() = vec![failed(), failed(), StreamError::Expired];
    let reads = bench.read(Duration::from_millis(500), async {}).await;
    assert_eq!(ms(&reads)[..2], [0, 3], "expired: again at once");
    let pauses: Vec<u128> =
        reads.windows(2).skip(1).map(|pair| pair[1].as_millis() - pair[0].as_millis()).collect();
    assert!((50..=110).contains(&pauses[0]), "{pauses:?}");
    assert!((100..=210).contains(&pauses[1]), "{pauses:?}");
    assert_eq!(*bench.stream.iterators.lock(), vec![Position::Latest; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_stays_gone_has_ended_and_one_that_comes_back_is_read_on() {
    let gone = || StreamError::Gone("no such shard".to_owned());
    let bench = Bench::new();
    *bench.stream.fails.lock() = vec![gone(); 3];
    let reads = bench.read(Duration::from_secs(30), async {}).await;
    assert!(reads.len() > 4, "read on after a moment: {reads:?}");

    let bench = Bench::new();
    *bench.stream.fails.lock() = vec![gone(); 1_000];
    let (has_ended, reads) = bench.read_or_end(Duration::from_secs(30), async {}).await;
    assert!(has_ended, "{} reads", reads.len());
    assert!(reads.last().is_some_and(|last| *last >= limits::SHARD_GONE_AFTER));
}
