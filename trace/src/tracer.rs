//! Passes spans to the exporter. Clones share it; one that is off does nothing.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use opentelemetry::trace::{Link, SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, SpanId, TraceId};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor as _,
};
use tracing::{info, warn};

use crate::{Context, Sampler};

/// The side of a call that a span describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The side that answers.
    Server,
    /// The side that asks.
    Client,
    /// Neither.
    Internal,
}

/// A completed hop.
#[derive(Debug)]
pub struct Span {
    /// What was done.
    pub name: &'static str,
    /// Its position in the trace.
    pub context: Context,
    /// The parent span.
    pub parent: Option<u64>,
    /// The side.
    pub kind: Kind,
    /// When it began: microseconds since 1970.
    pub start_us: i64,
    /// When it ended, in the same unit.
    pub end_us: i64,
    /// Attributes of the span.
    pub attributes: Vec<(&'static str, String)>,
    /// Spans of other traces that were part of the same work.
    pub links: Vec<Context>,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// The exporter of spans, and the sampler.
#[derive(Debug, Clone, Default)]
pub struct Tracer(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    /// Runs on its own thread, behind a bounded queue: what does not fit is dropped and counted.
    processor: BatchSpanProcessor,
    sampler: Sampler,
    scope: InstrumentationScope,
}

impl Tracer {
    /// A tracer that does nothing.
    pub fn off() -> Self {
        Self::default()
    }

    /// A tracer as configured by the standard `OTEL_*` variables; off unless one of them names an
    /// OTLP endpoint or exporter. Call it in a Tokio runtime, which gRPC needs.
    pub fn from_env(service: &'static str) -> anyhow::Result<Self> {
        let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        if var("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(Self::off());
        }
        let endpoint = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
        match var("OTEL_TRACES_EXPORTER").as_deref() {
            Some("none") => return Ok(Self::off()),
            Some("otlp") => {}
            Some(other) => bail!("OTEL_TRACES_EXPORTER: use otlp or none, not {other:?}"),
            None if !endpoint.into_iter().any(|name| var(name).is_some()) => {
                return Ok(Self::off());
            }
            None => {}
        }
        let sampler = Sampler::from_env()?;
        let exporter = SpanExporter::builder().build().context("OTEL_EXPORTER_OTLP_*")?;
        info!("traces are exported by OTLP");
        Ok(Self::exporting(exporter, sampler, service))
    }

    /// A tracer that exports to the OTLP receiver at a URL, by HTTP.
    pub fn to(url: &str, sampler: Sampler, service: &'static str) -> anyhow::Result<Self> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(url)
            .build()
            .with_context(|| format!("cannot export traces to {url}"))?;
        Ok(Self::exporting(exporter, sampler, service))
    }

    fn exporting(exporter: SpanExporter, sampler: Sampler, service: &'static str) -> Self {
        let mut processor = BatchSpanProcessor::builder(exporter).build();
        let resource = Resource::builder();
        let resource = match std::env::var_os("OTEL_SERVICE_NAME") {
            Some(_) => resource,
            None => resource.with_service_name(service),
        };
        processor.set_resource(&resource.build());
        let scope = InstrumentationScope::builder("gavel").build();
        Self(Some(Arc::new(Inner { processor, sampler, scope })))
    }

    /// Whether spans are exported.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The first span of this process in a trace: a child of the given `traceparent`, or the root
    /// of a new trace. `None`: nothing of it is kept here.
    pub fn enter(&self, traceparent: Option<&str>) -> Option<(Context, Option<u64>)> {
        let inner = self.0.as_ref()?;
        let parent = traceparent.and_then(Context::parse);
        let context = parent.map_or_else(|| Context::root(true), Context::child);
        let kept = inner.sampler.keeps(context.trace_id, parent);
        let sampled = Context { sampled: true, ..context };
        kept.then(|| (sampled, parent.map(|parent| parent.span_id)))
    }

    /// Whether a trace that begins in this process is kept; while tracing is off, that is left to
    /// the next process.
    pub fn begins(&self, trace_id: u128) -> bool {
        self.0.as_ref().is_none_or(|inner| inner.sampler.keeps(trace_id, None))
    }

    /// The `traceparent` to pass on with a bid that is not kept here: marked as not sampled, so
    /// that no later process records a part of it. Unchanged while tracing is off.
    pub fn pass_on(&self, traceparent: Option<&str>) -> Option<String> {
        let text = traceparent?;
        let unsampled = |context| Context { sampled: false, ..context }.to_string();
        let marked = self.0.as_ref().and_then(|_| Context::parse(text)).map(unsampled);
        Some(marked.unwrap_or_else(|| text.to_owned()))
    }

    /// The span that an earlier process left in a `traceparent`. `None`: it is not kept.
    pub fn follow(&self, traceparent: Option<&str>) -> Option<Context> {
        self.0.as_ref()?;
        traceparent.and_then(Context::parse).filter(|context| context.sampled)
    }

    /// Exports a hop; the span is built only if spans are exported.
    pub fn record(&self, span: impl FnOnce() -> Span) {
        if let Some(inner) = &self.0 {
            inner.processor.on_end(data(span(), inner.scope.clone()));
        }
    }

    /// Exports the pending spans. It blocks.
    pub fn flush(&self) {
        if let Some(inner) = &self.0
            && let Err(error) = inner.processor.force_flush()
        {
            warn!(%error, "traces were not exported");
        }
    }
}

fn data(span: Span, instrumentation_scope: InstrumentationScope) -> SpanData {
    let Span { name, context, parent, kind, start_us, end_us, attributes, links, error } = span;
    SpanData {
        span_context: place(context),
        parent_span_id: parent
            .map_or(SpanId::INVALID, |parent| SpanId::from_bytes(parent.to_be_bytes())),
        parent_span_is_remote: false,
        span_kind: match kind {
            Kind::Server => SpanKind::Server,
            Kind::Client => SpanKind::Client,
            Kind::Internal => SpanKind::Internal,
        },
        name: name.into(),
        start_time: time(start_us),
        end_time: time(end_us.max(start_us)),
        attributes: attributes.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: linked(links),
        status: error.map_or(Status::Unset, Status::error),
        instrumentation_scope,
    }
}

fn place(context: Context) -> SpanContext {
    SpanContext::new(
        TraceId::from_bytes(context.trace_id.to_be_bytes()),
        SpanId::from_bytes(context.span_id.to_be_bytes()),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    )
}

fn linked(links: Vec<Context>) -> SpanLinks {
    let mut all = SpanLinks::default();
    all.links = links.into_iter().map(|context| Link::with_context(place(context))).collect();
    all
}

fn time(us: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(us).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn one_that_is_off_makes_no_span() {
        let tracer = Tracer::off();
        assert_eq!(tracer.enter(Some(SAMPLED)), None);
        assert_eq!(tracer.follow(Some(SAMPLED)), None);
        assert_eq!(tracer.pass_on(Some(SAMPLED)).as_deref(), Some(SAMPLED));
        tracer.record(|| panic!("a span was made"));
        tracer.flush();
    }

    #[test]
    fn one_that_is_off_or_keeps_nothing_allocates_nothing() {
        let none = Sampler::named(Some("always_off"), None).unwrap();
        let keeps_nothing = Tracer::to("http://127.0.0.1:1/v1/traces", none, "test").unwrap();
        for tracer in [&Tracer::off(), &keeps_nothing] {
            // The first random number of a thread makes its generator.
            let _ = tracer.enter(None);
            let made = allocation_counter::measure(|| {
                assert_eq!(tracer.enter(Some(SAMPLED)), None);
                assert_eq!(tracer.enter(None), None);
            });
            assert_eq!(made.count_total, 0);
        }
        let made = allocation_counter::measure(|| {
            keeps_nothing.pass_on(Some(SAMPLED));
        });
        assert!(made.count_total > 0, "allocations are counted");
    }

    #[test]
    fn what_is_not_kept_here_is_kept_by_nobody_after() {
        let none = Sampler::named(Some("always_off"), None).unwrap();
        // Nothing is exported, so nobody need listen there.
        let tracer = Tracer::to("http://127.0.0.1:1/v1/traces", none, "test").unwrap();
        assert_eq!(tracer.enter(Some(SAMPLED)), None);
        let passed = tracer.pass_on(Some(SAMPLED)).unwrap();
        assert_eq!(tracer.follow(Some(&passed)), None);
        assert_eq!(crate::trace_id_of(&passed), crate::trace_id_of(SAMPLED));
    }
}
