//! Adds the ids of traces to log lines about their requests.

use tracing::{Span, error_span};

use crate::Context;

/// A span whose log lines have this trace's id, if the trace is kept.
pub fn log_span(trace: Option<Context>) -> Span {
    trace.map_or_else(Span::none, |trace| {
        // With the service's target and the highest level: it adds no line, only the id to one.
        let id = format!("{:032x}", trace.trace_id);
        error_span!(target: "gavel_server", "request", trace.id = id)
    })
}

/// The ids of the kept traces among those of the bids that one line is about.
pub fn log_ids<'a>(traceparents: impl Iterator<Item = Option<&'a str>>) -> Option<String> {
    let ids: Vec<String> = traceparents
        .filter_map(|text| text.and_then(Context::parse))
        .filter(|trace| trace.sampled)
        .map(|trace| format!("{:032x}", trace.trace_id))
        .collect();
    (!ids.is_empty()).then(|| ids.join(","))
}
