//! A JWK set that is kept current: fetched at start, then every five minutes, and when a token
//! names an unknown key. A failed fetch keeps the current keys.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use parking_lot::RwLock;
use reqwest::header::LOCATION;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::keys::{Key, KeySet};
use crate::limits;

/// The source of a JWK set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JwksSource {
    /// A URL, fetched again from time to time.
    Url(String),
    /// A file, read again from time to time.
    File(PathBuf),
}

/// The keys of a JWK set. Clones share them.
#[derive(Clone)]
pub struct Jwks(Arc<Inner>);

struct Inner {
    source: JwksSource,
    client: reqwest::Client,
    keys: RwLock<Arc<KeySet>>,
    /// Allows one fetch at a time; when the last one after the start began.
    fetching: Mutex<Option<Instant>>,
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Jwks").field(&self.0.source).finish()
    }
}

impl Jwks {
    /// Fetches a set for the first time.
    ///
    /// # Errors
    /// When it cannot be had, or has no usable key.
    pub async fn open(source: JwksSource) -> anyhow::Result<Self> {
        let client = client()?;
        let keys = fetch(&source, &client).await?;
        anyhow::ensure!(!keys.is_empty(), "no RS256, ES256 or EdDSA key with a kid");
        info!(keys = keys.len(), "JWK set loaded");
        let keys = RwLock::new(Arc::new(keys));
        let fetching = Mutex::new(None);
        Ok(Self(Arc::new(Inner { source, client, keys, fetching })))
    }

    /// The key with this id, fetched if it is unknown.
    pub async fn key(&self, kid: &str) -> Option<Key> {
        if let Some(key) = self.known(kid) {
            return Some(key);
        }
        self.refresh_unless_just_done(kid).await;
        self.known(kid)
    }

    /// Fetches the set periodically.
    pub async fn keep(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = sleep(limits::JWKS_REFRESH_EVERY) => {}
                () = stop.cancelled() => return,
            }
            *self.0.fetching.lock().await = Some(Instant::now());
            self.refresh().await;
        }
    }

    fn known(&self, kid: &str) -> Option<Key> {
        self.0.keys.read().get(kid).cloned()
    }

    /// A flood of tokens with invented key ids costs one fetch per pause.
    async fn refresh_unless_just_done(&self, kid: &str) {
        let Ok(mut began) = timeout(limits::JWKS_TIMEOUT, self.0.fetching.lock()).await else {
            return;
        };
        let now = Instant::now();
        if self.known(kid).is_some() || !is_due(*began, now) {
            return;
        }
        *began = Some(now);
        self.refresh().await;
    }

    async fn refresh(&self) {
        match fetch(&self.0.source, &self.0.client).await {
            // An empty set is accepted too: removed keys are no longer valid.
            Ok(keys) => {
                if keys.is_empty() && !self.0.keys.read().is_empty() {
                    warn!("the JWK set has no usable key; every token is rejected");
                }
                *self.0.keys.write() = Arc::new(keys);
            }
            Err(error) => {
                warn!(error = format!("{error:#}"), "cannot read the JWK set; keeping its keys");
            }
        }
    }
}

/// Whether an unknown key may trigger a fetch.
fn is_due(last_began: Option<Instant>, now: Instant) -> bool {
    last_began.is_none_or(|began| now.duration_since(began) >= limits::JWKS_REFRESH_PAUSE)
}

/// A redirect could lead anywhere; the keys come only from where the operator says.
pub(super) fn client() -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder()
        .timeout(limits::JWKS_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()?)
}

async fn fetch(source: &JwksSource, client: &reqwest::Client) -> anyhow::Result<KeySet> {
    let json = match source {
        JwksSource::File(file) => {
            tokio::fs::read(file).await.with_context(|| file.display().to_string())?
        }
        JwksSource::Url(url) => download(client, url).await?,
    };
    KeySet::parse(&json).map_err(anyhow::Error::msg)
}

/// Fetches a document of bounded size.
pub(super) async fn download(client: &reqwest::Client, url: &str) -> anyhow::Result<Vec<u8>> {
    let mut response = client.get(url).send().await?.error_for_status()?;
    if response.status().is_redirection() {
        let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
        anyhow::bail!(
            "{url} redirects to {}; redirects are not followed: give the final address",
            to.unwrap_or("nowhere")
        );
    }
    let mut json = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        json.extend_from_slice(&chunk);
        let max = limits::JWKS_BYTES_MAX;
        anyhow::ensure!(json.len() <= max, "the document is larger than {max} bytes");
    }
    Ok(json)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SOON: Duration = Duration::from_millis(1);

    #[test]
    fn an_unknown_key_has_the_set_fetched_once_a_pause_and_at_once_after_the_start() {
        let now = Instant::now();
        assert!(is_due(None, now));
        assert!(!is_due(Some(now), now));
        assert!(!is_due(Some(now), now + limits::JWKS_REFRESH_PAUSE.saturating_sub(SOON)));
        assert!(is_due(Some(now), now + limits::JWKS_REFRESH_PAUSE));
    }
}
