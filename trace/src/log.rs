//! The ids of traces beside what is logged of their requests.

use tracing::{Span, error_span};

use crate::Context;

/// What is logged within it has this trace's id, if the trace is kept.
pub fn log_span(trace: Option<Context>) -> Span {
    trace.map_or_else(Span::none, |trace| {
        // As the service's own, and as important as any line: it adds none, only the id to one.
        let id = format!("{:032x}", trace.trace_id);
        error_span!(target: "gavel_server", "request", trace.id = id)
    })
}

/// The ids of the traces of bids that one line is about, of those that are kept.
pub fn log_ids<'a>(traceparents: impl Iterator<Item = Option<&'a str>>) -> Option<String> {
    let ids: Vec<String> = traceparents
        .filter_map(|text| text.and_then(Context::parse))
        .filter(|trace| trace.sampled)
        .map(|trace| format!("{:032x}", trace.trace_id))
        .collect();
    (!ids.is_empty()).then(|| ids.join(","))
}
