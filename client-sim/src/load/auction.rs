//! What simulated bidders know of each auction: what its watchers received.

use parking_lot::Mutex;

/// One auction of the run.
#[derive(Debug)]
pub struct Auction {
    /// The id of the auction.
    pub id: String,
    /// The minimum first bid.
    pub opening_price: u64,
    /// The minimum step above the current price.
    pub increment: u64,
    /// When the auction ends, without soft-close extensions.
    pub ends_us: i64,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    sequence: u64,
    price: u64,
}

impl Auction {
    /// An auction without bids.
    pub fn new(id: String, opening_price: u64, increment: u64, ends_us: i64) -> Self {
        let price = opening_price.saturating_sub(increment);
        Self {
            id,
            opening_price,
            increment,
            ends_us,
            known: Mutex::new(Known { sequence: 0, price }),
        }
    }

    /// The amount that outbids the known price by this many steps.
    pub fn outbid(&self, steps: u64) -> u64 {
        self.known.lock().price + steps * self.increment
    }

    /// The amount of the bid with this number (from 0) if each bid exceeds all before it.
    pub fn nth(&self, number: u64) -> u64 {
        self.opening_price + number * self.increment
    }

    /// A watcher has received a bid.
    pub fn told(&self, sequence: u64, amount: u64) {
        let mut known = self.known.lock();
        if sequence > known.sequence {
            *known = Known { sequence, price: amount };
        }
    }
}
