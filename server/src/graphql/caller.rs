//! Who asks.

use std::sync::Arc;

use crate::auction::Timestamp;
use crate::auth::{Principal, Session};

/// Who asks, and when the request arrived.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// When: the time of its bid.
    pub received_at: Timestamp,
    /// The W3C trace context of the request.
    pub traceparent: Option<String>,
    /// The socket's session, if it came over one.
    pub session: Option<Arc<Session>>,
}
