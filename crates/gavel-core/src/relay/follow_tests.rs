//! Streams that change under a relay, in simulated time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::shards::{Description, ShardId};
use super::stream::{Listed, Page, Position, Stream, StreamArn, StreamError, Streams};
use super::{Health, PollIntervals, Relay, Standing};
use crate::auction::testing::open_auction;
use crate::broker::Broker;
use crate::broker::demand::Demand;
use crate::limits;
use crate::store::simulated::Simulated;
use crate::tasks::Tasks;

const POLL_INTERVALS: PollIntervals = PollIntervals {
    busy: Duration::from_millis(50),
    watched: Duration::from_millis(200),
    idle: Duration::from_secs(1),
};

/// A table whose streams come and go as a test says. Clones share it.
#[derive(Clone, Default)]
struct Table(Arc<Mutex<Model>>);

#[derive(Default)]
struct Model {
    latest: Option<StreamArn>,
    streams: BTreeMap<StreamArn, Pages>,
    /// Whether the Streams API knows nothing.
    is_down: bool,
    /// Whether it describes what it does not read.
    reads_are_down: bool,
    /// When each call of DescribeStream came.
    describes: Vec<Instant>,
    describes_per_second: usize,
    /// Calls of DescribeTable.
    look_ups: usize,
    /// When each stream was last read.
    read: BTreeMap<StreamArn, Instant>,
}

#[derive(Clone, Copy)]
struct Pages {
    count: usize,
    is_enabled: bool,
}

impl Table {
    fn with_stream(arn: &str, pages: usize) -> Self {
        let table = Self::default();
        table.0.lock().describes_per_second = 10;
        table.switch_on(arn, pages);
        table
    }

    fn switch_on(&self, arn: &str, count: usize) {
        let mut model = self.0.lock();
        model.streams.insert(arn.into(), Pages { count, is_enabled: true });
        model.latest = Some(arn.into());
    }

    /// Its shards are closed and have no children; it stays readable.
    fn switch_off(&self) {
        let mut model = self.0.lock();
        let arn = model.latest.take().expect("it is on");
        model.streams.get_mut(&arn).expect("it is there").is_enabled = false;
    }

    /// With its table: nothing is left of it.
    fn delete(&self) {
        let mut model = self.0.lock();
        let arn = model.latest.take().expect("it is there");
        model.streams.remove(&arn);
    }

    fn relay(&self, stop: &CancellationToken, broker: Broker<Simulated>, demand: Demand) -> Health {
        let arn = self.0.lock().latest.clone().expect("a stream");
        let relay = Relay::new(self.clone(), arn, broker, demand, POLL_INTERVALS);
        let health = relay.health();
        Tasks::default().spawn("relay", relay.run(stop.clone()));
        health
    }

    /// How many calls of DescribeStream there were in the last second.
    fn describes_lately(&self) -> usize {
        let model = self.0.lock();
        let second = Duration::from_secs(1);
        model.describes.iter().filter(|at| at.elapsed() < second).count()
    }

    fn is_read(&self, arn: &str) -> bool {
        let model = self.0.lock();
        model.read.get(arn).is_some_and(|at| at.elapsed() <= POLL_INTERVALS.idle)
    }
}

impl Streams for Table {
    type Stream = OneStream;

    async fn latest(&self) -> Result<Option<StreamArn>, StreamError> {
        let mut model = self.0.lock();
        model.look_ups += 1;
        Ok(model.latest.clone())
    }

    fn open(&self, arn: &StreamArn) -> OneStream {
        OneStream { table: self.clone(), arn: arn.clone() }
    }
}

struct OneStream {
    table: Table,
    arn: StreamArn,
}

impl OneStream {
    fn pages(&self) -> Result<Pages, StreamError> {
        let model = self.table.0.lock();
        let pages = model.streams.get(&self.arn).filter(|_| !model.is_down);
        pages.copied().ok_or_else(|| StreamError::Gone("no such stream".to_owned()))
    }
}

/// Each page has one shard that is open.
fn shard(page: usize) -> ShardId {
    format!("shard-{page:03}").into()
}

impl Stream for OneStream {
    async fn describe(&self, after: Option<&ShardId>) -> Result<Listed, StreamError> {
        sleep(Duration::from_millis(5)).await;
        let allowed = {
            let lately = self.table.describes_lately();
            let mut model = self.table.0.lock();
            model.describes.push(Instant::now());
            lately < model.describes_per_second
        };
        if !allowed {
            return Err(StreamError::Failed("LimitExceededException".to_owned()));
        }
        let pages = self.pages()?;
        let page = (0..pages.count).find(|page| after.is_none_or(|after| shard(*page) > *after));
        let page = page.expect("a page");
        Ok(Listed {
            shards: vec![Description { id: shard(page), parent: None }],
            next: (page + 1 < pages.count).then(|| shard(page)),
            is_enabled: pages.is_enabled,
        })
    }

    async fn iterator(&self, shard: &ShardId, _: &Position) -> Result<String, StreamError> {
        self.pages().map(|_| shard.to_string())
    }

    async fn records(&self, iterator: &str) -> Result<Page, StreamError> {
        sleep(Duration::from_millis(1)).await;
        let pages = self.pages()?;
        if self.table.0.lock().reads_are_down {
            return Err(StreamError::Gone("no such shard".to_owned()));
        }
        self.table.0.lock().read.insert(self.arn.clone(), Instant::now());
        let next = pages.is_enabled.then(|| iterator.to_owned());
        Ok(Page { records: Vec::new(), next })
    }
}

struct Bench {
    table: Table,
    broker: Broker<Simulated>,
    demand: Demand,
    stop: CancellationToken,
}

impl Bench {
    async fn new(table: Table) -> Self {
        // Nobody watches, so the store is never asked.
        let store = Arc::new(Simulated::new(open_auction()));
        let demand = Demand::new(Duration::from_secs(60));
        let broker = Broker::new(store, demand.clone(), Tasks::default());
        Self { table, broker, demand, stop: CancellationToken::new() }
    }

    fn relay(&self) -> Health {
        self.table.relay(&self.stop, self.broker.clone(), self.demand.clone())
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// How long it takes until something holds; panics after a minute.
async fn until(holds: impl Fn() -> bool) -> Duration {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < Duration::from_secs(60), "not in time");
        sleep(Duration::from_millis(10)).await;
    }
    since.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_switched_off_and_on_is_another_one_and_is_read() {
    let bench = Bench::new(Table::with_stream("old", 2)).await;
    let health = bench.relay();
    until(|| health.standing() == Standing::Reading && health.ages().0 == 2).await;
    bench.table.switch_off();
    // Its shards end; nothing else says that there is no stream.
    until(|| health.ages().0 == 0).await;
    until(|| health.standing() == Standing::NoStream).await;
    bench.table.switch_on("new", 3);
    let took = until(|| bench.table.is_read("new") && health.ages().0 == 3).await;
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert_eq!(health.standing(), Standing::Reading);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_replaced_at_once_is_noticed_within_seconds() {
    let bench = Bench::new(Table::with_stream("old", 1)).await;
    let health = bench.relay();
    until(|| bench.table.is_read("old") && health.standing() == Standing::Reading).await;
    sleep(Duration::from_secs(3)).await;
    bench.table.switch_off();
    bench.table.switch_on("new", 1);
    let took = until(|| bench.table.is_read("new")).await;
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn the_stream_of_a_table_that_was_deleted_and_made_again_is_read() {
    let bench = Bench::new(Table::with_stream("old", 2)).await;
    let health = bench.relay();
    until(|| health.ages().0 == 2).await;
    bench.table.delete();
    until(|| health.standing() == Standing::NoStream).await;
    bench.table.switch_on("new", 1);
    until(|| bench.table.is_read("new") && health.standing() == Standing::Reading).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_said_to_be_gone_for_a_while_is_read_on() {
    let bench = Bench::new(Table::with_stream("one", 2)).await;
    let health = bench.relay();
    until(|| health.ages().0 == 2).await;
    for seconds in [2, 12, 40] {
        bench.table.0.lock().is_down = true;
        sleep(Duration::from_secs(seconds)).await;
        assert_ne!(health.standing() == Standing::Reading, seconds > 10, "{seconds} s");
        bench.table.0.lock().is_down = false;
        until(|| health.standing() == Standing::Reading && health.ages().0 == 2).await;
        until(|| bench.table.is_read("one")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn shards_that_are_listed_and_cannot_be_found_are_reported_and_tried_again() {
    let bench = Bench::new(Table::with_stream("one", 1)).await;
    let health = bench.relay();
    until(|| health.ages().0 == 1).await;
    bench.table.0.lock().reads_are_down = true;
    until(|| health.standing() != Standing::Reading).await;
    // Readers give up and come again meanwhile.
    let since = Instant::now();
    while since.elapsed() < limits::SHARD_GONE_AFTER * 10 {
        assert_ne!(health.standing(), Standing::Reading);
        sleep(Duration::from_millis(100)).await;
    }
    bench.table.0.lock().reads_are_down = false;
    until(|| health.standing() == Standing::Reading && bench.table.is_read("one")).await;
}

#[tokio::test(start_paused = true)]
async fn two_relays_learn_a_stream_of_many_pages_with_the_calls_that_aws_allows() {
    let bench = Bench::new(Table::with_stream("long", 14)).await;
    let relays = [bench.relay(), bench.relay()];
    let took = until(|| relays.iter().all(|health| health.ages().0 == 14)).await;
    assert!(took < Duration::from_secs(8), "{took:?}");
    for _ in 0..300 {
        sleep(Duration::from_millis(100)).await;
        let lately = bench.table.describes_lately();
        assert!(lately <= 10, "{lately} calls in a second");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_that_were_described_are_kept_where_a_call_fails() {
    let bench = Bench::new(Table::with_stream("long", 14)).await;
    // Somebody else uses up nearly all of it: more than half of these calls fail.
    bench.table.0.lock().describes_per_second = 1;
    let health = bench.relay();
    until(|| health.ages().0 == 14).await;
    let calls = bench.table.0.lock().describes.len();
    assert!(calls < 60, "{calls} calls");
}
