//! Reads for the standings of a caller: which auctions they have bid on, and those auctions.

use std::sync::Arc;

use async_graphql::{Context, Result};
use gavel_core::auction::{Auction, AuctionId, UserId};
use gavel_core::bidding::Bidding;
use gavel_core::store::Dynamo;

use super::caller::{Caller, turn_to_read};
use super::error::{Code, api_error, from_read};
use crate::limits;

/// The caller's id, if they have one and bidders are recorded.
pub(super) fn user(ctx: &Context<'_>) -> Result<UserId> {
    if !ctx.data::<Bidding>()?.lanes().records_bidders() {
        return Err(api_error(Code::Forbidden, "standings are switched off here"));
    }
    let user = ctx.data::<Caller>()?.principal.user_id.clone();
    user.ok_or_else(|| api_error(Code::Unauthenticated, "standings are those of a token's user"))
}

/// Auctions that a user has bid on, after an id, and whether they are the last. `None`: the auction
/// is gone.
pub(super) async fn window(
    ctx: &Context<'_>,
    user: &UserId,
    after: Option<&AuctionId>,
) -> Result<(Vec<(AuctionId, Option<Auction>)>, bool)> {
    let store = ctx.data::<Arc<Dynamo>>()?;
    let _turn = turn_to_read(ctx, 1).await?;
    let max = limits::AUCTION_IDS_MAX;
    let ids = store.bid_on(user, after, max).await.map_err(|error| from_read(&error))?;
    let is_last = ids.len() < max;
    let mut auctions =
        store.load_many(&ids).await.map_err(|error| from_read(&error))?.into_iter().peekable();
    let window = ids.into_iter().map(|id| {
        let auction = auctions.next_if(|auction| auction.id == id);
        (id, auction)
    });
    Ok((window.collect(), is_last))
}

/// Whether a user has bid on an auction.
pub(super) async fn has_bid_on(ctx: &Context<'_>, user: &UserId, id: &AuctionId) -> Result<bool> {
    let store = ctx.data::<Arc<Dynamo>>()?;
    let _turn = turn_to_read(ctx, 1).await?;
    store.has_bid_on(user, id).await.map_err(|error| from_read(&error))
}
