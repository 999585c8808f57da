//! The schedule: sends open and close commands to lanes when the clock says so.
//!
//! Every server runs it; the lanes' conditional writes make sure that each change happens once.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{LaneError, Lanes};
use crate::auction::{AuctionId, Timestamp, Transition, TransitionError};
use crate::outage::Outage;
use crate::store::phase::Phase;
use crate::store::{Dynamo, StoreError};
use crate::{clock, limits};

/// Runs until shutdown.
pub async fn run(store: Arc<Dynamo>, lanes: Lanes<Dynamo>, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(limits::SCHEDULE_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut outage = Outage::default();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let ticked = tick(&store, &lanes, clock::now()).await;
        let now = Instant::now();
        match ticked {
            Ok(()) => {
                if let Some(lasted) = outage.went_well(now) {
                    info!(?lasted, "sees again which auctions are due");
                }
            }
            Err(error) if outage.failed(now) => {
                warn!(%error, "cannot see which auctions are due; trying again");
            }
            Err(_) => {}
        }
    }
}

async fn tick(store: &Dynamo, lanes: &Lanes<Dynamo>, now: Timestamp) -> Result<(), StoreError> {
    let to_open = store.due(Phase::Opening, now, limits::DUE_PAGE).await?;
    send_all(lanes, to_open, Transition::Open).await;
    let ended = Timestamp::from_micros(now.as_micros() - limits::CLOSE_GRACE.as_micros() as i64);
    let to_close = store.due(Phase::Closing, ended, limits::DUE_PAGE).await?;
    send_all(lanes, to_close, Transition::Close { grace: limits::CLOSE_GRACE }).await;
    Ok(())
}

async fn send_all(lanes: &Lanes<Dynamo>, ids: Vec<AuctionId>, transition: Transition) {
    let sent = ids.iter().map(|id| lanes.transition(id, transition));
    for (id, result) in ids.iter().zip(join_all(sent).await) {
        match result {
            Ok(_) | Err(LaneError::Transition(TransitionError::Final(_))) => {}
            // A draft whose end has passed unopened: it can only be called off.
            Err(LaneError::Transition(TransitionError::EndPassed)) => {
                if let Err(error) = lanes.transition(id, Transition::Cancel).await {
                    debug!(auction.id = %id, %error, "cannot cancel an auction that never opened");
                }
            }
            Err(error) => warn!(auction.id = %id, %error, ?transition, "due, not done; again soon"),
        }
    }
}
