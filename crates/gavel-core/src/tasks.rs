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
    /// Runs a task that nobody waits for; [`Tasks::finished`] does.
    pub fn spawn<F>(&self, name: &'static str, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let failed = self.failed.clone();
        // Combinators, and no block around it: that would hold the future twice.
        self.tracker.spawn(AssertUnwindSafe(future).catch_unwind().map(move |ended| {
            if ended.is_err() {
                error!(task = name, "a task panicked; stopping the process");
                failed.cancel();
            }
        }));
    }

    /// Ends when a task has panicked.
    pub async fn failed(&self) {
        self.failed.cancelled().await;
    }

    /// Whether a task has panicked.
    pub fn has_failed(&self) -> bool {
        self.failed.is_cancelled()
    }

    /// Ends when every task has ended; no more are expected.
    pub async fn finished(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Whether the process is ending, so that a task that waits for the store gives up.
    pub fn is_closing(&self) -> bool {
        self.tracker.is_closed()
    }

    /// How many tasks run.
    pub fn running(&self) -> usize {
        self.tracker.len()
    }
}
