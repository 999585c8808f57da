//! Repair: what a topic misses is read back from the table. At most one repair per topic is in
//! flight.

use std::sync::Arc;

use tokio::time::Instant;
use tokio::time::sleep;
use tracing::{error, info, warn};

use super::event::{Envelope, Event, Source};
use super::missing_range::MissingRange;
use super::topic::Topic;
use super::topics::Broker;
use crate::outage::Outage;
use crate::store::{Order, StoredBid, Table};
use crate::{clock, limits};

impl<T: Table> Broker<T> {
    pub(super) fn start_repair(&self, topic: Arc<Topic>) {
        let broker = self.clone();
        self.tasks.spawn("repair", async move {
            // The missing bids are usually in the same page of the stream.
            sleep(limits::REPAIR_PATIENCE).await;
            broker.repair(&topic).await;
        });
    }

    /// Reads until nothing known is missing. Reads are not snapshots: contiguous bids are
    /// published, the rest is read again.
    async fn repair(&self, topic: &Arc<Topic>) {
        let mut repaired = 0_u64;
        let mut reads = false;
        let mut outage = Outage::default();
        let (mut missing_range, mut is_ahead) = (MissingRange::default(), false);
        while let Some((after, counted)) = topic.next_repair(Instant::now()) {
            // Most gaps have closed by now, and do not count.
            if !std::mem::replace(&mut reads, true) {
                self.counts.repairs.inc();
            }
            let asked = Instant::now();
            match self.store.page(topic.id(), Order::After(after), limits::STORE_PAGE_BIDS).await {
                Ok(page) if page.first().is_some_and(|first| first.bid.sequence == after + 1) => {
                    repaired += page.len() as u64;
                    self.counts.repaired.add(page.len() as u64);
                    self.publish_page(topic, page);
                }
                Ok(page) => {
                    if let Some(counted) =
                        missing_range.missed(after, counted, asked, Instant::now())
                    {
                        if counted > after {
                            let next = page.first().map_or(u64::MAX, |first| first.bid.sequence);
                            self.give_up(topic, after, counted.min(next - 1));
                        } else if !std::mem::replace(&mut is_ahead, true) {
                            error!(auction.id = %topic.id(), after, "a bid is ahead of its auction");
                        }
                    }
                    let pause =
                        if is_ahead { limits::REPAIR_ERROR_PAUSE } else { limits::REPAIR_PAUSE };
                    sleep(pause).await;
                }
                Err(error) => {
                    missing_range.forget();
                    if outage.failed(Instant::now()) {
                        warn!(auction.id = %topic.id(), %error, "a repair cannot read; retrying");
                    }
                    sleep(limits::REPAIR_ERROR_PAUSE).await;
                }
            }
            if self.tasks.is_closing() {
                return;
            }
        }
        if repaired > 0 {
            info!(auction.id = %topic.id(), bids = repaired, "bids repaired from the table");
        }
    }

    /// Skips bids that were committed but are not in the table: Gavel deletes no bid, but somebody
    /// else did. Later bids must not wait for them forever.
    fn give_up(&self, topic: &Arc<Topic>, after: u64, to: u64) {
        let Some((to, published)) = topic.give_up(after, to, Instant::now()) else { return };
        error!(auction.id = %topic.id(), after, to, "bids are missing from the table");
        self.after_publish(topic, published);
    }

    fn publish_page(&self, topic: &Arc<Topic>, page: Vec<StoredBid>) {
        let read_at = clock::now();
        for StoredBid { bid, written_at } in page {
            let envelope =
                Envelope { event: Event::Bid(bid), written_at, read_at, source: Source::Table };
            let published = topic.publish(envelope, Instant::now());
            self.after_publish(topic, published);
        }
    }
}
