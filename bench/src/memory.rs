//! Resident memory of the server's process.

use std::time::Duration;

use serde::Serialize;
use tokio::time::sleep;

use crate::crowd::{Crowd, Speaks};
use crate::feed::{self, Feed};
use crate::measure::CLOSE;
use crate::server::Gavel;
use crate::usage;

/// Connections whose memory is measured.
const MEMORY_SOCKETS: usize = 1_000;

/// Memory of the server's process, in KiB each.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Memory {
    /// A connection after connection_init.
    pub(crate) idle: f64,
    /// A connection with a subscription that is told of events.
    pub(crate) subscribed: f64,
    /// A topic with its group, beside its one watcher's connection.
    pub(crate) topic: f64,
    /// An auction's lane that has just had a bid.
    pub(crate) lane: f64,
}

/// Measures memory, each on a fresh server.
///
/// # Errors
/// When a watcher cannot connect.
pub(crate) async fn memory() -> anyhow::Result<Memory> {
    let idle = memory_of_sockets(1, |_| Speaks::Idle).await?;
    let subscribed = memory_of_sockets(1, |ids| Speaks::Graphql(ids.to_vec())).await?;
    let with_topic = memory_of_sockets(MEMORY_SOCKETS, |ids| Speaks::Graphql(ids.to_vec())).await?;
    let topic = (with_topic - subscribed).max(0.0);
    Ok(Memory { idle, subscribed, topic, lane: memory_of_lanes().await? })
}

/// KiB per connection, with so many auctions between them.
async fn memory_of_sockets(
    auctions: usize,
    speaks: impl Fn(&[String]) -> Speaks,
) -> anyhow::Result<f64> {
    let gavel = Gavel::start(CLOSE, &[]).await?;
    let loud = gavel.auction().await?;
    let mut ids = vec![loud.clone()];
    while ids.len() < auctions {
        ids.push(gavel.auction().await?);
    }
    let mut feed = Feed::by_api(&gavel, &loud, 5.0)?;
    // What is allocated once, is.
    let few = Crowd::connect(gavel.url(), &Speaks::Graphql(vec![loud]), 20).await?;
    few.wait_for_events().await?;
    let before = usage::resident_kb(gavel.pid()?)?;
    let crowd = Crowd::connect(gavel.url(), &speaks(&ids), MEMORY_SOCKETS).await?;
    sleep(Duration::from_secs(3)).await;
    let after = usage::resident_kb(gavel.pid()?)?;
    crowd.check()?;
    feed.check()?;
    Ok(after.saturating_sub(before) as f64 / MEMORY_SOCKETS as f64)
}

/// KiB per lane.
async fn memory_of_lanes() -> anyhow::Result<f64> {
    let gavel = Gavel::start(CLOSE, &[]).await?;
    let mut ids = Vec::with_capacity(MEMORY_SOCKETS);
    while ids.len() < MEMORY_SOCKETS {
        ids.push(gavel.auction().await?);
    }
    let fed = gavel.auction().await?;
    feed::offer(&gavel, &fed, 100.0, Duration::from_secs(2)).await?;
    let before = usage::resident_kb(gavel.pid()?)?;
    for id in &ids {
        feed::one(&gavel, id, 100).await?;
    }
    let after = usage::resident_kb(gavel.pid()?)?;
    Ok(after.saturating_sub(before) as f64 / MEMORY_SOCKETS as f64)
}
