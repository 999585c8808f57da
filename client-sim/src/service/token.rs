//! Tokens that the service accepts: JWT signed with the shared secret.

use std::time::Duration;

use anyhow::Context as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use crate::clock;

/// The roles of a token.
pub const ROLES: [&str; 4] = ["bidder", "seller", "auctioneer", "observer"];

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    roles: &'a [&'a str],
    exp: i64,
}

/// Mints tokens.
pub struct Mint {
    key: EncodingKey,
}

impl Mint {
    /// Makes a mint with the service's secret.
    pub fn new(secret: &str) -> Self {
        Self { key: EncodingKey::from_secret(secret.as_bytes()) }
    }

    /// Mints a token of a user with these roles.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn token(&self, sub: &str, roles: &[&str], life: Duration) -> anyhow::Result<String> {
        let exp = clock::now_us() / 1_000_000 + i64::try_from(life.as_secs())?;
        let claims = Claims { sub, roles, exp };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.key)
            .context("cannot sign a token")
    }
}
