//! Background work that AWS does and an engine file needs too: deletes old stream records and
//! expired items.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::engine::Engine;

/// How often maintenance runs.
const EVERY: Duration = Duration::from_hours(1);
/// How long a stream keeps a record (SOURCES.md#streams).
const RETENTION: Duration = Duration::from_hours(24);

/// Runs maintenance until `stop`.
pub(crate) async fn keep(engine: Engine, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => return,
        }
        let engine = engine.clone();
        // Both release the engine's lock between pages; the serving thread waits for one page at
        // most.
        let kept = tokio::task::spawn_blocking(move || {
            engine.prune_streams(None, clock::now().minus(RETENTION));
            engine.sweep_expired_items();
        });
        if kept.await.is_err() {
            tracing::warn!("maintenance failed");
        }
    }
}
