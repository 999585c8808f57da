//! Who asks.

use std::sync::Arc;

use gavel_core::auction::Timestamp;

use crate::auth::{Principal, Session};
use crate::guard::{Address, Payer};

/// Who asks, and when the request arrived.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// Where it comes from.
    pub address: Address,
    /// Who pays for what it asks.
    pub payer: Payer,
    /// When: the time of its bid.
    pub received_at: Timestamp,
    /// The W3C trace context of the request.
    pub traceparent: Option<String>,
    /// The socket's session, if it came over one.
    pub session: Option<Arc<Session>>,
}
