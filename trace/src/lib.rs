//! Spans of the path of a bid, in the terms of W3C trace context and OTLP.
//!
//! A bid carries the timestamps of its hops, so its spans are built from them when a hop is over:
//! none is held open, and what is not sampled costs a check of one flag. The standard `OTEL_*`
//! variables say where spans go and which are kept.

mod context;
mod log;
mod sampler;
mod tracer;

pub use context::{Context, trace_id_of};
pub use log::{log_ids, log_span};
pub use sampler::{Sampler, SamplerError};
pub use tracer::{Kind, Span, Tracer};
