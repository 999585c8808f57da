//! The bytes queued for one socket: bounded, and, apart from a few, paid for from the budget of the
//! socket's address.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limiter::{Address, ClientLimiter, HeldBytes, Payer};
use crate::limits;

/// The queued bytes of one socket.
#[derive(Debug)]
pub(super) struct QueuedBytes {
    limiter: ClientLimiter,
    payer: Payer,
    queued: AtomicUsize,
    held: Mutex<Held>,
    /// A permit for each byte of history that may be queued.
    replay: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Held {
    bytes: usize,
    parts: Vec<HeldBytes>,
}

/// Bytes are taken from the budget in units of this size, so that few frames have to access it.
const PART_BYTES: usize = 64 * 1024;

impl QueuedBytes {
    pub(super) fn new(limiter: ClientLimiter, address: Address) -> Self {
        let replay = Arc::new(Semaphore::new(limits::REPLAY_QUEUE_BYTES_MAX));
        let payer = Payer::Address(address);
        Self { limiter, payer, queued: AtomicUsize::new(0), held: Mutex::default(), replay }
    }

    /// Adds a frame; returns false, and does not add it, if it would be too much.
    pub(super) fn add(&self, bytes: usize) -> bool {
        let queued = self.queued.fetch_add(bytes, Ordering::AcqRel) + bytes;
        let fits = queued <= limits::SOCKET_QUEUE_BYTES_FREE
            || (queued <= limits::SOCKET_QUEUE_BYTES_MAX && self.hold(queued));
        if !fits {
            self.remove(bytes);
        }
        fits
    }

    /// A frame has left the queue.
    pub(super) fn remove(&self, bytes: usize) {
        let queued = self.queued.fetch_sub(bytes, Ordering::AcqRel) - bytes;
        if queued == 0 {
            *self.held.lock() = Held::default();
        }
    }

    /// Waits until this many bytes of history may be queued.
    pub(super) async fn replay(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let bytes = bytes.min(limits::REPLAY_QUEUE_BYTES_MAX) as u32;
        Arc::clone(&self.replay).acquire_many_owned(bytes).await.ok()
    }

    fn hold(&self, queued: usize) -> bool {
        let mut held = self.held.lock();
        while held.bytes < queued {
            let Ok(part) = self.limiter.answer(&self.payer, PART_BYTES) else { return false };
            held.parts.push(part);
            held.bytes += PART_BYTES;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::limiter::ClientLimits;

    fn address() -> Address {
        Address::from(IpAddr::from([192, 0, 2, 1]))
    }

    #[test]
    fn a_socket_holds_so_many_bytes_and_its_address_so_many() {
        let allowed =
            ClientLimits { answer_bytes_per_client: 3 * PART_BYTES, ..Default::default() };
        let limiter = ClientLimiter::new(allowed);
        let sockets: Vec<QueuedBytes> =
            (0..3).map(|_| QueuedBytes::new(limiter.clone(), address())).collect();
        assert!(sockets.iter().all(|of| of.add(limits::SOCKET_QUEUE_BYTES_FREE)));
        assert!(sockets[0].add(PART_BYTES), "more than a few are paid for");
        assert!(sockets[1].add(1));
        assert!(!sockets[2].add(1), "the address has no more");
        sockets[0].remove(PART_BYTES);
        assert!(!sockets[2].add(1), "it is given back when nothing is queued");
        sockets[0].remove(limits::SOCKET_QUEUE_BYTES_FREE);
        assert!(sockets[2].add(1));
    }

    #[test]
    fn without_a_budget_a_socket_has_its_own_bound() {
        let socket = QueuedBytes::new(ClientLimiter::new(ClientLimits::default()), address());
        assert!(socket.add(limits::SOCKET_QUEUE_BYTES_MAX));
        assert!(!socket.add(1));
        socket.remove(1);
        assert!(socket.add(1));
    }
}
