//! An auction as a client sees it.

use std::sync::Arc;

use async_graphql::connection::{Connection, Edge, EmptyFields};
use async_graphql::{Context, Enum, ID, Object, Result};
use gavel_core::auction::{Auction, Status};
use gavel_core::clock;
use gavel_core::store::Dynamo;
use gavel_core::store::{Order, Table as _};

use super::bid::{BidObject, int};
use super::standing::Standing;
use crate::auth::{Principal, Role};
use crate::graphql::caller::{Caller, turn_to_read};
use crate::graphql::cursor::{bid_cursor, parse_bid_cursor};
use crate::graphql::error::{Code, field_limit_error, from_read};
use crate::graphql::scalar::{DateTime, MinorUnits};
use crate::graphql::standings;
use crate::limiter::Bound;
use crate::limits;

/// What a caller may see of an auction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum View {
    /// What everyone may see.
    Public,
    /// What its seller and auctioneers may see: the reserve price too.
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

/// The status of an auction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum AuctionStatus {
    /// Created, but not open yet. Everybody may see it: it announces the auction.
    Draft,
    /// Accepts bids until `endsAt`.
    Open,
    /// Ended.
    Closed,
    /// Cancelled; nobody wins.
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

/// Pages of bids.
type BidConnection = Connection<String, BidObject, EmptyFields, EmptyFields>;

/// An English auction: the price rises by at least `minimumIncrement` until nobody bids more.
#[Object(name = "Auction")]
impl AuctionObject {
    /// The id of the auction.
    async fn id(&self) -> ID {
        ID(self.auction.id.to_string())
    }

    /// What is for sale, in one line.
    async fn title(&self) -> &str {
        &self.auction.title
    }

    /// What is for sale, in detail.
    async fn description(&self) -> &str {
        &self.auction.description
    }

    /// The seller, who may not bid.
    async fn seller_id(&self) -> ID {
        ID(self.auction.seller_id.to_string())
    }

    /// The ISO 4217 code of every amount of this auction.
    async fn currency(&self) -> &str {
        self.auction.currency.code()
    }

    /// How many of an amount's digits stand behind the decimal point: 2 for EUR, 0 for JPY.
    async fn currency_digits(&self) -> i32 {
        i32::from(self.auction.currency.digits())
    }

    /// The status by the clock: a draft is OPEN from `opensAt` on.
    async fn status(&self) -> AuctionStatus {
        self.auction.status_at(clock::now()).into()
    }

    /// The minimum first bid.
    async fn opening_price(&self) -> MinorUnits {
        MinorUnits(self.auction.opening_price)
    }

    /// The highest accepted bid; null before the first.
    async fn current_price(&self) -> Option<MinorUnits> {
        self.auction.current_price.map(MinorUnits)
    }

    /// The minimum amount of the next bid; above `maximumBid` if no higher bid is possible.
    async fn minimum_bid(&self) -> MinorUnits {
        MinorUnits(self.auction.minimum_bid())
    }

    /// The lowest amounts that the next bid may have, in ascending order, at most `first` (1 to
    /// 20): for the buttons of a page. Empty if no higher bid is possible.
    async fn next_bids(&self, #[graphql(default = 5)] first: i32) -> Result<Vec<MinorUnits>> {
        let max = limits::NEXT_BIDS_MAX;
        let first = usize::try_from(first).ok().filter(|first| (1..=max).contains(first));
        let first = first.ok_or_else(|| {
            let message = format!("first: must be from 1 to {max}");
            field_limit_error(Code::BadRequest, Bound::Page, message)
        })?;
        Ok(self.auction.next_bids(first).into_iter().map(MinorUnits).collect())
    }

    /// The maximum amount of the next bid: half-way from the current price to 2^53 - 1, so that no
    /// single bid ends the bidding.
    async fn maximum_bid(&self) -> MinorUnits {
        MinorUnits(self.auction.maximum_bid())
    }

    /// The minimum step above the current price.
    async fn minimum_increment(&self) -> MinorUnits {
        MinorUnits(self.auction.minimum_increment)
    }

    /// Whether there is a secret reserve: a price below which nothing is sold.
    async fn has_reserve(&self) -> bool {
        self.auction.reserve_price.is_some()
    }

    /// Whether the price has reached the reserve; without a reserve, whether there is a bid.
    async fn reserve_met(&self) -> bool {
        self.auction.reserve_met()
    }

    /// The reserve price; null for everyone but the seller and auctioneers.
    async fn reserve_price(&self) -> Option<MinorUnits> {
        self.auction.reserve_price.filter(|_| self.view == View::Owner).map(MinorUnits)
    }

    /// The bidder of the current price.
    async fn leader_id(&self) -> Option<ID> {
        self.auction.leader_id.as_ref().map(|id| ID(id.to_string()))
    }

    /// The winner: the leader of a CLOSED auction whose reserve is met.
    async fn winner_id(&self) -> Option<ID> {
        self.auction.winner_id().map(|id| ID(id.to_string()))
    }

    /// How the caller stands; null if they have not bid, or have no token. A subscription cannot
    /// select it.
    async fn my_standing(&self, ctx: &Context<'_>) -> Option<Result<Standing>> {
        let user = ctx.data_opt::<Caller>()?.principal.user_id.clone()?;
        let standing = Standing::of(&user, &self.auction);
        if self.auction.sequence == 0 {
            return None;
        }
        // Whoever leads has bid.
        if self.auction.leader_id.as_ref() == Some(&user) {
            return Some(Ok(standing));
        }
        let has_bid = async {
            let user = standings::user(ctx)?;
            standings::has_bid_on(ctx, &user, &self.auction.id).await
        };
        match has_bid.await {
            Ok(true) => Some(Ok(standing)),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// When the auction opens by itself, or was opened.
    async fn opens_at(&self) -> Option<DateTime> {
        self.auction.opens_at.map(DateTime)
    }

    /// When the auction ends, including soft-close extensions.
    async fn ends_at(&self) -> DateTime {
        DateTime(self.auction.ends_at)
    }

    /// The soft-close window: an accepted bid in the last this many seconds moves the end to this
    /// many seconds after the bid.
    async fn soft_close_seconds(&self) -> u32 {
        self.auction.soft_close_seconds
    }

    /// How often the soft close may move the end.
    async fn soft_close_extensions_max(&self) -> u32 {
        self.auction.soft_close_extensions_max
    }

    /// Whether leaders may raise their own bid.
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

    /// The version of the auction, which every change raises.
    async fn version(&self) -> i32 {
        int(self.auction.version)
    }

    /// When the auction was created.
    async fn created_at(&self) -> DateTime {
        DateTime(self.auction.created_at)
    }

    /// The accepted bids of the auction, from the table.
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
        let _turn = turn_to_read(ctx, 1).await?;
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

/// Checks the number of entries that a page is asked for.
pub(in crate::graphql) fn page_size(first: i32) -> Result<usize> {
    usize::try_from(first).ok().filter(|first| (1..=limits::PAGE_MAX).contains(first)).ok_or_else(
        || {
            field_limit_error(
                Code::BadRequest,
                Bound::Page,
                format!("first: must be from 1 to {}, then page with after", limits::PAGE_MAX),
            )
        },
    )
}
