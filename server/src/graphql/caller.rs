//! The caller of a request.

use std::sync::Arc;

use async_graphql::{Context, Result};
use gavel_core::auction::Timestamp;

use crate::auth::{Principal, Session};
use crate::limiter::{Address, ClientLimiter, Payer, Turn};

/// The caller, and when the request arrived.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The identity and roles of the caller.
    pub principal: Principal,
    /// The address of the caller.
    pub address: Address,
    /// Who pays for the request.
    pub payer: Payer,
    /// When the request arrived: the time of its bid.
    pub received_at: Timestamp,
    /// The W3C trace context of the request.
    pub traceparent: Option<String>,
    /// The socket's session, if it came over one.
    pub session: Option<Arc<Session>>,
}

/// Waits until the caller may make this many concurrent requests to the table.
pub(super) async fn turn_to_read(ctx: &Context<'_>, requests: usize) -> Result<Option<Turn>> {
    let payer = &ctx.data::<Caller>()?.payer;
    Ok(ctx.data::<ClientLimiter>()?.turn_to_read(payer, requests).await)
}
