//! A bid that was offered, and what became of it.

/// What became of an offered bid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the table, says the service.
    Accepted {
        /// The bid's id.
        bid_id: String,
        /// Its number.
        sequence: u64,
        /// When its transaction was sealed.
        written_us: i64,
        /// When the store had acknowledged it; `None` for a repeated answer.
        committed_us: Option<i64>,
    },
    /// Refused, with the code.
    Rejected(String),
    /// An error that says that nothing was written, with the code.
    Failed(String),
    /// Nobody knows.
    Unknown,
}

/// A bid that was offered.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The auction's number.
    pub auction: usize,
    /// When it was to be sent.
    pub intended_us: i64,
    /// When it was sent.
    pub sent_us: i64,
    /// The trace context it was sent with.
    pub traceparent: String,
    /// Whether it carried an idempotency key.
    pub keyed: bool,
    /// How often it was sent again.
    pub retries: u32,
    /// What became of it.
    pub outcome: Outcome,
}
