//! History: bids before what a topic has at hand, for watchers that resume.

use std::sync::Arc;

use tracing::error;

use super::event::{PublishedBid, Source};
use super::topic::Topic;
use super::topics::{Broker, TopicError};
use crate::auction::Timestamp;
use crate::store::dynamo::Order;
use crate::store::{StoredBid, Table as _};
use crate::{clock, limits};

/// A part of an auction's history.
#[derive(Debug)]
pub struct History {
    /// Its bids.
    pub bids: Vec<Arc<PublishedBid>>,
    /// The sequence up to which that is all there is.
    pub reached: u64,
}

impl Broker {
    /// Bids after a sequence up to the topic's position, at most a page: from the backlog, which
    /// the first who needs it fills for all, or from the table. Gavel deletes no bid; where somebody
    /// else did, the others are told, and the log says so.
    pub async fn history(&self, topic: &Arc<Topic>, after: u64) -> Result<History, TopicError> {
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
        let position = topic.mark().position;
        let read = self.store.bids(topic.id(), after, page).await?;
        let full = read.len() >= page;
        let read = read.into_iter().filter(|stored| stored.bid.sequence <= position);
        let read_at = clock::now();
        let bids = read.map(|stored| Arc::new(published(stored, read_at))).collect();
        let mut history = History::of(bids, after);
        if !full {
            history.reached = history.reached.max(position);
        }
        let absent = history.reached - after - history.bids.len() as u64;
        if absent > 0 {
            let (auction, to) = (topic.id(), history.reached);
            error!(auction.id = %auction, after, to, absent, "bids are missing from the table");
        }
        Ok(history)
    }

    /// Fills the backlog from the table, once however many ask.
    async fn warm(&self, topic: &Arc<Topic>) -> Result<(), TopicError> {
        let _alone = topic.warming.lock().await;
        let (oldest, room) = topic.oldest();
        if oldest <= 1 || room == 0 {
            return Ok(());
        }
        let page = self.store.page(topic.id(), Order::Before(oldest), room).await?;
        let read_at = clock::now();
        topic.prepend(page.into_iter().rev().map(|stored| published(stored, read_at)).collect());
        Ok(())
    }

    /// Whether a cursor lies beyond what the table has; reads the table if the topic has not come
    /// so far.
    pub async fn is_ahead(&self, topic: &Arc<Topic>, after: u64) -> Result<bool, TopicError> {
        if after <= topic.mark().position {
            return Ok(false);
        }
        let auction = self.store.load(topic.id()).await?.ok_or(TopicError::NotFound)?;
        let known = auction.sequence;
        self.publish_from_table(auction);
        Ok(after > known)
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
