//! Tasks with an owner: each is tracked, and one that panics stops the process with a message.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::error;

/// The owner of a process's tasks. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    failed: CancellationToken,
}

impl Tasks {
    /// Runs a task in the background; [`Tasks::finished`] waits for it.
    pub fn spawn<F>(&self, name: &'static str, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let failed = self.failed.clone();
        // Combinators instead of an async block: a block would hold the future twice.
        self.tracker.spawn(AssertUnwindSafe(future).catch_unwind().map(move |ended| {
            if ended.is_err() {
                error!(task = name, "a task panicked; stopping the process");
                failed.cancel();
            }
        }));
    }

    /// Returns when a task has panicked.
    pub async fn failed(&self) {
        self.failed.cancelled().await;
    }

    /// Whether a task has panicked.
    pub fn has_failed(&self) -> bool {
        self.failed.is_cancelled()
    }

    /// Returns when every task has ended; no more are expected.
    pub async fn finished(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Whether the process is shutting down, so that a task that waits for the store gives up.
    pub fn is_closing(&self) -> bool {
        self.tracker.is_closed()
    }

    /// The number of running tasks.
    pub fn running(&self) -> usize {
        self.tracker.len()
    }
}
