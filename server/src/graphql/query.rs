//! Queries: strongly consistent reads of the table.

use std::sync::Arc;

use async_graphql::connection::{Connection, Edge, EmptyFields};
use async_graphql::{Context, ID, Object, Result};
use gavel_core::auction::{Auction, AuctionId};

use gavel_core::clock;
use gavel_core::store::pages::Direction;
use gavel_core::store::phase::{Phase, Place};
use gavel_core::store::{Dynamo, Table as _};

use super::caller::{Caller, turn_to_read};
use super::cursor::{
    auction_cursor, listed_cursor, malformed, parse_auction_cursor, parse_listed_cursor,
};
use super::error::{Code, api_error, field_limit_error, from_read};
use super::scalar::DateTime;
use super::types::{AuctionObject, AuctionStatus, Me, View, page_size};
use crate::limiter::Bound;
use crate::limits;

/// The query root.
#[derive(Debug, Default)]
pub struct Query;

type AuctionConnection = Connection<String, AuctionObject, EmptyFields, EmptyFields>;

/// Operations that read.
#[Object]
impl Query {
    /// An auction by id; null with an error if there is none.
    // A nullable field whose resolver can fail is an option of a result: of a result of an option the
    // library leaves the field out of `data`, where the specification wants null.
    async fn auction(&self, ctx: &Context<'_>, id: ID) -> Option<Result<AuctionObject>> {
        let seen = async { view(ctx, load(ctx, &id).await?) };
        Some(seen.await)
    }

    /// Auctions of a status (of all, if none is given), earliest first: OPEN by their end, then
    /// DRAFT by their opening, then the others by their end. `newestFirst` reverses the order: of
    /// CLOSED auctions, the last that ended comes first. The list is eventually consistent: an
    /// auction created a moment ago may be missing. A cursor is valid for the status and order that
    /// it was issued for.
    ///
    /// With `ids` (1 to 100) these auctions, in the order of the ids, read consistently: unknown ids
    /// and those of another `status` are left out, repeated ones count once. `first` applies here
    /// too: it should be the number of the ids.
    async fn auctions(
        &self,
        ctx: &Context<'_>,
        ids: Option<Vec<ID>>,
        status: Option<AuctionStatus>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
        #[graphql(default = false)] newest_first: bool,
    ) -> Result<AuctionConnection> {
        let first = page_size(first)?;
        if let Some(ids) = ids {
            return listed(ctx, &auction_ids(&ids)?, status, first, after, newest_first).await;
        }
        let mut phases = Phase::of_status(status.map(Into::into)).to_vec();
        let direction = if newest_first {
            phases.reverse();
            Direction::Descending
        } else {
            Direction::Ascending
        };
        let (start, mut place) = match after.as_deref().map(parse_auction_cursor).transpose()? {
            Some((phase, place)) => (phase, Some(place)),
            None => (0, None),
        };
        let store = ctx.data::<Arc<Dynamo>>()?;
        let _turn = turn_to_read(ctx, usize::from(limits::DUE_PARTITIONS)).await?;
        let mut found: Vec<(usize, Place, Auction)> = Vec::with_capacity(first + 1);
        for (number, phase) in phases.iter().enumerate().skip(start) {
            let wanted = first + 1 - found.len();
            let page = store.list(*phase, place.as_ref(), wanted, direction).await;
            let page = page.map_err(|error| from_read(&error))?;
            found.extend(page.into_iter().map(|(place, auction)| (number, place, auction)));
            if found.len() > first {
                break;
            }
            place = None;
        }
        let more = found.len() > first;
        found.truncate(first);
        let mut connection = Connection::new(after.is_some(), more);
        for (number, place, auction) in found {
            let object = view(ctx, auction)?;
            connection.edges.push(Edge::new(auction_cursor(number, &place), object));
        }
        Ok(connection)
    }

    /// The caller as the server knows it.
    async fn me(&self, ctx: &Context<'_>) -> Result<Me> {
        let principal = &ctx.data::<Caller>()?.principal;
        Ok(Me {
            id: principal.user_id.as_ref().map(|id| ID(id.to_string())),
            roles: principal.roles.iter().map(Into::into).collect(),
            expires_at: principal.expires_at.map(DateTime),
        })
    }

    /// The server's clock, for countdowns.
    async fn server_time(&self) -> DateTime {
        DateTime(clock::now())
    }
}

/// A page of the auctions with these ids, in their order.
async fn listed(
    ctx: &Context<'_>,
    ids: &[AuctionId],
    status: Option<AuctionStatus>,
    first: usize,
    after: Option<String>,
    newest_first: bool,
) -> Result<AuctionConnection> {
    let mut ids: Vec<(usize, &AuctionId)> = ids.iter().enumerate().collect();
    if newest_first {
        ids.reverse();
    }
    if let Some(after) = &after {
        let after = parse_listed_cursor(after)?;
        let seen = ids.iter().position(|(number, _)| *number == after);
        ids.drain(..=seen.ok_or_else(|| malformed("auctions with these ids"))?);
    }
    let wanted: Vec<AuctionId> = ids.iter().map(|(_, id)| (*id).clone()).collect();
    let store = ctx.data::<Arc<Dynamo>>()?;
    let _turn = turn_to_read(ctx, 1).await?;
    let found = store.load_many(&wanted).await.map_err(|error| from_read(&error))?;
    let now = clock::now();
    let is_wanted =
        |auction: &Auction| status.is_none_or(|status| auction.status_at(now) == status.into());
    let mut found: Vec<Auction> = found.into_iter().filter(is_wanted).collect();
    let more = found.len() > first;
    found.truncate(first);
    let mut connection = Connection::new(after.is_some(), more);
    for auction in found {
        let number = ids.iter().find(|(_, id)| **id == auction.id).map_or(0, |(number, _)| *number);
        connection.edges.push(Edge::new(listed_cursor(number), view(ctx, auction)?));
    }
    Ok(connection)
}

/// The distinct ids of a list, in order; ids that no auction can have are left out, and nothing is
/// read for them.
pub(super) fn auction_ids(ids: &[ID]) -> Result<Vec<AuctionId>> {
    let max = limits::AUCTION_IDS_MAX;
    if ids.is_empty() || ids.len() > max {
        let message = format!("ids: must be a list of 1 to {max}");
        return Err(field_limit_error(Code::BadRequest, Bound::AuctionIds, message));
    }
    let mut distinct: Vec<AuctionId> = Vec::with_capacity(ids.len());
    for id in ids.iter().filter(|id| AuctionId::is_well_formed(id)) {
        if !distinct.iter().any(|known| known.as_str() == id.as_str()) {
            distinct.push(id.as_str().into());
        }
    }
    Ok(distinct)
}

/// Loads the auction with the id of a request, or fails with NOT_FOUND.
pub(super) async fn load(ctx: &Context<'_>, id: &ID) -> Result<Auction> {
    let id = auction_id(id)?;
    let store = ctx.data::<Arc<Dynamo>>()?;
    let _turn = turn_to_read(ctx, 1).await?;
    let auction = store.load(&id).await.map_err(|error| from_read(&error))?;
    auction.ok_or_else(not_found)
}

/// The id of a request, or NOT_FOUND if no auction can have it; nothing is read in that case.
pub(super) fn auction_id(id: &ID) -> Result<AuctionId> {
    if AuctionId::is_well_formed(id) { Ok(id.as_str().into()) } else { Err(not_found()) }
}

fn not_found() -> async_graphql::Error {
    api_error(Code::NotFound, "no auction has this id; list them with the query auctions")
}

/// An auction as the caller sees it.
pub(super) fn view(ctx: &Context<'_>, auction: Auction) -> Result<AuctionObject> {
    let view = View::of(&ctx.data::<Caller>()?.principal, &auction);
    Ok(AuctionObject { auction: Arc::new(auction), view })
}
