//! The received part of an unfinished body or socket message. It is kept in this process until the
//! rest arrives, so all but a few bytes of it count towards a budget of its address.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{Address, ClientLimiter, Permit, TooMany};
use crate::limits;

/// Unfinished bodies and messages exceed the budget of their address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many unfinished messages")]
pub struct TooManyUnread(pub TooMany);

/// The bytes of one unfinished body or message.
#[derive(Debug)]
pub struct UnreadBytes {
    limiter: ClientLimiter,
    address: Address,
    come: AtomicUsize,
    /// When its first byte came, in milliseconds from `started`.
    first_ms: AtomicU64,
    started: Instant,
    held: Mutex<Vec<Permit<Address>>>,
}

/// Bytes are taken from the budget in units of this size.
const PART_BYTES: usize = 16 * 1024;

impl UnreadBytes {
    /// Starts with nothing received.
    pub fn new(limiter: ClientLimiter, address: Address) -> Self {
        Self {
            limiter,
            address,
            come: AtomicUsize::new(0),
            first_ms: AtomicU64::new(0),
            started: Instant::now(),
            held: Mutex::default(),
        }
    }

    /// Adds received bytes.
    pub fn add(&self, bytes: usize) -> Result<(), TooManyUnread> {
        let before = self.come.fetch_add(bytes, Ordering::Relaxed);
        if before == 0 {
            let now_ms = self.started.elapsed().as_millis() as u64;
            self.first_ms.store(now_ms, Ordering::Relaxed);
        }
        let come = before + bytes;
        if come <= limits::UNREAD_BYTES_FREE {
            return Ok(());
        }
        let mut held = self.held.lock();
        while held.len() * PART_BYTES < come {
            let part = self.limiter.unread(self.address, PART_BYTES).map_err(TooManyUnread)?;
            held.push(part);
        }
        Ok(())
    }

    /// How long ago the first byte of the unfinished message came.
    pub fn age(&self) -> Duration {
        if self.come.load(Ordering::Relaxed) == 0 {
            return Duration::ZERO;
        }
        let first = Duration::from_millis(self.first_ms.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(first)
    }

    /// So many of the bytes were a frame of their own, between those of the message.
    pub fn take_off(&self, bytes: usize) {
        let less = |come: usize| Some(come.saturating_sub(bytes));
        self.come.try_update(Ordering::Relaxed, Ordering::Relaxed, less).ok();
    }

    /// The body or message is complete.
    pub fn clear(&self) {
        if self.come.swap(0, Ordering::Relaxed) > limits::UNREAD_BYTES_FREE {
            self.held.lock().clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::limiter::ClientLimits;

    #[test]
    fn unfinished_messages_of_an_address_share_a_budget_until_they_are_whole() {
        let allowed =
            ClientLimits { unread_bytes_per_address: 2 * PART_BYTES, ..ClientLimits::default() };
        let limiter = ClientLimiter::new(allowed);
        let address = Address::from(IpAddr::from([192, 0, 2, 1]));
        let sockets: Vec<UnreadBytes> =
            (0..3).map(|_| UnreadBytes::new(limiter.clone(), address)).collect();
        for socket in &sockets {
            assert_eq!(socket.add(limits::UNREAD_BYTES_FREE), Ok(()), "a few are free");
        }
        assert_eq!([sockets[0].add(1), sockets[1].add(1)], [Ok(()), Ok(())]);
        assert!(sockets[2].add(1).is_err());
        sockets[0].clear();
        assert_eq!(sockets[2].add(1), Ok(()));
    }

    #[test]
    fn a_frame_between_those_of_a_message_neither_ends_it_nor_counts() {
        let limiter = ClientLimiter::new(ClientLimits::default());
        let unread = UnreadBytes::new(limiter, Address::from(IpAddr::from([192, 0, 2, 1])));
        unread.add(6).unwrap();
        unread.take_off(6);
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(unread.age(), Duration::ZERO, "nothing is unfinished");
        unread.add(106).unwrap();
        std::thread::sleep(Duration::from_millis(5));
        unread.take_off(6);
        unread.add(6).unwrap();
        assert!(unread.age() >= Duration::from_millis(4), "from its first byte on");
        unread.take_off(200);
        assert_eq!(unread.age(), Duration::ZERO);
    }
}
