//! The phases of a run, for concurrent tasks: kills, and what is displayed.

use tokio_util::sync::CancellationToken;

/// The phases of a run; each token is cancelled when its phase is reached.
#[derive(Debug, Clone, Default)]
pub struct Course {
    /// Everybody is connected, and bids begin.
    pub begun: CancellationToken,
    /// The time of the last bid has come.
    pub over: CancellationToken,
    /// Accepted bids have reached their watchers, or no more are coming.
    pub settled: CancellationToken,
}
