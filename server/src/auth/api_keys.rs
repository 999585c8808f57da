//! API keys: named in a file, which is read again when it changes. The file holds hashes alone.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context as _, ensure};
use gavel_core::auction::text::is_plain_name;
use gavel_core::auction::{Timestamp, UserId};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::principal::{AuthError, Principal, Role};
use crate::limits;

/// A key as the file has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name, for people.
    pub name: String,
    /// SHA-256 of the key, in hex.
    pub sha256: String,
    /// The role that it grants.
    pub role: String,
    /// When it ends: a time as in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    keys: Vec<Entry>,
}

type Hash = [u8; 32];

/// The keys of a file by their hashes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Keys(HashMap<Hash, Principal>);

impl Keys {
    fn parse(text: &str) -> anyhow::Result<Self> {
        let document: Document = serde_json::from_str(text)?;
        ensure!(document.keys.len() <= limits::API_KEYS_MAX, "more than {}", limits::API_KEYS_MAX);
        let mut keys = HashMap::new();
        for entry in document.keys {
            let name = entry.name.clone();
            let (hash, principal) = entry.read().with_context(|| format!("key {name:?}"))?;
            ensure!(keys.insert(hash, principal).is_none(), "key {name:?} is another one's");
        }
        Ok(Self(keys))
    }

    fn principal(&self, key: &str, now: Timestamp) -> Result<Principal, AuthError> {
        let principal = self.0.get(&hash(key)).ok_or(AuthError::UnknownKey)?;
        match principal.expires_at {
            Some(at) if now >= at => Err(AuthError::Expired),
            _ => Ok(principal.clone()),
        }
    }
}

impl Entry {
    fn read(self) -> anyhow::Result<(Hash, Principal)> {
        ensure!(is_plain_name(&self.name), "its name must be visible text");
        let role = Role::named(&self.role)
            .with_context(|| format!("its role must be one of {}", Role::names()))?;
        let expires_at = match self.expires {
            None => None,
            Some(text) => {
                let at = OffsetDateTime::parse(&text, &Rfc3339)
                    .context("expires must be a time such as 2027-01-31T00:00:00Z")?;
                let us = i64::try_from(at.unix_timestamp_nanos() / 1000).unwrap_or(i64::MAX);
                Some(Timestamp::from_micros(us))
            }
        };
        // A key that only watches is in many hands, as a page has it: it is counted by address.
        let is_user = role != Role::Observer;
        let user_id = is_user.then(|| UserId::from(format!("api-key:{}", self.name)));
        let hash = unhex(&self.sha256).context("sha256 must be 64 hex digits")?;
        Ok((hash, Principal { user_id, roles: [role].into_iter().collect(), expires_at }))
    }
}

/// A new key, and its entry for the file.
pub fn generate(
    name: &str,
    role: Role,
    expires: Option<String>,
) -> anyhow::Result<(String, Entry)> {
    let key = format!("gvl-{:032x}", rand::random::<u128>());
    let sha256 = hash(&key).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    let entry = Entry { name: name.to_owned(), sha256, role: role.name().to_owned(), expires };
    entry.clone().read()?;
    Ok((key, entry))
}

/// Keys have 128 random bits: nothing is won by a slow hash.
fn hash(key: &str) -> Hash {
    Sha256::digest(key.as_bytes()).into()
}

fn unhex(text: &str) -> Option<Hash> {
    let digits = |at: usize| text.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(digits).collect();
    bytes?.try_into().ok()
}

/// The keys of a file. Clones share them.
#[derive(Clone)]
pub struct ApiKeys(Arc<Inner>);

struct Inner {
    file: PathBuf,
    keys: RwLock<Arc<Keys>>,
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ApiKeys").field(&self.0.file).finish()
    }
}

impl ApiKeys {
    /// Reads a file for the first time.
    ///
    /// # Errors
    /// When it cannot be read, or an entry is wrong.
    pub fn open(file: &Path) -> anyhow::Result<Self> {
        let keys = read(file)?;
        info!(keys = keys.0.len(), "API keys loaded");
        let keys = RwLock::new(Arc::new(keys));
        Ok(Self(Arc::new(Inner { file: file.to_owned(), keys })))
    }

    /// The caller with this key.
    pub fn principal(&self, key: &str, now: Timestamp) -> Result<Principal, AuthError> {
        let keys = Arc::clone(&self.0.keys.read());
        keys.principal(key, now)
    }

    /// Reads the file again whenever it has changed. A file that cannot be read keeps its keys.
    pub async fn keep(self, stop: CancellationToken) {
        let mut seen = changed_at(&self.0.file);
        loop {
            tokio::select! {
                () = sleep(limits::API_KEYS_CHECK_EVERY) => {}
                () = stop.cancelled() => return,
            }
            let changed = changed_at(&self.0.file);
            if changed == seen {
                continue;
            }
            seen = changed;
            match read(&self.0.file) {
                Ok(keys) => {
                    info!(keys = keys.0.len(), "API keys loaded again");
                    *self.0.keys.write() = Arc::new(keys);
                }
                Err(error) => {
                    warn!(error = format!("{error:#}"), "cannot read the API keys; keeping them");
                }
            }
        }
    }
}

fn read(file: &Path) -> anyhow::Result<Keys> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    Keys::parse(&text).with_context(|| file.display().to_string())
}

fn changed_at(file: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    #[test]
    fn a_key_grants_its_role_until_it_expires() {
        let (watch, watches) = generate("page", Role::Observer, None).unwrap();
        let expires = Some("2027-01-15T09:00:00Z".to_owned());
        let (sell, sells) = generate("importer", Role::Seller, expires).unwrap();
        assert_ne!(watch, sell);
        let text = json!({ "keys": [watches, sells] }).to_string();
        assert!(!text.contains(&watch), "the file has hashes alone");
        let keys = Keys::parse(&text).unwrap();
        let page = keys.principal(&watch, NOW).unwrap();
        assert_eq!((page.user_id.clone(), page.expires_at), (None, None));
        assert!(page.has(Role::Observer) && !page.has(Role::Bidder));
        let importer = keys.principal(&sell, NOW).unwrap();
        assert_eq!(importer.user_id, Some(UserId::from("api-key:importer".to_owned())));
        let end = importer.expires_at.unwrap();
        assert_eq!(end.since(NOW), Duration::from_secs(3600));
        assert_eq!(keys.principal(&sell, end), Err(AuthError::Expired));
        assert_eq!(keys.principal("gvl-0", NOW), Err(AuthError::UnknownKey));
    }

    #[test]
    fn a_wrong_file_is_described_by_the_name_of_its_key() {
        let good = generate("a", Role::Bidder, None).unwrap().1;
        let with = |field: &str, value: &str| {
            let mut entry = json!(good);
            entry[field] = value.into();
            json!({ "keys": [entry] }).to_string()
        };
        for (text, names) in [
            (with("role", "king"), "role must be one of bidder"),
            (with("sha256", "00"), "64 hex digits"),
            (with("sha256", &"ü".repeat(32)), "64 hex digits"),
            (with("expires", "tomorrow"), "2027-01-31T00:00:00Z"),
            (with("name", "a\u{202e}b"), "visible"),
            (with("scope", "all"), "scope"),
            (json!({ "keys": [good, good] }).to_string(), "another one's"),
            ("{}".to_owned(), "keys"),
        ] {
            let error = format!("{:#}", Keys::parse(&text).unwrap_err());
            assert!(error.contains(names), "{text}: {error}");
        }
        assert_eq!(Keys::parse(r#"{"keys":[]}"#).unwrap(), Keys::default(), "none is valid");
    }
}
