//! Tokens.

use std::time::Duration;

/// The shared secret, in bytes.
pub const JWT_SECRET_BYTES_MIN: usize = 32;
/// A token, in bytes.
pub const TOKEN_BYTES_MAX: usize = 4096;
/// How long before its token expires an open socket is told.
pub const TOKEN_WARNING: Duration = Duration::from_secs(30);
/// The most that the leeway may be set to.
pub const TOKEN_LEEWAY_MAX: Duration = Duration::from_secs(300);
/// How often a JWK set is fetched again.
pub const JWKS_REFRESH_EVERY: Duration = Duration::from_secs(300);
/// The least time between two fetches, however many unknown keys are named.
pub const JWKS_REFRESH_PAUSE: Duration = Duration::from_secs(5);
/// How long a fetch may take, and a token of an unknown key waits for it.
pub const JWKS_TIMEOUT: Duration = Duration::from_secs(3);
/// A JWK set, in bytes.
pub const JWKS_BYTES_MAX: usize = 256 * 1024;
/// Keys of a JWK set that are kept.
pub const JWKS_KEYS_MAX: usize = 64;
/// The least RSA key, in bits.
pub const RSA_BITS_MIN: usize = 2048;
/// How long after its expiry a token is still taken, for clocks that differ.
pub const TOKEN_LEEWAY: Duration = Duration::from_secs(5);
