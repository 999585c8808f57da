//! Reads watched auctions from the table: when a write is late, when the stream shows nothing, and
//! regularly.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::{debug, error, warn};

use super::event::{Envelope, Event, Source};
use super::quiet;
use super::topic::Topic;
use super::topics::Broker;
use crate::auction::{Auction, AuctionId};
use crate::store::Table;
use crate::{clock, limits};

impl<T: Table> Broker<T> {
    /// Reads the state of every live topic from the table: bids that the stream did not show are
    /// noticed by the counter, and repaired.
    pub async fn check_live_topics(&self, why: &'static str) {
        let ids: Vec<AuctionId> = self.topics.lock().keys().cloned().collect();
        if !ids.is_empty() {
            debug!(topics = ids.len(), why, "checking live topics against the table");
            self.check(&ids, why).await;
        }
    }

    /// Reads from the table what lanes announced and the stream has not shown in time.
    pub(super) async fn repair_late_writes(&self) {
        let mut ticks = interval(limits::BROKER_TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let expired = self.demand.expired(Instant::now());
            if !expired.is_empty() {
                self.counts.late.add(expired.len() as u64);
                self.check(&expired, "the stream is late").await;
            }
        }
    }

    pub(super) async fn check_regularly(&self) {
        let mut ticks = interval(limits::QUIET_CHECK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut checked = Instant::now();
        loop {
            let now = ticks.tick().await;
            self.check_quiet(now).await;
            if now.duration_since(checked) >= limits::TOPIC_CHECK_EVERY {
                checked = now;
                self.drop_idle(now);
                self.check_live_topics("the regular check").await;
            }
        }
    }

    /// Reads auctions of which nothing was received while the stream shows nothing: it may be
    /// hiding the writes of another server.
    async fn check_quiet(&self, now: Instant) {
        let per_second = self.quiet_checks_per_second;
        if per_second == 0 || !self.activity.is_quiet(now) {
            return;
        }
        let topics: Vec<Arc<Topic>> = self.topics.lock().values().cloned().collect();
        let watched = topics.iter().filter_map(|topic| topic.watched()).collect();
        let share = limits::QUIET_CHECK_EVERY.as_secs_f64() * per_second as f64;
        let ids = quiet::choose(watched, (share.ceil() as usize).max(1), now);
        if ids.is_empty() {
            return;
        }
        self.counts.quiet_checks.add(ids.len() as u64);
        self.check(&ids, "the stream is quiet").await;
        // A topic that cannot be read waits its turn like the others.
        ids.iter().filter_map(|id| self.find(id)).for_each(|topic| topic.heard(Instant::now()));
    }

    /// Reads these auctions from the table and publishes them, as far as they are watched. One that
    /// cannot be read costs the others nothing; a table that does not answer is asked again by the
    /// next check.
    pub async fn check(&self, ids: &[AuctionId], why: &'static str) {
        let (mut failed, mut in_a_row) = (None, 0);
        let told = self.told_by_bus(ids);
        let mut pages = ids.chunks(limits::BATCH_GET_MAX).map(|ids| self.store.load_each(ids));
        let mut reads: FuturesUnordered<_> =
            pages.by_ref().take(limits::CHECKS_IN_FLIGHT).collect();
        while let Some(read) = reads.next().await {
            reads.extend(pages.next());
            in_a_row = if read.is_ok() { 0 } else { in_a_row + 1 };
            for auction in read.unwrap_or_else(|error| vec![Err(error)]) {
                match auction {
                    Ok(auction) => {
                        self.compare(&told, &auction);
                        self.publish_from_table(auction);
                    }
                    Err(error) => failed = Some(error),
                }
            }
            if in_a_row >= limits::CHECK_ERRORS_MAX {
                break;
            }
        }
        let mut outage = self.outage.lock();
        match failed {
            None => _ = outage.succeeded(Instant::now()),
            Some(error) if outage.failed(Instant::now()) => {
                warn!(%error, why, "cannot check topics; the next check retries");
            }
            Some(_) => {}
        }
    }

    /// How far watchers of these auctions were told, where somebody else may have told them.
    fn told_by_bus(&self, ids: &[AuctionId]) -> HashMap<AuctionId, u64> {
        if self.interest.is_none() {
            return HashMap::new();
        }
        let topics = self.topics.lock();
        let live = ids.iter().filter_map(|id| Some((id.clone(), topics.get(id)?.mark().position)));
        live.collect()
    }

    /// Compares what watchers had been told before a read with what it found.
    fn compare(&self, told: &HashMap<AuctionId, u64>, found: &Auction) {
        let Some(told) = told.get(&found.id) else { return };
        if self.contradictions.lock().read(&found.id, *told, found.sequence, Instant::now()) {
            self.counts.contradicted.inc();
            error!(
                auction = %found.id,
                told,
                in_table = found.sequence,
                "watchers were shown bids that the table does not have: something else publishes \
                 on the bus"
            );
        }
    }

    pub(super) fn publish_from_table(&self, auction: Auction) {
        let read_at = clock::now();
        self.publish(Envelope {
            event: Event::State(auction),
            written_at: read_at,
            read_at,
            source: Source::Table,
        });
    }
}
