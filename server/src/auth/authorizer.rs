//! An HTTP hook that checks opaque tokens, as a Lambda authorizer does for AppSync. Its answers are
//! cached for as long as they say; whatever fails is denied.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gavel_core::auction::text::is_plain_name;
use gavel_core::auction::{Timestamp, UserId};
use gavel_core::outage::Outage;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::{info, warn};

use super::jwks;
use super::principal::{AuthError, Principal};
use super::roles::{ROLES_CLAIM, RoleRules};
use crate::limits;

/// The answer of the hook: AppSync's names, so that an existing authorizer can be reused.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    is_authorized: bool,
    /// `sub` and `roles`.
    #[serde(default)]
    resolver_context: Map<String, Value>,
    /// Seconds for which the answer holds.
    ttl_override: Option<u64>,
}

type Hash = [u8; 32];
type Verdict = Result<Principal, AuthError>;

impl Answer {
    /// The caller, and for how long that holds. Pure.
    fn verdict(&self, now: Timestamp) -> Result<(Verdict, Duration), String> {
        let ttl = self.ttl_override.map_or(limits::AUTHORIZER_TTL, Duration::from_secs);
        let ttl = ttl.min(limits::AUTHORIZER_TTL_MAX);
        if !self.is_authorized {
            return Ok((Err(AuthError::Denied), ttl));
        }
        let sub = self.resolver_context.get("sub").and_then(Value::as_str);
        let sub = sub.ok_or("resolverContext.sub, the user's id, is missing")?;
        if sub.len() > limits::USER_ID_BYTES_MAX || !is_plain_name(sub) {
            return Err("resolverContext.sub must be 1 to 128 bytes of visible text".to_owned());
        }
        let rules = RoleRules { claim: ROLES_CLAIM.to_owned(), ..RoleRules::default() };
        let granted = rules.of(&self.resolver_context).map_err(|error| error.to_string())?;
        let user_id = Some(UserId::from(sub.to_owned()));
        // A socket ends with its answer, as with a token: its client asks again.
        let expires_at = Some(now.plus(ttl.max(limits::AUTHORIZER_SESSION_MIN)));
        Ok((Ok(Principal { user_id, roles: granted, expires_at }), ttl))
    }
}

/// What the hook said, while that holds.
#[derive(Debug, Default)]
struct Cache {
    verdicts: HashMap<Hash, (Verdict, Instant)>,
}

impl Cache {
    fn get(&self, hash: &Hash, now: Instant) -> Option<Verdict> {
        let (verdict, until) = self.verdicts.get(hash)?;
        (now < *until).then(|| verdict.clone())
    }

    /// Keeps a verdict. If there is no room, all that is over goes; if nothing is, this one is not
    /// kept.
    fn put(&mut self, hash: Hash, verdict: Verdict, ttl: Duration, now: Instant) {
        if self.verdicts.len() >= limits::AUTHORIZER_CACHE_MAX {
            self.verdicts.retain(|_, (_, until)| now < *until);
        }
        if self.verdicts.len() < limits::AUTHORIZER_CACHE_MAX {
            self.verdicts.insert(hash, (verdict, now + ttl));
        }
    }
}

/// The hook. Clones share it.
#[derive(Clone)]
pub struct Authorizer(Arc<Inner>);

struct Inner {
    url: String,
    client: reqwest::Client,
    cache: Mutex<Cache>,
    /// Requests at a time.
    permits: Semaphore,
    /// One request at a time for each token.
    turns: Vec<tokio::sync::Mutex<()>>,
    outage: Mutex<Outage>,
}

impl fmt::Debug for Authorizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authorizer").field(&self.0.url).finish()
    }
}

impl Authorizer {
    /// The hook at a URL.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(url: String) -> anyhow::Result<Self> {
        let inner = Inner {
            url,
            client: jwks::client()?,
            cache: Mutex::default(),
            permits: Semaphore::new(limits::AUTHORIZER_REQUESTS_MAX),
            turns: (0..limits::AUTHORIZER_REQUESTS_MAX)
                .map(|_| tokio::sync::Mutex::default())
                .collect(),
            outage: Mutex::default(),
        };
        Ok(Self(Arc::new(inner)))
    }

    /// The caller with this token.
    pub async fn check(&self, token: &str, now: Timestamp) -> Verdict {
        if token.is_empty() || token.len() > limits::TOKEN_BYTES_MAX {
            return Err(AuthError::Malformed("empty or too long"));
        }
        let hash: Hash = Sha256::digest(token.as_bytes()).into();
        if let Some(verdict) = self.0.cache.lock().get(&hash, Instant::now()) {
            return verdict;
        }
        let asked = timeout(limits::JWKS_TIMEOUT, self.ask_once(token, hash, now)).await;
        asked.unwrap_or(Err(AuthError::NotChecked))
    }

    async fn ask_once(&self, token: &str, hash: Hash, now: Timestamp) -> Verdict {
        let inner = &*self.0;
        let _turn = inner.turns[usize::from(hash[0]) % inner.turns.len()].lock().await;
        if let Some(verdict) = inner.cache.lock().get(&hash, Instant::now()) {
            return verdict;
        }
        let Ok(_permit) = inner.permits.acquire().await else { return Err(AuthError::NotChecked) };
        let (verdict, ttl) = match self.ask(token, now).await {
            Ok(answered) => {
                if let Some(lasted) = inner.outage.lock().succeeded(tokio::time::Instant::now()) {
                    info!(lasted_ms = lasted.as_millis(), "the authorizer answers again");
                }
                answered
            }
            Err(problem) => {
                if inner.outage.lock().failed(tokio::time::Instant::now()) {
                    warn!(problem, url = inner.url, "the authorizer does not answer; denying");
                }
                (Err(AuthError::NotChecked), limits::AUTHORIZER_PAUSE)
            }
        };
        inner.cache.lock().put(hash, verdict.clone(), ttl, Instant::now());
        verdict
    }

    async fn ask(&self, token: &str, now: Timestamp) -> Result<(Verdict, Duration), String> {
        let question = json!({ "authorizationToken": token }).to_string();
        let request = self.0.client.post(&self.0.url).header("content-type", "application/json");
        let sent =
            request.body(question).send().await.and_then(reqwest::Response::error_for_status);
        // The error's text has the URL, and no token.
        let mut response = sent.map_err(|error| error.to_string())?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| error.to_string())? {
            body.extend_from_slice(&chunk);
            if body.len() > limits::AUTHORIZER_ANSWER_BYTES_MAX {
                return Err("its answer is too large".to_owned());
            }
        }
        let answer: Answer =
            serde_json::from_slice(&body).map_err(|error| format!("its answer: {error}"))?;
        answer.verdict(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Role;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn verdict(answer: Value) -> Result<(Verdict, Duration), String> {
        serde_json::from_value::<Answer>(answer).unwrap().verdict(NOW)
    }

    #[test]
    fn an_answer_names_the_user_and_the_roles_and_says_how_long_it_holds() {
        let context = json!({ "sub": "ann", "roles": "bidder seller" });
        let answer = json!({ "isAuthorized": true, "resolverContext": context, "ttlOverride": 60 });
        let (principal, ttl) = verdict(answer).unwrap();
        let principal = principal.unwrap();
        assert_eq!(principal.user_id, Some(UserId::from("ann".to_owned())));
        assert!(principal.has(Role::Seller) && !principal.has(Role::Auctioneer));
        assert_eq!(ttl, Duration::from_secs(60));
        let (denied, ttl) = verdict(json!({ "isAuthorized": false, "deniedFields": [] })).unwrap();
        assert_eq!((denied, ttl), (Err(AuthError::Denied), limits::AUTHORIZER_TTL));
        let long = json!({ "isAuthorized": false, "ttlOverride": u64::MAX });
        assert_eq!(verdict(long).unwrap().1, limits::AUTHORIZER_TTL_MAX);
        for wrong in [json!({}), json!({ "sub": "" }), json!({ "sub": "a", "roles": 7 })] {
            let answer = json!({ "isAuthorized": true, "resolverContext": wrong });
            assert!(verdict(answer).is_err());
        }
    }

    #[test]
    fn a_verdict_is_kept_while_it_holds_and_the_cache_has_a_bound() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        let second = Duration::from_secs(1);
        let key = |number: usize| -> Hash { Sha256::digest(number.to_be_bytes()).into() };
        cache.put(key(0), Err(AuthError::Denied), second, now);
        assert_eq!(cache.get(&key(0), now), Some(Err(AuthError::Denied)));
        assert_eq!(cache.get(&key(0), now + second), None, "over");
        for number in 1..=limits::AUTHORIZER_CACHE_MAX {
            cache.put(key(number), Err(AuthError::Denied), 9 * second, now);
        }
        assert_eq!(cache.verdicts.len(), limits::AUTHORIZER_CACHE_MAX, "the last found no room");
        cache.put(key(usize::MAX), Err(AuthError::Denied), second, now + second);
        assert_eq!(cache.verdicts.len(), limits::AUTHORIZER_CACHE_MAX, "the first was over");
        assert!(cache.get(&key(usize::MAX), now + second).is_some());
    }
}
