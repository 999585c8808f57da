//! Mutations: checks of permissions, then the lane. A rejected bid is data.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result};
use gavel_core::auction::{AuctionId, BidId, BidRequest, Canceller, Draft, Transition};
use gavel_core::bidding::{BidAnswer, BidTrace, Bidding, PlaceBid};
use gavel_core::clock;
use gavel_core::store::{Dynamo, IdempotencyKey};
use gavel_trace::Tracer;

use super::caller::Caller;
use super::error::{
    Code, api_error, field_limit_error, from_auth, from_create, from_draft, from_lane, rate_limited,
};
use super::query::{auction_id, load, view};
use super::scalar::{DateTime, MinorUnits};
use super::types::{
    AuctionObject, BidAccepted, BidObject, BidRejected, PlaceBidResult, Session, View,
};
use crate::auth::Role;
use crate::limiter::{Bound, ClientLimiter};
use crate::limits;

/// The mutation root.
#[derive(Debug, Default)]
pub struct Mutation;

/// The terms of an auction.
#[derive(Debug, InputObject)]
pub struct CreateAuctionInput {
    /// What is for sale, in one line: 1 to 200 bytes, no control characters.
    title: String,
    /// What is for sale, in detail: at most 10,000 bytes.
    #[graphql(default)]
    description: String,
    /// An ISO 4217 code that has minor units, for example EUR.
    currency: String,
    /// The minimum first bid; at most 4503599627370495.
    opening_price: MinorUnits,
    /// The minimum step above the current price, from 1 to 8796093022207.
    minimum_increment: MinorUnits,
    /// The secret price below which nothing is sold.
    reserve_price: Option<MinorUnits>,
    /// When the auction opens by itself. Absent: only openAuction opens it; in the past: it opens
    /// at once.
    opens_at: Option<DateTime>,
    /// When the auction ends; within a year.
    ends_at: DateTime,
    /// The soft-close window: an accepted bid in the last this many seconds moves the end to this
    /// many seconds after the bid.
    #[graphql(default = 0)]
    soft_close_seconds: i32,
    /// How often the soft close may move the end. Set both this and `softCloseSeconds` to at least
    /// 1, or neither.
    #[graphql(default = 0)]
    soft_close_extensions_max: i32,
    /// Whether leaders may raise their own bid.
    #[graphql(default = false)]
    leader_may_raise: bool,
    /// Send the same key and terms again to learn the outcome of a request whose answer was lost: 1
    /// to 128 bytes, unique per seller. A key names one auction permanently; other terms with it
    /// are IDEMPOTENCY_CONFLICT.
    idempotency_key: Option<String>,
}

/// A bid.
#[derive(Debug, InputObject)]
pub struct PlaceBidInput {
    /// The auction.
    auction_id: ID,
    /// The amount, in minor units of the auction's currency.
    amount: MinorUnits,
    /// Send the same key again to learn the outcome of a bid whose answer was lost: 1 to 128 bytes.
    /// The key of an accepted bid is kept for 24 hours: the same key and amount are answered with
    /// that bid and `repeated: true`. The key of a rejected bid is not kept: sent again, it is
    /// decided anew.
    idempotency_key: Option<String>,
    /// When the client sends the bid, by its own clock, to time the request hop.
    sent_at: Option<DateTime>,
}

/// Operations that write.
#[Object]
impl Mutation {
    /// Creates an auction. Requires the role seller.
    async fn create_auction(
        &self,
        ctx: &Context<'_>,
        input: CreateAuctionInput,
    ) -> Result<AuctionObject> {
        let caller = ctx.data::<Caller>()?;
        let seller = caller.principal.require(Role::Seller).map_err(|e| from_auth(&e))?.clone();
        let draft = Draft {
            title: input.title,
            description: input.description,
            currency: input.currency,
            opening_price: input.opening_price.0,
            minimum_increment: input.minimum_increment.0,
            reserve_price: input.reserve_price.map(|price| price.0),
            opens_at: input.opens_at.map(|at| at.0),
            ends_at: input.ends_at.0,
            soft_close_seconds: input.soft_close_seconds,
            soft_close_extensions_max: input.soft_close_extensions_max,
            leader_may_raise: input.leader_may_raise,
        };
        let key = input.idempotency_key.as_deref().map(checked_key).transpose()?;
        let id = key.map_or_else(AuctionId::random, |key| AuctionId::of_key(&seller, key));
        let auction =
            draft.into_auction(id, seller, clock::now()).map_err(|error| from_draft(&error))?;
        ctx.data::<ClientLimiter>()?
            .create(&auction.seller_id, caller.received_at)
            .map_err(rate_limited)?;
        let store = ctx.data::<Arc<Dynamo>>()?;
        let is_new = store.create(&auction).await;
        if is_new.map_err(|error| from_create(&error, key.is_some()))? {
            return view(ctx, auction);
        }
        let earlier = load(ctx, &ID(auction.id.to_string())).await?;
        if key.is_some() && !earlier.has_terms_of(&auction) {
            let message =
                "this idempotency key was used for an auction with other terms; use a new key";
            return Err(api_error(Code::IdempotencyConflict, message));
        }
        view(ctx, earlier)
    }

    /// Opens a draft now. Requires its seller, or the role auctioneer.
    async fn open_auction(&self, ctx: &Context<'_>, id: ID) -> Result<AuctionObject> {
        transition(ctx, &id, Transition::Open).await
    }

    /// Cancels an auction; nobody wins. Requires its seller, until `endsAt`, or the role
    /// auctioneer, until it is CLOSED.
    async fn cancel_auction(&self, ctx: &Context<'_>, id: ID) -> Result<AuctionObject> {
        let is_auctioneer = ctx.data::<Caller>()?.principal.has(Role::Auctioneer);
        let by = if is_auctioneer { Canceller::Auctioneer } else { Canceller::Seller };
        transition(ctx, &id, Transition::Cancel { by }).await
    }

    /// Places a bid. Requires the role bidder; the bidder is the token's `sub`. Answered once the
    /// bid is in the table, or is rejected on committed state.
    async fn place_bid(&self, ctx: &Context<'_>, input: PlaceBidInput) -> Result<PlaceBidResult> {
        let caller = ctx.data::<Caller>()?;
        let bidder_id = caller.principal.require(Role::Bidder).map_err(|e| from_auth(&e))?.clone();
        let auction_id = auction_id(&input.auction_id)?;
        let key = input.idempotency_key.as_deref().map(checked_key).transpose()?;
        let limiter = ctx.data::<ClientLimiter>()?;
        limiter.bid(&bidder_id, &auction_id, caller.received_at).map_err(rate_limited)?;
        let key = key.map(|key| IdempotencyKey::new(&auction_id, &bidder_id, key));
        let tracer = ctx.data::<Tracer>()?;
        let given = caller.traceparent.as_deref();
        let trace = BidTrace::begin(tracer, given, caller.received_at);
        let request = BidRequest {
            id: BidId::random(),
            auction_id,
            bidder_id,
            amount: input.amount.0,
            sent_at: input.sent_at.map(|at| at.0),
            received_at: caller.received_at,
            forwarded_at: None,
            traceparent: match &trace {
                Some(trace) => Some(trace.transact().to_string()),
                None => tracer.pass_on(given),
            },
        };
        let bidding = ctx.data::<Bidding>()?;
        let span = trace.as_ref().map(BidTrace::transact);
        let answer = bidding.place(PlaceBid { request, key, trace: span }).await;
        if let Some(trace) = trace {
            trace.answered(tracer, &answer);
        }
        match answer.map_err(from_lane)? {
            BidAnswer::Accepted { stored, repeated, committed_at, .. } => {
                Ok(PlaceBidResult::BidAccepted(BidAccepted {
                    bid: BidObject::from_lane(stored),
                    repeated,
                    committed_at: DateTime(committed_at),
                }))
            }
            BidAnswer::Rejected { code, auction } => {
                let auction = view(ctx, *auction)?;
                Ok(PlaceBidResult::BidRejected(BidRejected::new(code, auction)))
            }
        }
    }

    /// Replaces the token of this socket with a new one of the same user, before the old one
    /// expires. Subscriptions continue.
    async fn renew_token(&self, ctx: &Context<'_>, token: String) -> Result<Session> {
        let caller = ctx.data::<Caller>()?;
        let Some(session) = &caller.session else {
            let message = "renewToken works only on a socket; over HTTP, just send the new token";
            return Err(api_error(Code::BadRequest, message));
        };
        let principal = session.renew(&token, clock::now()).await.map_err(|e| from_auth(&e))?;
        let (Some(user_id), Some(expires_at)) = (principal.user_id, principal.expires_at) else {
            return Err(api_error(Code::Internal, "internal error"));
        };
        Ok(Session {
            user_id: ID(user_id.to_string()),
            roles: principal.roles.iter().map(Into::into).collect(),
            expires_at: DateTime(expires_at),
        })
    }
}

async fn transition(ctx: &Context<'_>, id: &ID, transition: Transition) -> Result<AuctionObject> {
    let caller = ctx.data::<Caller>()?;
    let principal = &caller.principal;
    let forbidden = || api_error(Code::Forbidden, "only its seller or an auctioneer may do this");
    let is_either = principal.has(Role::Auctioneer) || principal.has(Role::Seller);
    if principal.user_id.is_none() {
        // Without a token: that is what is missing.
        principal.require(Role::Seller).map_err(|error| from_auth(&error))?;
    } else if !is_either {
        return Err(forbidden());
    }
    let auction = load(ctx, id).await?;
    if View::of(principal, &auction) != View::Owner {
        return Err(forbidden());
    }
    let lanes = ctx.data::<Bidding>()?.lanes();
    let auction = lanes.transition(&auction.id, transition).await.map_err(from_lane)?;
    view(ctx, auction)
}

fn checked_key(key: &str) -> Result<&str> {
    if (1..=limits::IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len()) {
        return Ok(key);
    }
    let max = limits::IDEMPOTENCY_KEY_BYTES_MAX;
    let message = format!("idempotencyKey: must be 1 to {max} bytes");
    Err(field_limit_error(Code::BadRequest, Bound::IdempotencyKey, message))
}
