//! Checks of many topics, in simulated time.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::demand::Demand;
use super::{Broker, Envelope, Event, Interest, Progress, Source};
use crate::auction::testing::{at, bid, open_auction};
use crate::auction::{Auction, AuctionId, decide};
use crate::limits;
use crate::store::{
    CommitError, IdempotencyKey, KeyRecord, Order, StoreError, StoredBid, Table, Transaction,
};
use crate::tasks::Tasks;

const READ: Duration = Duration::from_millis(10);
const WATCHED: usize = 10_000;

/// A table in which every auction is, and whose reads take a while.
#[derive(Default)]
struct Slow {
    /// The auction of which somebody has written another version.
    written: Mutex<Option<AuctionId>>,
}

impl Slow {
    fn auction(&self, id: &AuctionId) -> Auction {
        let version = if self.written.lock().as_ref() == Some(id) { 2 } else { 1 };
        Auction { id: id.clone(), version, ..open_auction() }
    }
}

impl Table for Slow {
    async fn load(&self, id: &AuctionId) -> Result<Option<Auction>, StoreError> {
        sleep(READ).await;
        Ok(Some(self.auction(id)))
    }

    async fn load_each(
        &self,
        ids: &[AuctionId],
    ) -> Result<Vec<Result<Auction, StoreError>>, StoreError> {
        sleep(READ).await;
        // The check of all topics has passed it by when it is written.
        let is_check = ids.len() > 1;
        let auction = |id| Auction { version: 1, ..self.auction(id) };
        Ok(ids.iter().map(|id| Ok(if is_check { auction(id) } else { self.auction(id) })).collect())
    }

    async fn commit(&self, _: &Transaction) -> Result<(), CommitError> {
        unimplemented!("the broker does not write")
    }

    async fn keys(&self, _: &[IdempotencyKey]) -> Result<Vec<Option<KeyRecord>>, StoreError> {
        unimplemented!("the broker knows no keys")
    }

    async fn bid(&self, _: &AuctionId, _: u64) -> Result<Option<StoredBid>, StoreError> {
        unimplemented!("the broker reads pages")
    }

    async fn page(&self, _: &AuctionId, _: Order, _: usize) -> Result<Vec<StoredBid>, StoreError> {
        Ok(Vec::new())
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_write_is_repaired_while_all_topics_are_checked() {
    let (table, demand) = (Arc::new(Slow::default()), Demand::new(limits::DEMAND_EXPIRY));
    let broker = Broker::new(Arc::clone(&table), demand.clone(), Tasks::default());
    let ids: Vec<AuctionId> = (0..WATCHED).map(|_| AuctionId::random()).collect();
    let started = Instant::now();
    let topics = join_all(ids.iter().map(|id| broker.topic(id))).await;
    let stop = CancellationToken::new();
    let runs = broker.clone().run(stop.clone());
    let late = async {
        // The stream never shows it; it is late while all topics are checked.
        let soon_late = limits::DEMAND_EXPIRY.saturating_sub(limits::BROKER_TICK * 2);
        sleep_until(started + limits::TOPIC_CHECK_EVERY - soon_late).await;
        let (id, written) = (ids[WATCHED - 1].clone(), Instant::now());
        *table.written.lock() = Some(id.clone());
        demand.declare(&id, 2, written);
        let topic = topics[WATCHED - 1].as_ref().expect("it is watched");
        let mut progress_updates = topic.progress_updates();
        progress_updates
            .wait_for(|Progress { version, .. }| *version == 2)
            .await
            .expect("a topic that lives");
        let took = written.elapsed();
        assert!(took < Duration::from_millis(700), "{took:?}");
        // The check itself asks for several pages at a time.
        sleep(Duration::from_secs(1)).await;
        stop.cancel();
    };
    tokio::join!(runs, late);
}

/// A bus that nobody else is on.
struct Silent;

impl Interest for Silent {
    fn join<'a>(&'a self, _: &'a AuctionId) -> BoxFuture<'a, bool> {
        Box::pin(std::future::ready(true))
    }

    fn leave(&self, _: &AuctionId) {}
}

#[tokio::test(start_paused = true)]
async fn a_bid_from_the_bus_that_the_table_does_not_have_is_noticed() {
    let (table, demand) = (Arc::new(Slow::default()), Demand::new(limits::DEMAND_EXPIRY));
    let broker = Broker::new(Arc::clone(&table), demand, Tasks::default());
    let broker = broker.interested(Arc::new(Silent));
    let mut auction = open_auction();
    let _topic = broker.topic(&auction.id).await.expect("it can be read");
    let forged = decide(&mut auction, &bid("mallory", 120, at(5))).expect("it is high enough");
    broker.publish(Envelope {
        event: Event::Bid(forged),
        written_at: at(5),
        read_at: at(5),
        source: Source::Bus,
    });
    let stop = CancellationToken::new();
    let runs = broker.clone().run(stop.clone());
    let counts = broker.counts();
    let noticed = async {
        sleep(limits::TOPIC_CHECK_EVERY * 2 + Duration::from_secs(2)).await;
        assert_eq!(counts.contradicted.get(), 1);
        sleep(limits::TOPIC_CHECK_EVERY * 2).await;
        assert_eq!(counts.contradicted.get(), 1, "said once");
        stop.cancel();
    };
    tokio::join!(runs, noticed);
}
