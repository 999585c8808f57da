//! The object types of the schema.

use std::sync::Arc;

use async_graphql::connection::{Connection, Edge, EmptyFields};
use async_graphql::{ComplexObject, Context, Enum, ID, Object, Result, SimpleObject, Union};

use super::cursor::{bid_cursor, parse_bid_cursor};
use super::error::{Code, api_error, from_read};
use super::scalar::{DateTime, MinorUnits};
use crate::auction::{self, Auction, RefusalCode, Status};
use crate::auth::{Principal, Role};
use crate::broker::{PublishedBid, Source};
use crate::store::dynamo::Order;
use crate::store::{Dynamo, StoredBid};
use crate::{clock, limits};

/// What a caller may see of an auction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum View {
    /// Everyone.
    Public,
    /// Its seller, and auctioneers: the reserve price too.
    Owner,
}

impl View {
    /// The view that a caller has of an auction.
    pub fn of(principal: &Principal, auction: &Auction) -> Self {
        let owns =
            principal.user_id.as_ref() == Some(&auction.seller_id) && principal.has(Role::Seller);
        if owns || principal.has(Role::Auctioneer) { Self::Owner } else { Self::Public }
    }
}

/// Where an auction is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum AuctionStatus {
    /// Made, not yet open.
    Draft,
    /// Takes bids until `endsAt`.
    Open,
    /// Ended.
    Closed,
    /// Called off; nobody wins.
    Cancelled,
}

impl From<Status> for AuctionStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Draft => Self::Draft,
            Status::Open => Self::Open,
            Status::Closed => Self::Closed,
            Status::Cancelled => Self::Cancelled,
        }
    }
}

impl From<AuctionStatus> for Status {
    fn from(status: AuctionStatus) -> Self {
        match status {
            AuctionStatus::Draft => Self::Draft,
            AuctionStatus::Open => Self::Open,
            AuctionStatus::Closed => Self::Closed,
            AuctionStatus::Cancelled => Self::Cancelled,
        }
    }
}

/// An auction as one caller sees it.
#[derive(Debug, Clone)]
pub struct AuctionObject {
    /// The auction.
    pub auction: Arc<Auction>,
    /// What the caller may see of it.
    pub view: View,
}

/// Bids in pages.
type BidConnection = Connection<String, BidObject, EmptyFields, EmptyFields>;

/// An English auction: the price rises by at least `minimumIncrement` until nobody bids more.
#[Object(name = "Auction")]
impl AuctionObject {
    /// Its id.
    async fn id(&self) -> ID {
        ID(self.auction.id.to_string())
    }

    /// What is for sale, in a line.
    async fn title(&self) -> &str {
        &self.auction.title
    }

    /// What is for sale, at length.
    async fn description(&self) -> &str {
        &self.auction.description
    }

    /// Who sells; may not bid.
    async fn seller_id(&self) -> ID {
        ID(self.auction.seller_id.to_string())
    }

    /// The ISO 4217 code of every amount of this auction.
    async fn currency(&self) -> &str {
        self.auction.currency.code()
    }

    /// By the clock: a draft whose `opensAt` has come is OPEN.
    async fn status(&self) -> AuctionStatus {
        self.auction.status_at(clock::now()).into()
    }

    /// The least first bid.
    async fn opening_price(&self) -> MinorUnits {
        MinorUnits(self.auction.opening_price)
    }

    /// The highest accepted bid; null before the first.
    async fn current_price(&self) -> Option<MinorUnits> {
        self.auction.current_price.map(MinorUnits)
    }

    /// The least amount that the next bid must have.
    async fn minimum_bid(&self) -> MinorUnits {
        MinorUnits(self.auction.minimum_bid())
    }

    /// The least step over the current price.
    async fn minimum_increment(&self) -> MinorUnits {
        MinorUnits(self.auction.minimum_increment)
    }

    /// Whether the price has reached the secret reserve.
    async fn reserve_met(&self) -> bool {
        self.auction.reserve_met()
    }

    /// The reserve; null to all but the seller and auctioneers.
    async fn reserve_price(&self) -> Option<MinorUnits> {
        self.auction.reserve_price.filter(|_| self.view == View::Owner).map(MinorUnits)
    }

    /// Who bid the current price.
    async fn leader_id(&self) -> Option<ID> {
        self.auction.leader_id.as_ref().map(|id| ID(id.to_string()))
    }

    /// Who has won: the leader of a CLOSED auction whose reserve is met.
    async fn winner_id(&self) -> Option<ID> {
        self.auction.winner_id().map(|id| ID(id.to_string()))
    }

    /// When it opens by itself, or was opened.
    async fn opens_at(&self) -> Option<DateTime> {
        self.auction.opens_at.map(DateTime)
    }

    /// When it ends, soft closes included.
    async fn ends_at(&self) -> DateTime {
        DateTime(self.auction.ends_at)
    }

    /// An accepted bid in the last so many seconds moves the end to so many seconds after it.
    async fn soft_close_seconds(&self) -> u32 {
        self.auction.soft_close_seconds
    }

    /// How often that may happen.
    async fn soft_close_extensions_max(&self) -> u32 {
        self.auction.soft_close_extensions_max
    }

    /// Whether the leader may raise its own bid.
    async fn leader_may_raise(&self) -> bool {
        self.auction.leader_may_raise
    }

    /// How often the soft close has moved the end.
    async fn extensions(&self) -> u32 {
        self.auction.extensions
    }

    /// The number of accepted bids. Watchers read it first, then subscribe with `after`.
    async fn sequence(&self) -> i32 {
        int(self.auction.sequence)
    }

    /// Raised by every change of the auction.
    async fn version(&self) -> i32 {
        int(self.auction.version)
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.auction.created_at)
    }

    /// Its accepted bids, from the table.
    #[graphql(complexity = "usize::try_from(first).unwrap_or(0) * child_complexity + 1")]
    async fn bids(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 50)] first: i32,
        after: Option<String>,
        #[graphql(default = false)] newest_first: bool,
    ) -> Result<BidConnection> {
        let first = page_size(first)?;
        let after = after.as_deref().map(parse_bid_cursor).transpose()?;
        let order = match (newest_first, after) {
            (false, after) => Order::After(after.unwrap_or(0)),
            (true, before) => Order::Before(before.unwrap_or(u64::MAX)),
        };
        let store = ctx.data::<Arc<Dynamo>>()?;
        let mut page =
            store.page(&self.auction.id, order, first + 1).await.map_err(|e| from_read(&e))?;
        let more = page.len() > first;
        page.truncate(first);
        let mut connection = Connection::new(after.is_some(), more);
        connection.edges.extend(page.into_iter().map(|stored| {
            Edge::new(bid_cursor(stored.bid.sequence), BidObject::from_table(stored))
        }));
        Ok(connection)
    }
}

/// The number of entries in a page, checked.
pub(super) fn page_size(first: i32) -> Result<usize> {
    usize::try_from(first).ok().filter(|first| (1..=limits::PAGE_MAX).contains(first)).ok_or_else(
        || {
            api_error(
                Code::BadRequest,
                format!("first: must be from 1 to {}, then page with after", limits::PAGE_MAX),
            )
        },
    )
}

/// A counter as a GraphQL Int.
fn int(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// An accepted bid.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(name = "Bid")]
pub struct BidObject {
    /// Its id.
    id: ID,
    /// The auction it belongs to.
    auction_id: ID,
    /// Its number within the auction: 1, 2, 3, no gap.
    sequence: i32,
    /// Who bid.
    bidder_id: ID,
    /// How much.
    amount: MinorUnits,
    /// The bid's time: when the server received it.
    received_at: DateTime,
    /// The end of the auction as it stands after this bid.
    ends_at: DateTime,
    /// Whether the reserve is met after this bid.
    reserve_met: bool,
    /// The stamps of its hops.
    timing: BidTiming,
    /// The W3C trace context it came with.
    traceparent: Option<String>,
}

/// Where this server learnt of a bid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum BidSource {
    /// A record of the DynamoDB stream.
    Stream,
    /// The lane that wrote it.
    Lane,
    /// The table.
    Table,
}

/// When a bid passed each hop. Clocks: `sentAt` the client's, the others the servers'.
#[derive(Debug, Clone, SimpleObject)]
pub struct BidTiming {
    /// The client's own stamp.
    sent_at: Option<DateTime>,
    /// The server received it.
    received_at: DateTime,
    /// The lane sealed its transaction.
    written_at: DateTime,
    /// The relay read it; null if it was not read from the stream or table for watchers.
    read_at: Option<DateTime>,
    /// The broker published it; null as `readAt`.
    published_at: Option<DateTime>,
    /// Where this server learnt of it.
    source: BidSource,
}

impl BidObject {
    /// A bid as the lane has just written it.
    pub fn from_lane(stored: StoredBid) -> Self {
        Self::new(&stored.bid, stored.written_at, BidSource::Lane)
    }

    /// A bid as the table has it.
    pub fn from_table(stored: StoredBid) -> Self {
        Self::new(&stored.bid, stored.written_at, BidSource::Table)
    }

    /// A bid as the broker publishes it.
    pub fn from_published(published: &PublishedBid) -> Self {
        let source = match published.source {
            Source::Stream => BidSource::Stream,
            Source::Lane => BidSource::Lane,
            Source::Table => BidSource::Table,
        };
        let mut bid = Self::new(&published.bid, published.written_at, source);
        bid.timing.read_at = Some(DateTime(published.read_at));
        bid.timing.published_at = Some(DateTime(published.published_at));
        bid
    }

    fn new(bid: &auction::Bid, written_at: auction::Timestamp, source: BidSource) -> Self {
        Self {
            id: ID(bid.id.to_string()),
            auction_id: ID(bid.auction_id.to_string()),
            sequence: int(bid.sequence),
            bidder_id: ID(bid.bidder_id.to_string()),
            amount: MinorUnits(bid.amount),
            received_at: DateTime(bid.received_at),
            ends_at: DateTime(bid.ends_at),
            reserve_met: bid.reserve_met,
            timing: BidTiming {
                sent_at: bid.sent_at.map(DateTime),
                received_at: DateTime(bid.received_at),
                written_at: DateTime(written_at),
                read_at: None,
                published_at: None,
                source,
            },
            traceparent: bid.traceparent.clone(),
        }
    }
}

/// What became of a bid.
#[derive(Debug, Union)]
pub enum PlaceBidResult {
    /// It is in the table.
    BidAccepted(BidAccepted),
    /// It is not and never will be.
    BidRejected(BidRejected),
}

/// The bid is in the table and will reach every watcher.
#[derive(Debug, SimpleObject)]
pub struct BidAccepted {
    /// The bid.
    pub bid: BidObject,
    /// Whether an earlier request with the same idempotency key wrote it.
    pub repeated: bool,
    /// When DynamoDB acknowledged it. For a repeat that this server did not write itself: when the
    /// write was sealed.
    pub committed_at: DateTime,
}

/// Why a bid was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum BidRejectedCode {
    /// Below `minimumBid`.
    TooLow,
    /// The auction has not opened.
    NotOpen,
    /// The auction has ended or was cancelled.
    Closed,
    /// A seller may not bid on its own auction.
    OwnAuction,
    /// The bidder leads already, and this auction does not let a leader raise itself.
    AlreadyLeading,
}

/// The bid was refused; it never appears. Data, not an error.
#[derive(Debug, SimpleObject)]
#[graphql(complex)]
pub struct BidRejected {
    /// Why.
    pub code: BidRejectedCode,
    /// The same in a sentence.
    pub message: String,
    /// The auction that it was decided on.
    pub auction: AuctionObject,
}

#[ComplexObject]
impl BidRejected {
    /// The least amount that a bid must have now.
    async fn minimum_bid(&self) -> MinorUnits {
        MinorUnits(self.auction.auction.minimum_bid())
    }
}

impl BidRejected {
    /// A refusal on the state it was decided on.
    pub fn new(code: RefusalCode, auction: AuctionObject) -> Self {
        let minimum = auction.auction.minimum_bid();
        let (code, message) = match code {
            RefusalCode::TooLow => {
                (BidRejectedCode::TooLow, format!("the least bid is now {minimum} minor units"))
            }
            RefusalCode::NotOpen => {
                (BidRejectedCode::NotOpen, "the auction has not opened yet".to_owned())
            }
            RefusalCode::Closed => {
                let cancelled = auction.auction.status == Status::Cancelled;
                let how = if cancelled { "was cancelled" } else { "has ended" };
                (BidRejectedCode::Closed, format!("the auction {how}"))
            }
            RefusalCode::OwnAuction => {
                (BidRejectedCode::OwnAuction, "a seller may not bid on its own auction".to_owned())
            }
            RefusalCode::AlreadyLeading => (
                BidRejectedCode::AlreadyLeading,
                "you lead already, and this auction does not let a leader raise itself".to_owned(),
            ),
        };
        Self { code, message, auction }
    }
}

/// The caller as the server knows it.
#[derive(Debug, SimpleObject)]
pub struct Me {
    /// The token's `sub`; null for an anonymous observer.
    pub id: Option<ID>,
    /// What it may do.
    pub roles: Vec<RoleName>,
    /// When its token expires.
    pub expires_at: Option<DateTime>,
}

/// A session with a renewed token.
#[derive(Debug, SimpleObject)]
pub struct Session {
    /// The token's `sub`.
    pub user_id: ID,
    /// What it may do.
    pub roles: Vec<RoleName>,
    /// When the token expires.
    pub expires_at: DateTime,
}

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "Role")]
pub enum RoleName {
    /// Places bids.
    Bidder,
    /// Makes auctions, and opens and cancels its own.
    Seller,
    /// Acts on every auction.
    Auctioneer,
    /// Reads and watches.
    Observer,
}

impl From<Role> for RoleName {
    fn from(role: Role) -> Self {
        match role {
            Role::Bidder => Self::Bidder,
            Role::Seller => Self::Seller,
            Role::Auctioneer => Self::Auctioneer,
            Role::Observer => Self::Observer,
        }
    }
}
