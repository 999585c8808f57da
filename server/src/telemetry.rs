//! Logs: structured, on standard error. A token or secret never reaches them.

use std::io::IsTerminal as _;

use tracing::Subscriber;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::LogFormat;

/// Starts logging; RUST_LOG selects what is shown, `info` by default. Does nothing if it was
/// started before.
pub fn start(format: LogFormat) {
    let filter = filter(std::env::var(EnvFilter::DEFAULT_ENV).ok().as_deref());
    let colours = std::io::stderr().is_terminal();
    let lines = layer(format, colours, std::io::stderr);
    // A test may have set its own subscriber.
    tracing_subscriber::registry().with(filter).with(lines).try_init().ok();
}

/// The format of a line. The trace id of a request is next to what is logged about it.
pub fn layer<S, W>(format: LogFormat, colours: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_ansi(colours).with_writer(writer);
    match format {
        LogFormat::Pretty => layer.compact().boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_span_list(false).boxed(),
    }
}

/// The filter: these directives, or `SHOWN`. Frames of sockets contain tokens, so the library that
/// would log them whole is never shown below `info`, whatever the directives say.
pub fn filter(directives: Option<&str>) -> EnvFilter {
    let filter = directives
        .and_then(|directives| EnvFilter::try_new(directives).ok())
        .unwrap_or_else(|| EnvFilter::new(SHOWN));
    QUIET.iter().filter_map(|quiet| quiet.parse().ok()).fold(filter, EnvFilter::add_directive)
}

/// The default filter. The SDK warns with each request if it cannot obtain credentials; the store
/// reports that once a minute, with the same text.
const SHOWN: &str = "info,aws_config=error";

/// Directives that always apply.
const QUIET: [&str; 2] = ["tungstenite=info", "tokio_tungstenite=info"];
