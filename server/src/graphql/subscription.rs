//! Subscriptions: one execution per group of watchers, fed by the fan-out.
//!
//! The resolvers run in two ways. For each subscriber they run once as a [`Probe`]: arguments are
//! checked and recorded, and nothing streams. For each group they run once over an [`EventSource`],
//! and that stream is executed event by event for all members together.

use std::sync::Arc;

use async_graphql::{Context, ID, Result, Subscription};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use gavel_core::auction::{Auction, AuctionId, Status, Timestamp};
use gavel_core::broker::PublishedBid;
use gavel_trace::Context as TraceContext;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::error::{Code, api_error};
use super::query::{auction_id, auction_ids};
use super::types::{AuctionObject, AuctionStatus, BidObject, View};
use crate::limits;

/// The subscription field for one auction that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// `bidCreated`.
    Bids,
    /// `auctionUpdated`.
    Auction,
}

/// What a subscriber asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// The events of one auction.
    One(AskedAuction),
    /// The states of many auctions.
    Many(AskedAuctions),
}

/// A subscriber's arguments for one auction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedAuction {
    /// The field.
    pub topic: Topic,
    /// The auction.
    pub auction_id: AuctionId,
    /// The cursor to resume from.
    pub after: Option<u64>,
}

/// A subscriber's choice of auctions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskedAuctions {
    /// Those with these ids.
    Ids(Vec<AuctionId>),
    /// Those of a status.
    Status(Status),
}

impl AskedAuctions {
    /// The most auctions that it can be.
    pub fn len_max(&self) -> usize {
        match self {
            Self::Ids(ids) => ids.len(),
            Self::Status(_) => limits::AUCTION_IDS_MAX,
        }
    }
}

/// Records what a subscriber asks for; shared between the data of the request and its executor.
#[derive(Debug, Clone, Default)]
pub struct Probe(Arc<Mutex<Vec<Asked>>>);

impl Probe {
    /// The arguments, once the validation run has seen them: one root field, or nothing usable.
    pub fn take(&self) -> Option<Asked> {
        let mut asked = std::mem::take(&mut *self.0.lock());
        if asked.len() == 1 { asked.pop() } else { None }
    }
}

/// An event for a group's execution.
#[derive(Debug, Clone)]
pub enum SourceEvent {
    /// For `bidCreated`, with the span of its delivery, if its trace is kept.
    Bid(Arc<PublishedBid>, Option<TraceContext>),
    /// For `auctionUpdated`, in the group's view.
    Auction(Arc<Auction>, View),
    /// For `auctionsUpdated`, in the public view.
    Auctions(Vec<Arc<Auction>>),
}

impl SourceEvent {
    /// When it was published, if it is a bid.
    pub fn published_at(&self) -> Option<Timestamp> {
        match self {
            Self::Bid(bid, _) => Some(bid.published_at),
            Self::Auction(..) | Self::Auctions(_) => None,
        }
    }
}

/// The events of a group; the one execution of the group takes the receiver.
#[derive(Debug)]
pub struct EventSource(Mutex<Option<mpsc::Receiver<SourceEvent>>>);

impl EventSource {
    /// A source of these events.
    pub fn new(events: mpsc::Receiver<SourceEvent>) -> Self {
        Self(Mutex::new(Some(events)))
    }

    fn items(&self) -> BoxStream<'static, SourceEvent> {
        let Some(mut events) = self.0.lock().take() else { return stream::empty().boxed() };
        stream::poll_fn(move |ctx| events.poll_recv(ctx)).boxed()
    }
}

/// The subscription root.
#[derive(Debug, Default)]
pub struct SubscriptionRoot;

/// Live events, over graphql-transport-ws at /graphql/ws, or as server-sent events at
/// /graphql/stream.
#[Subscription(name = "Subscription")]
impl SubscriptionRoot {
    /// Each accepted bid of an auction, once and in order. With `after: n` it starts with the bid n
    /// + 1, from history if necessary (frames then carry `extensions.replay: true`), without a gap.
    /// Without `after`, it starts now. Completes after the last bid of a closed or cancelled
    /// auction.
    async fn bid_created(
        &self,
        ctx: &Context<'_>,
        auction_id: ID,
        after: Option<i32>,
    ) -> Result<BoxStream<'static, BidObject>> {
        if let Ok(feed) = ctx.data::<EventSource>() {
            let bids = feed.items().filter_map(|item| async move {
                match item {
                    SourceEvent::Bid(bid, span) => Some(BidObject::from_published(&bid, span)),
                    SourceEvent::Auction(..) | SourceEvent::Auctions(_) => None,
                }
            });
            return Ok(bids.boxed());
        }
        let after = after.map(checked_after).transpose()?;
        note(ctx, Topic::Bids, &auction_id, after)?;
        Ok(stream::empty().boxed())
    }

    /// The auction now, then after each change. Its bids are delivered first; intermediate states
    /// may be skipped. Completes after CLOSED or CANCELLED.
    async fn auction_updated(
        &self,
        ctx: &Context<'_>,
        auction_id: ID,
    ) -> Result<BoxStream<'static, AuctionObject>> {
        if let Ok(feed) = ctx.data::<EventSource>() {
            let states = feed.items().filter_map(|item| async move {
                match item {
                    SourceEvent::Auction(auction, view) => Some(AuctionObject { auction, view }),
                    SourceEvent::Bid(..) | SourceEvent::Auctions(_) => None,
                }
            });
            return Ok(states.boxed());
        }
        note(ctx, Topic::Auction, &auction_id, None)?;
        Ok(stream::empty().boxed())
    }

    /// Many auctions in one operation: first all of them, then those that have changed, each in its
    /// latest state, at most four times a second and at once after a pause. An event has at most 10
    /// auctions. Choose either `ids` (1 to 100; unknown ones are left out) or `status`: the first
    /// 100 auctions of that status in the order of the query `auctions`, of those that have ended
    /// the last ones. An auction that comes to the status follows within about two seconds; one
    /// that leaves it is sent once more, in its new status. The view is that of everyone
    /// (`reservePrice` is null). With `ids` it completes when all are CLOSED or CANCELLED.
    async fn auctions_updated(
        &self,
        ctx: &Context<'_>,
        ids: Option<Vec<ID>>,
        status: Option<AuctionStatus>,
    ) -> Result<BoxStream<'static, Vec<AuctionObject>>> {
        if let Ok(feed) = ctx.data::<EventSource>() {
            let lists = feed.items().filter_map(|item| async move {
                let SourceEvent::Auctions(auctions) = item else { return None };
                let view = View::Public;
                Some(auctions.into_iter().map(|auction| AuctionObject { auction, view }).collect())
            });
            return Ok(lists.boxed());
        }
        let asked = match (ids, status) {
            (Some(ids), None) => AskedAuctions::Ids(auction_ids(&ids)?),
            (None, Some(status)) => AskedAuctions::Status(status.into()),
            (Some(_), Some(_)) | (None, None) => {
                let message = "choose the auctions by ids, or by status";
                return Err(api_error(Code::BadRequest, message));
            }
        };
        record(ctx, Asked::Many(asked))?;
        Ok(stream::empty().boxed())
    }
}

fn note(ctx: &Context<'_>, topic: Topic, id: &ID, after: Option<u64>) -> Result<()> {
    let auction_id = auction_id(id)?;
    record(ctx, Asked::One(AskedAuction { topic, auction_id, after }))
}

fn record(ctx: &Context<'_>, asked: Asked) -> Result<()> {
    let Ok(probe) = ctx.data::<Probe>() else {
        let message = "subscriptions run over graphql-transport-ws at /graphql/ws, or as \
                           server-sent events at /graphql/stream";
        return Err(api_error(Code::BadRequest, message));
    };
    probe.0.lock().push(asked);
    Ok(())
}

fn checked_after(after: i32) -> Result<u64> {
    u64::try_from(after).map_err(|_| {
        api_error(Code::BadRequest, "after: must be a bid's sequence, or 0 for all bids")
    })
}
