//! The spans of a bid from its write to the broker, made of its stamps.

use gavel_trace::{Context, Kind, Span, Tracer};

use super::event::{PublishedBid, Source};

/// Exports how a bid came from its write to the broker; returns the publication's span.
///
/// `relay.read` begins with the write: it holds the store, the stream and the wait for the poll.
pub(super) fn published(tracer: &Tracer, bid: &PublishedBid) -> Option<Context> {
    let transact = tracer.follow(bid.bid.traceparent.as_deref())?;
    let read = transact.child();
    let publish = read.child();
    let source = match bid.source {
        Source::Stream => "stream",
        Source::Lane => "lane",
        Source::Table => "table",
    };
    tracer.record(|| Span {
        name: "relay.read",
        context: read,
        parent: Some(transact.span_id),
        kind: Kind::Internal,
        start_us: bid.written_at.as_micros(),
        end_us: bid.read_at.as_micros(),
        attributes: vec![("source", source.to_owned())],
        error: None,
    });
    tracer.record(|| Span {
        name: "broker.publish",
        context: publish,
        parent: Some(read.span_id),
        kind: Kind::Internal,
        start_us: bid.read_at.as_micros(),
        end_us: bid.published_at.as_micros(),
        attributes: vec![("bid.sequence", bid.bid.sequence.to_string())],
        error: None,
    });
    Some(publish)
}
