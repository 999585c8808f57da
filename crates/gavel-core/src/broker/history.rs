//! History: bids older than what a topic has in memory, for watchers that resume.

use std::sync::Arc;

use tokio::time::Instant;
use tokio::time::sleep;
use tracing::error;

use super::event::{PublishedBid, Source};
use super::missing_range::MissingRange;
use super::topic::Topic;
use super::topics::{Broker, TopicError};
use crate::auction::Timestamp;
use crate::store::{Order, StoredBid, Table};
use crate::{clock, limits};

/// A part of an auction's history.
#[derive(Debug)]
pub struct History {
    /// The bids of this part.
    pub bids: Vec<Arc<PublishedBid>>,
    /// The sequence up to which these are all bids.
    pub reached: u64,
}

impl<T: Table> Broker<T> {
    /// Bids after a sequence up to the topic's position, at most one page: from the backlog, which
    /// the first reader that needs it fills for all, or from the table. Gavel deletes no bid; where
    /// somebody else did, the next existing bid follows, and the log reports it once.
    pub async fn history(&self, topic: &Arc<Topic>, after: u64) -> Result<History, TopicError> {
        if let Some(reached) = topic.missing_after(after) {
            return Ok(History { bids: Vec::new(), reached });
        }
        let page = limits::STORE_PAGE_BIDS;
        if let Some(bids) = topic.recent_after(after, page) {
            return Ok(History::of(bids, after));
        }
        if after + limits::TOPIC_BACKLOG_MAX as u64 >= topic.mark().position {
            self.warm(topic).await?;
            if let Some(bids) = topic.recent_after(after, page) {
                return Ok(History::of(bids, after));
            }
        }
        let history = self.read_history(topic, after).await?.0;
        if history.reached > after || after >= topic.mark().position {
            return Ok(history);
        }
        self.pass_hole(topic, after).await
    }

    /// Bids from the table after a sequence, up to the first missing one, and the first existing
    /// one after that.
    async fn read_history(
        &self,
        topic: &Arc<Topic>,
        after: u64,
    ) -> Result<(History, Option<u64>), TopicError> {
        let position = topic.mark().position;
        let read =
            self.store.page(topic.id(), Order::After(after), limits::STORE_PAGE_BIDS).await?;
        let first = read.first().map(|stored| stored.bid.sequence);
        let read_at = clock::now();
        let bids = (after + 1..=position)
            .zip(read)
            .take_while(|(expected, stored)| stored.bid.sequence == *expected)
            .map(|(_, stored)| Arc::new(published(stored, read_at)));
        Ok((History::of(bids.collect(), after), first))
    }

    /// The next bid was committed and is not in the table. Reads are not snapshots, so one reader,
    /// on behalf of all, asks again until it has been missing for a while; then it has been
    /// deleted.
    async fn pass_hole(&self, topic: &Arc<Topic>, after: u64) -> Result<History, TopicError> {
        let _alone = topic.warming.lock().await;
        let position = topic.mark().position;
        let mut missing_range = MissingRange::default();
        loop {
            if let Some(reached) = topic.missing_after(after) {
                return Ok(History { bids: Vec::new(), reached });
            }
            let asked = Instant::now();
            let (history, first) = self.read_history(topic, after).await?;
            if history.reached > after {
                return Ok(history);
            }
            if let Some(counted) = missing_range.missed(after, position, asked, Instant::now()) {
                let to = first.map_or(counted, |first| counted.min(first - 1));
                error!(auction.id = %topic.id(), after, to, "bids are missing from the table");
                topic.note_hole(after, to);
            }
            sleep(limits::MISSING_PAUSE).await;
        }
    }

    /// Fills the backlog from the table, once for all that ask.
    async fn warm(&self, topic: &Arc<Topic>) -> Result<(), TopicError> {
        let _alone = topic.warming.lock().await;
        let (oldest, room) = topic.oldest();
        if oldest <= 1 || room == 0 || topic.is_hole(oldest - 1) {
            return Ok(());
        }
        let page = self.store.page(topic.id(), Order::Before(oldest), room).await?;
        let read_at = clock::now();
        topic.prepend(page.into_iter().rev().map(|stored| published(stored, read_at)).collect());
        Ok(())
    }

    /// Whether a cursor is beyond the last bid in the table; reads the table if the topic has not
    /// come that far.
    pub async fn is_ahead(&self, topic: &Arc<Topic>, after: u64) -> Result<bool, TopicError> {
        if after <= topic.mark().position {
            return Ok(false);
        }
        let auction = self.store.load(topic.id()).await?.ok_or(TopicError::NotFound)?;
        let known = auction.sequence;
        self.publish_from_table(auction);
        if after <= known {
            return Ok(false);
        }
        // A transaction shows up item by item: the stream may have shown its bid to another server
        // before this read sees its auction. An isolated read sees all of it, or fails.
        Ok(self.store.bid(topic.id(), after).await?.is_none())
    }
}

impl History {
    fn of(bids: Vec<Arc<PublishedBid>>, after: u64) -> Self {
        let reached = bids.last().map_or(after, |last| last.bid.sequence);
        Self { bids, reached }
    }
}

fn published(stored: StoredBid, read_at: Timestamp) -> PublishedBid {
    let StoredBid { bid, written_at } = stored;
    let source = Source::Table;
    PublishedBid { bid, written_at, read_at, published_at: read_at, source, trace: None }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
