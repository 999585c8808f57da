//! The spans of a delivery: to one group of subscribers, and, on demand, to each of them.

use gavel_core::auction::Timestamp;
use gavel_core::broker::PublishedBid;
use gavel_core::clock;
use gavel_trace::{Context, Kind, Span, Tracer};

use super::member::Outcome;

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
        links: Vec::new(),
        error: None,
    });
}

/// Exports the delivery of a bid to one watcher of the group.
pub(super) fn told(
    tracer: &Tracer,
    deliver: Context,
    bid: &PublishedBid,
    (told, at): &(Outcome, Timestamp),
) {
    let how = match told {
        Outcome::Written => "written",
        Outcome::Queued => "queued",
        Outcome::Before | Outcome::Left => return,
    };
    tracer.record(|| Span {
        name: "watcher.tell",
        context: deliver.child(),
        parent: Some(deliver.span_id),
        kind: Kind::Internal,
        start_us: bid.published_at.as_micros(),
        end_us: at.as_micros(),
        attributes: vec![("how", how.to_owned())],
        links: Vec::new(),
        error: None,
    });
}
