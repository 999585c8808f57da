//! The client's ends of a bid's trace: its placing and its receipt.
//!
//! Off unless [`start`] was called: then no span is made, and nothing more is requested of the
//! service.

use std::sync::OnceLock;

use gavel_trace::{Context, Kind, Span, Tracer};

use crate::clock;

static TRACER: OnceLock<Tracer> = OnceLock::new();

/// Exports the spans of this process from now on; only the first call counts.
pub fn start(tracer: Tracer) {
    TRACER.get_or_init(|| tracer);
}

/// Whether spans go anywhere.
pub fn is_on() -> bool {
    TRACER.get().is_some_and(Tracer::is_on)
}

/// Exports the pending spans. It blocks.
pub fn flush() {
    if let Some(tracer) = TRACER.get() {
        tracer.flush();
    }
}

/// The trace context to send a bid with. While this process exports nothing, it is marked as
/// sampled, so that the service chooses what is kept.
pub(crate) fn traceparent(trace_id: u128, span_id: u64) -> String {
    let sampled = TRACER.get().is_none_or(|tracer| tracer.begins(trace_id));
    Context { trace_id, span_id, sampled }.to_string()
}

/// Records that a bid was answered, from its planned time until now.
pub(crate) fn placed(traceparent: &str, intended_us: i64) {
    let Some(tracer) = TRACER.get() else { return };
    let Some(context) = tracer.follow(Some(traceparent)) else { return };
    tracer.record(|| Span {
        name: "client.place_bid",
        context,
        parent: None,
        kind: Kind::Client,
        start_us: intended_us,
        end_us: clock::now_us(),
        attributes: Vec::new(),
        links: Vec::new(),
        error: None,
    });
}

/// Records that a bid was received live, from its publication until now.
pub(crate) fn received(traceparent: Option<&str>, published_us: i64, received_us: i64) {
    let Some(tracer) = TRACER.get() else { return };
    let Some(deliver) = tracer.follow(traceparent) else { return };
    tracer.record(|| Span {
        name: "client.receive",
        context: deliver.child(),
        parent: Some(deliver.span_id),
        kind: Kind::Client,
        start_us: published_us,
        end_us: received_us,
        attributes: Vec::new(),
        links: Vec::new(),
        error: None,
    });
}
