//! Keeps a lease of the stream, so that as many nodes read it as AWS allows.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::election::Election;
use crate::limits;
use crate::outage::Outage;
use crate::store::StoreError;
use crate::store::lease::NodeId;
use crate::store::leases::Leases;

/// Whether this node reads the stream now; the receiver changes with it.
pub type Permit = watch::Receiver<bool>;

/// Takes part in the election of the nodes that read the stream.
pub struct Readers<T> {
    table: Arc<T>,
    election: Election,
    slots: usize,
    permit: watch::Sender<bool>,
    outage: Outage,
}

impl<T: Leases> Readers<T> {
    /// Of so many nodes, over a table.
    pub fn new(table: Arc<T>, node: NodeId, slots: usize) -> Self {
        let election = Election::new(node, slots);
        Self {
            table,
            election,
            slots,
            permit: watch::Sender::new(false),
            outage: Outage::default(),
        }
    }

    /// Whether this node reads.
    pub fn permit(&self) -> Permit {
        self.permit.subscribe()
    }

    /// Takes and renews leases until shutdown, then gives back what it has.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut ticks = interval(limits::LEASE_RENEW_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let until = self.election.reads_until();
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = async { sleep_until(until.unwrap_or_else(Instant::now)).await },
                    if *self.permit.borrow() => self.show(),
                _ = ticks.tick() => {
                    // A table that does not answer must not keep this node reading.
                    let turn = timeout(limits::LEASE_RENEW_EVERY, self.turn()).await;
                    let failed = match turn {
                        Ok(Ok(())) => None,
                        Ok(Err(error)) => Some(error.to_string()),
                        Err(_) => Some("no answer".to_owned()),
                    };
                    self.tell(failed);
                    self.show();
                }
            }
        }
        self.permit.send_replace(false);
        if let Some(write) = self.election.give_back() {
            timeout(limits::LEASE_RENEW_EVERY, self.table.write_lease(&write)).await.ok();
        }
    }

    /// Looks at the leases, then makes the write that is due.
    async fn turn(&mut self) -> Result<(), StoreError> {
        let leases = self.table.leases(self.slots).await?;
        self.election.observe(leases, Instant::now());
        self.show();
        let sent = Instant::now();
        let Some(write) = self.election.due(sent) else { return Ok(()) };
        if self.table.write_lease(&write).await? {
            self.election.written(write, sent);
        } else {
            self.election.refused(write.slot);
        }
        Ok(())
    }

    fn show(&self) {
        let may_read = self.election.may_read(Instant::now());
        let changed = self.permit.send_if_modified(|reads| {
            let changed = *reads != may_read;
            *reads = may_read;
            changed
        });
        if changed {
            info!(reads = may_read, "this node's part in reading the stream has changed");
        }
    }

    fn tell(&mut self, failed: Option<String>) {
        let now = Instant::now();
        match failed {
            None => _ = self.outage.succeeded(now),
            Some(error) if self.outage.failed(now) => {
                warn!(error, "cannot keep a lease of the stream; retrying");
            }
            Some(_) => {}
        }
    }
}
