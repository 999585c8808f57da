//! Idempotency keys: a retry with the same key and amount is answered with the first result.

use sha2::{Digest, Sha256};

use crate::auction::{Amount, AuctionId, BidId, UserId};

/// An idempotency key as stored in the table: a hash, so that it cannot collide with another
/// user's, whatever separators it contains.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key for one bidder's bid on one auction: each part is hashed after its length.
    pub fn new(auction_id: &AuctionId, bidder_id: &UserId, key: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [auction_id.as_str(), bidder_id.as_str(), key] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let digest = hash.finalize();
        let mut hex = String::with_capacity(2 * digest.len());
        for byte in digest {
            for digit in [byte >> 4, byte & 15] {
                hex.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
        }
        Self(hex)
    }

    /// One that nobody has: for a bid that has none of its client's.
    pub fn random() -> Self {
        Self(format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>()))
    }

    /// From its hex.
    pub fn from_hex(hex: &str) -> Option<Self> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (hex.len() == 64 && hex.bytes().all(is_hex)).then(|| Self(hex.to_owned()))
    }

    /// The hash as lower-case hex.
    pub fn as_hex(&self) -> &str {
        &self.0
    }
}

/// What the table keeps for an accepted bid under its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// The accepted bid.
    pub bid_id: BidId,
    /// The sequence of the bid.
    pub sequence: u64,
    /// The amount that a repeat must have; another amount is IDEMPOTENCY_CONFLICT.
    pub amount: Amount,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(auction: &str, bidder: &str, key: &str) -> IdempotencyKey {
        IdempotencyKey::new(&auction.into(), &bidder.into(), key)
    }

    #[test]
    fn parts_that_join_to_the_same_text_are_different_keys() {
        assert_ne!(key("a", "bc", "d"), key("a", "b", "cd"));
        assert_ne!(key("a#b", "c", "d"), key("a", "b#c", "d"));
        assert_eq!(key("a", "b", "c"), key("a", "b", "c"));
    }
}
