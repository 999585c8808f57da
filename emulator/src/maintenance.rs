//! What AWS does behind the scenes and an engine file needs too: old stream
//! records and expired items go.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::engine::Engine;

/// How often.
const EVERY: Duration = Duration::from_hours(1);
/// How long a stream keeps a record (SOURCES.md#streams).
const RETENTION: Duration = Duration::from_hours(24);

/// Keeps house until `stop`.
pub(crate) async fn keep(engine: Engine, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => return,
        }
        let engine = engine.clone();
        // Both give the engine's lock back between pages; the thread that
        // serves waits for a page at most.
        let kept = tokio::task::spawn_blocking(move || {
            engine.prune_streams(None, clock::now().minus(RETENTION));
            engine.sweep_expired_items();
        });
        if kept.await.is_err() {
            tracing::warn!("maintenance failed");
        }
    }
}
