//! Concurrent table reads per payer: further reads wait for earlier ones of the same payer. So a
//! client that asks for much waits behind itself, and does not delay others.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Payer;

type Turns = Arc<Mutex<HashMap<Payer, Arc<Semaphore>>>>;

/// The permits of payers that read or wait; others have no entry.
#[derive(Debug)]
pub(super) struct Reads {
    max: usize,
    turns: Turns,
}

/// A permit to read, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _permit: OwnedSemaphorePermit,
    _payer: Entry,
}

/// The entry of a payer, removed with its last user.
#[derive(Debug)]
struct Entry {
    payer: Payer,
    turns: Turns,
    semaphore: Arc<Semaphore>,
}

impl Reads {
    /// At most `max` concurrent requests per payer; 0 for no limit.
    pub(super) fn new(max: usize) -> Self {
        Self { max, turns: Turns::default() }
    }

    /// Waits for permits for this many concurrent requests, and reports first if it has to wait.
    /// `None`: there is no limit.
    pub(super) async fn turn(
        &self,
        payer: &Payer,
        requests: usize,
        waits: impl FnOnce(),
    ) -> Option<Turn> {
        if self.max == 0 {
            return None;
        }
        let entry = self.entry(payer);
        let requests = u32::try_from(requests.min(self.max)).unwrap_or(u32::MAX);
        let permit = match Arc::clone(&entry.semaphore).try_acquire_many_owned(requests) {
            Ok(permit) => permit,
            Err(_) => {
                waits();
                Arc::clone(&entry.semaphore).acquire_many_owned(requests).await.ok()?
            }
        };
        Some(Turn { _permit: permit, _payer: entry })
    }

    fn entry(&self, payer: &Payer) -> Entry {
        let mut turns = self.turns.lock();
        let semaphore = turns.entry(payer.clone());
        let semaphore = semaphore.or_insert_with(|| Arc::new(Semaphore::new(self.max)));
        let semaphore = Arc::clone(semaphore);
        Entry { payer: payer.clone(), turns: Arc::clone(&self.turns), semaphore }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut turns = self.turns.lock();
        // The map's own, this one's, and that of the permit, which is dropped before it.
        if Arc::strong_count(&self.semaphore) == 2 {
            turns.remove(&self.payer);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn user(name: &str) -> Payer {
        Payer::User(name.into())
    }

    /// A turn, if nobody has to wait for it.
    fn turn(reads: &Reads, payer: &Payer, requests: usize) -> Option<Turn> {
        let mut waits = false;
        let turn = reads.turn(payer, requests, || waits = true).now_or_never();
        assert_eq!(waits, turn.is_none());
        turn.flatten()
    }

    #[test]
    fn a_payer_waits_for_its_own_reads_and_for_nobody_else_s() {
        let reads = Reads::new(3);
        let (ann, bob) = (user("ann"), user("bob"));
        let two = turn(&reads, &ann, 2).unwrap();
        assert!(turn(&reads, &ann, 2).is_none(), "three at a time");
        let all = turn(&reads, &bob, 16);
        assert!(all.is_some(), "more than there are is all of them");
        let one = turn(&reads, &ann, 1);
        assert!(one.is_some());
        drop(two);
        assert!(turn(&reads, &ann, 2).is_some());
        drop((all, one));
        assert!(reads.turns.lock().is_empty(), "nothing is kept of a payer that reads nothing");
    }

    #[test]
    fn who_gives_up_waiting_leaves_nothing() {
        let reads = Reads::new(1);
        let held = turn(&reads, &user("ann"), 1);
        assert!(turn(&reads, &user("ann"), 1).is_none());
        drop(held);
        assert!(reads.turns.lock().is_empty());
    }
}
