//! The span of a delivery to one group of subscribers.

use gavel_trace::{Context, Kind, Span, Tracer};

use crate::broker::PublishedBid;
use crate::clock;

/// Exports the delivery of a bid to one group of subscribers.
pub(super) fn delivered(tracer: &Tracer, context: Context, bid: &PublishedBid, subscribers: usize) {
    tracer.record(|| Span {
        name: "fanout.deliver",
        context,
        parent: bid.trace.map(|publish| publish.span_id),
        kind: Kind::Internal,
        start_us: bid.published_at.as_micros(),
        end_us: clock::now().as_micros(),
        attributes: vec![("subscribers", subscribers.to_string())],
        error: None,
    });
}
