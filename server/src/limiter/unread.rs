//! The received part of an unfinished body or socket message. It is kept in this process until the
//! rest arrives, so all but a few bytes of it count towards a budget of its address.

use std::sync::atomic::{AtomicUsize, Ordering};

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
    held: Mutex<Vec<Permit<Address>>>,
}

/// Bytes are taken from the budget in units of this size.
const PART_BYTES: usize = 16 * 1024;

impl UnreadBytes {
    /// Starts with nothing received.
    pub fn new(limiter: ClientLimiter, address: Address) -> Self {
        Self { limiter, address, come: AtomicUsize::new(0), held: Mutex::default() }
    }

    /// Adds received bytes.
    pub fn add(&self, bytes: usize) -> Result<(), TooManyUnread> {
        let come = self.come.fetch_add(bytes, Ordering::Relaxed) + bytes;
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
}
