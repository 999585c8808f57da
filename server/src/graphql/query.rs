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
use super::cursor::{auction_cursor, parse_auction_cursor};
use super::error::{Code, api_error, from_read};
use super::scalar::DateTime;
use super::types::{AuctionObject, AuctionStatus, Me, View, page_size};
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
    async fn auctions(
        &self,
        ctx: &Context<'_>,
        status: Option<AuctionStatus>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
        #[graphql(default = false)] newest_first: bool,
    ) -> Result<AuctionConnection> {
        let first = page_size(first)?;
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
