//! A rolling restart: every server in turn is stopped in order and started again, as a deploy does.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::measure::series::Event;
use crate::service::nodes::Nodes;

/// The name of a restart in the report.
pub const RESTARTED: &str = "server restarted";

/// Restarts the servers one after the other, spread over the run.
///
/// # Errors
/// When one does not stop cleanly, or does not start again.
pub async fn restart_in_turn(
    nodes: &mut Nodes,
    duration: Duration,
    over: CancellationToken,
) -> anyhow::Result<Vec<Event>> {
    let count = nodes.count();
    let pause = duration / u32::try_from(count + 1).unwrap_or(u32::MAX);
    let mut restarted = Vec::new();
    for number in 0..count {
        tokio::select! {
            () = over.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
        restarted.push(Event { at_us: clock::now_us(), what: RESTARTED.to_owned() });
        nodes.server(number).restart().await?;
    }
    Ok(restarted)
}
