//! Logs: structured, on standard error. A token or secret never reaches them.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use crate::config::LogFormat;

/// Starts logging; RUST_LOG says what is shown, `info` by default. Does nothing if it was started
/// before.
pub fn start(format: LogFormat) {
    let filter = filter(std::env::var(EnvFilter::DEFAULT_ENV).ok().as_deref());
    let registry = tracing_subscriber::registry().with(filter);
    let started = match format {
        LogFormat::Pretty => {
            let colours = std::io::stderr().is_terminal();
            let layer = fmt::layer().compact().with_ansi(colours).with_writer(std::io::stderr);
            registry.with(layer).try_init()
        }
        LogFormat::Json => registry
            .with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr))
            .try_init(),
    };
    // A test's own subscriber stands.
    started.ok();
}

/// What is shown: these directives, or `info`. Frames of sockets hold tokens, so the library that
/// would log them whole is never shown below `info`, whatever is asked for.
pub fn filter(directives: Option<&str>) -> EnvFilter {
    let filter = directives
        .and_then(|directives| EnvFilter::try_new(directives).ok())
        .unwrap_or_else(|| EnvFilter::new("info"));
    QUIET.iter().filter_map(|quiet| quiet.parse().ok()).fold(filter, EnvFilter::add_directive)
}

/// Directives that always hold.
const QUIET: [&str; 2] = ["tungstenite=info", "tokio_tungstenite=info"];
