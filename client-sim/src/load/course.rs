//! How far a run has come, for what accompanies it: kills, and what is shown.

use tokio_util::sync::CancellationToken;

/// The moments of a run; each is cancelled when it has come.
#[derive(Debug, Clone, Default)]
pub struct Course {
    /// Everybody is connected: bids begin.
    pub begun: CancellationToken,
    /// The last bid was to be sent.
    pub over: CancellationToken,
    /// What was accepted has reached its watchers, or no longer comes.
    pub settled: CancellationToken,
}
