//! A position in a trace: the content of a W3C `traceparent`.

use std::fmt;

/// The position of a span: its trace, its own id, and whether it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// The trace.
    pub trace_id: u128,
    /// The span.
    pub span_id: u64,
    /// Whether the spans of this trace are kept.
    pub sampled: bool,
}

impl Context {
    /// The root of a new trace.
    pub fn root(sampled: bool) -> Self {
        Self { trace_id: rand::random::<u128>() | 1, span_id: new_span_id(), sampled }
    }

    /// Parses a `traceparent` of version 00.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let version = parts.next()?;
        let mut hex = |length: usize| {
            let part = parts.next().filter(|part| part.len() == length)?;
            let lower = part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            lower.then_some(part)
        };
        let trace_id = u128::from_str_radix(hex(32)?, 16).ok()?;
        let span_id = u64::from_str_radix(hex(16)?, 16).ok()?;
        let flags = u8::from_str_radix(hex(2)?, 16).ok()?;
        let whole = version == "00" && parts.next().is_none() && trace_id != 0 && span_id != 0;
        whole.then_some(Self { trace_id, span_id, sampled: flags & 1 == 1 })
    }

    /// A new child span of this one.
    pub fn child(self) -> Self {
        Self { span_id: new_span_id(), ..self }
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.sampled);
        write!(f, "00-{:032x}-{:016x}-{flags:02x}", self.trace_id, self.span_id)
    }
}

/// The trace id within a `traceparent`; the whole text if it is none. A service on the way puts its
/// own span into a `traceparent`, but the trace stays.
pub fn trace_id_of(traceparent: &str) -> &str {
    match traceparent.get(3..35) {
        Some(trace_id) if Context::parse(traceparent).is_some() => trace_id,
        _ => traceparent,
    }
}

fn new_span_id() -> u64 {
    rand::random::<u64>() | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_is_read_and_written_alike() {
        let context = Context::parse(TEXT).unwrap();
        assert!(context.sampled);
        assert_eq!(context.to_string(), TEXT);
        assert_eq!(trace_id_of(TEXT), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(trace_id_of("t1"), "t1");
    }

    #[test]
    fn what_is_no_traceparent_is_refused() {
        for text in [
            "",
            "00",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(Context::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_child_stays_in_its_trace() {
        let parent = Context::parse(TEXT).unwrap();
        let child = parent.child();
        assert_eq!((child.trace_id, child.sampled), (parent.trace_id, true));
        assert_ne!(child.span_id, parent.span_id);
    }
}
