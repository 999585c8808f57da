//! Settings for logs and traces.

use clap::{Args as ClapArgs, ValueEnum};

use super::command_line::heading;

/// Format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text for people.
    Pretty,
    /// One JSON object per line.
    Json,
}

/// Settings for logs and traces.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = heading::OBSERVING)]
pub struct ObservingArgs {
    /// Full URL of the OTLP receiver for traces, over HTTP, ending in /v1/traces. Absent: the
    /// OTEL_EXPORTER_OTLP_* variables apply; without them nothing is traced. OTEL_TRACES_SAMPLER
    /// selects which traces are kept.
    #[arg(long, env = "GAVEL_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,

    /// For debugging: give a traced delivery a span for each watcher, not only one for each group.
    #[arg(long, env = "GAVEL_TRACE_WATCHERS")]
    pub trace_watchers: bool,

    /// Format of log lines; RUST_LOG selects which are shown.
    #[arg(long, env = "GAVEL_LOG", value_enum, default_value_t = LogFormat::Pretty)]
    pub log: LogFormat,

    /// Break a guarantee on purpose.
    #[cfg(feature = "fault-injection")]
    #[arg(long, help_heading = heading::OBSERVING)]
    pub fault_injection: Option<gavel_core::fault_injection::Fault>,
}
