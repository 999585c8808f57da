//! Settings of what is seen of the service: logs and traces.

use clap::{Args as ClapArgs, ValueEnum};

use super::command_line::heading;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// For machines: one JSON object a line.
    Json,
}

/// Logs and traces.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = heading::OBSERVING)]
pub struct ObservingArgs {
    /// The OTLP receiver that traces go to, by HTTP, as a full URL ending in /v1/traces. Absent: what
    /// the OTEL_EXPORTER_OTLP_* variables say; without them nothing is traced. OTEL_TRACES_SAMPLER
    /// says which traces are kept.
    #[arg(long, env = "GAVEL_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,

    /// Debugging: a traced delivery has a span for each watcher, too, not only one for each group.
    #[arg(long, env = "GAVEL_TRACE_WATCHERS")]
    pub trace_watchers: bool,

    /// How log lines look; which are shown is RUST_LOG's business.
    #[arg(long, env = "GAVEL_LOG", value_enum, default_value_t = LogFormat::Pretty)]
    pub log: LogFormat,

    /// Fault a guarantee on purpose.
    #[cfg(feature = "fault-injection")]
    #[arg(long, help_heading = heading::OBSERVING)]
    pub fault_injection: Option<gavel_core::fault_injection::Fault>,
}
