//! Newtypes of the domain: ids, money and time.

use std::fmt;
use std::time::Duration;

use sha2::{Digest, Sha256};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// The id of an auction: random, or a hash, so that auctions spread over partitions.
    AuctionId
);
id!(
    /// The id of a bid: random, made when its group is sealed.
    BidId
);
id!(
    /// The id of a bidder or seller: the `sub` claim of their token.
    UserId
);

impl AuctionId {
    /// A new random id.
    pub fn random() -> Self {
        random_id("a").into()
    }

    /// The id of the auction that a seller creates under an idempotency key: always the same, and
    /// as evenly distributed as a random one.
    pub fn of_key(seller: &UserId, key: &str) -> Self {
        let mut hash = Sha256::new();
        for part in ["auction", seller.as_str(), key] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let mut bits = [0; 16];
        bits.copy_from_slice(&hash.finalize()[..16]);
        id_of("a", u128::from_be_bytes(bits)).into()
    }

    /// Whether the text has the shape of an id that [`AuctionId::random`] makes.
    ///
    /// Anything else cannot name an auction and never reaches the store.
    pub fn is_well_formed(text: &str) -> bool {
        text.len() == 1 + RANDOM_CHARS
            && text.starts_with('a')
            && text[1..].bytes().all(|b| ALPHABET.contains(&b))
    }
}

impl BidId {
    /// A new random id.
    pub fn random() -> Self {
        random_id("b").into()
    }
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const RANDOM_CHARS: usize = 20;

/// 100 random bits in Crockford's base 32: short, and safe in a URL.
fn random_id(prefix: &str) -> String {
    id_of(prefix, rand::random())
}

fn id_of(prefix: &str, mut bits: u128) -> String {
    let mut id = String::with_capacity(prefix.len() + RANDOM_CHARS);
    id.push_str(prefix);
    for _ in 0..RANDOM_CHARS {
        id.push(char::from(ALPHABET[(bits & 31) as usize]));
        bits >>= 5;
    }
    id
}

/// An amount of money in minor units (cents for EUR, yen for JPY).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(u64);

impl Amount {
    /// The largest amount: 2^53 - 1, so that a client that parses it as a JavaScript number is
    /// still exact.
    pub const MAX: Self = Self((1 << 53) - 1);
    /// The amount zero.
    pub const ZERO: Self = Self(0);

    /// An amount, unless it is larger than [`Amount::MAX`].
    pub fn new(minor_units: u64) -> Result<Self, AmountError> {
        if minor_units > Self::MAX.0 {
            return Err(AmountError::TooLarge);
        }
        Ok(Self(minor_units))
    }

    /// The integer, in minor units.
    pub fn minor_units(self) -> u64 {
        self.0
    }

    /// Half-way from here to [`Amount::MAX`], rounded down.
    pub fn halfway_to_max(self) -> Self {
        Self(self.0 + (Self::MAX.0 - self.0) / 2)
    }

    /// The sum, or [`Amount::MAX`] if that is less.
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0).min(Self::MAX.0))
    }
}

impl std::str::FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        if text.is_empty() || text.len() > 16 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(AmountError::NotAnInteger);
        }
        Self::new(text.parse().map_err(|_| AmountError::TooLarge)?)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a text is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not a string of decimal digits.
    #[error("an amount is a string of decimal digits in minor units, for example \"1250\"")]
    NotAnInteger,
    /// Over 2^53 - 1.
    #[error("an amount is at most 9007199254740991 minor units")]
    TooLarge,
}

/// An ISO 4217 currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// The currency with a code such as `EUR`, if ISO 4217 has it.
    pub fn from_code(code: &str) -> Option<Self> {
        iso_currency::Currency::from_code(code).map(Self)
    }

    /// Whether the currency has minor units: codes for tests, for metals and for no currency have
    /// none.
    pub fn has_minor_units(self) -> bool {
        self.0.exponent().is_some()
    }

    /// The number of decimal digits of its minor unit: 2 for EUR, 0 for JPY.
    pub fn digits(self) -> u16 {
        self.0.exponent().unwrap_or(0)
    }

    /// The three-letter code.
    pub fn code(self) -> &'static str {
        self.0.code()
    }
}

/// A point in time: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since the epoch.
    pub const fn from_micros(us: i64) -> Self {
        Self(us)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// This time plus a duration.
    pub fn plus(self, duration: Duration) -> Self {
        let us = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(us))
    }

    /// The time since `earlier`; zero if this is not later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}
