//! How one event's work is spread over the server's threads, where a crowd watches one auction.

use std::time::{Duration, Instant};

use anyhow::ensure;
use tokio::time::sleep;

use crate::crowd::{Crowd, Speaks};
use crate::feed;
use crate::measure::CLOSE;
use crate::server::Gavel;
use crate::usage;

/// A crowd that is worth two writers.
pub(crate) const CROWD: usize = 2_000;
/// How long an event may take to reach all.
const EVENT_WITHIN: Duration = Duration::from_secs(10);
/// How long the server's threads may take to come to rest after it.
const REST: Duration = Duration::from_millis(20);

/// For each of so many events, one at a time: the share of the server's CPU from the bid to the last
/// watcher that its busiest thread had. One event's writes are nearly all of it.
///
/// # Errors
/// When the server does not start, a watcher is thrown out, or an event does not reach all.
pub(crate) async fn shares(events: u64) -> anyhow::Result<Vec<f64>> {
    let gavel = Gavel::start(CLOSE, &[]).await?;
    let auction = gavel.auction().await?;
    let crowd = Crowd::connect(gavel.url(), &Speaks::Graphql(vec![auction.clone()]), CROWD).await?;
    usage::wait_for_rest(gavel.pid()?).await?;
    let mut shares = Vec::new();
    for number in 1..=events {
        let (before, frames) = (usage::threads(gavel.pid()?)?, crowd.frames());
        feed::one(&gavel, &auction, 100 * number).await?;
        let started = Instant::now();
        while crowd.frames() < frames + CROWD as u64 {
            ensure!(started.elapsed() < EVENT_WITHIN, "an event did not reach every watcher");
            sleep(Duration::from_millis(1)).await;
        }
        sleep(REST).await;
        let after = usage::threads(gavel.pid()?)?;
        let used = after
            .iter()
            .map(|(thread, us)| us.saturating_sub(before.get(thread).copied().unwrap_or_default()));
        let used: Vec<u64> = used.collect();
        let busiest = used.iter().copied().max().unwrap_or_default();
        shares.push(busiest as f64 / used.iter().sum::<u64>().max(1) as f64);
        crowd.check()?;
    }
    drop(crowd);
    gavel.stop().await?;
    Ok(shares)
}
