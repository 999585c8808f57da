//! Limits of tokens.

use std::time::Duration;

/// Shortest shared secret, in bytes.
pub const JWT_SECRET_BYTES_MIN: usize = 32;
/// Longest token, in bytes.
pub const TOKEN_BYTES_MAX: usize = 4096;
/// How long before its token expires an open socket is warned.
pub const TOKEN_WARNING: Duration = Duration::from_secs(30);
/// The largest leeway that can be set.
pub const TOKEN_LEEWAY_MAX: Duration = Duration::from_secs(300);
/// How often a JWK set is fetched again.
pub const JWKS_REFRESH_EVERY: Duration = Duration::from_secs(300);
/// The least time between two fetches, however many unknown keys are named.
pub const JWKS_REFRESH_PAUSE: Duration = Duration::from_secs(5);
/// How long a fetch may take, and a token with an unknown key waits for it.
pub const JWKS_TIMEOUT: Duration = Duration::from_secs(3);
/// Largest JWK set, in bytes.
pub const JWKS_BYTES_MAX: usize = 256 * 1024;
/// Most keys of a JWK set that are kept.
pub const JWKS_KEYS_MAX: usize = 64;
/// Most API keys in a file.
pub const API_KEYS_MAX: usize = 1000;
/// How often the file of API keys is looked at for a change.
pub const API_KEYS_CHECK_EVERY: Duration = Duration::from_secs(2);
/// How long an answer of the authorizer holds that does not say so.
pub const AUTHORIZER_TTL: Duration = Duration::from_secs(300);
/// The longest that an answer of the authorizer holds.
pub const AUTHORIZER_TTL_MAX: Duration = Duration::from_secs(3600);
/// The least time that a socket stays open after an answer of the authorizer.
pub const AUTHORIZER_SESSION_MIN: Duration = Duration::from_secs(300);
/// Concurrent requests to the authorizer.
pub const AUTHORIZER_REQUESTS_MAX: usize = 32;
/// Answers of the authorizer that are kept.
pub const AUTHORIZER_CACHE_MAX: usize = 10_000;
/// How long a token is denied without a request after the authorizer has not answered.
pub const AUTHORIZER_PAUSE: Duration = Duration::from_secs(1);
/// Largest answer of the authorizer, in bytes.
pub const AUTHORIZER_ANSWER_BYTES_MAX: usize = 16 * 1024;
/// Shortest RSA key, in bits.
pub const RSA_BITS_MIN: usize = 2048;
/// How long a token is accepted after its expiry, to allow for clocks that differ.
pub const TOKEN_LEEWAY: Duration = Duration::from_secs(5);
