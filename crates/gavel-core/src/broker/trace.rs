//! The spans of a bid from its write to the broker, built from its timestamps.

use gavel_trace::{Context, Kind, Span, Tracer};

use super::event::{PublishedBid, Source};

/// Exports the way of a bid from its write to the broker; returns the span of the publication.
///
/// `relay.read` begins with the write: it covers the store, the stream and the wait for the poll.
pub(super) fn published(tracer: &Tracer, bid: &PublishedBid) -> Option<Context> {
    let transact = tracer.follow(bid.bid.traceparent.as_deref())?;
    let read = transact.child();
    let publish = read.child();
    let source = match bid.source {
        Source::Stream => "stream",
        Source::Lane => "lane",
        Source::Bus => "bus",
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
        links: Vec::new(),
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
        links: Vec::new(),
        error: None,
    });
    Some(publish)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auction::decide;
    use crate::auction::testing::{at, bid, open_auction};

    #[test]
    fn with_tracing_off_a_publication_allocates_no_span() {
        let mut request = bid("ann", 1000, at(50));
        request.traceparent = Some(Context::root(true).to_string());
        let bid = decide(&mut open_auction(), &request).unwrap();
        let (read_at, published_at) = (at(51), at(51));
        let source = Source::Stream;
        let bid =
            PublishedBid { bid, written_at: at(50), read_at, published_at, source, trace: None };
        let tracer = Tracer::off();
        let made = allocation_counter::measure(|| {
            assert_eq!(published(&tracer, &bid), None);
        });
        assert_eq!(made.count_total, 0);
    }
}
