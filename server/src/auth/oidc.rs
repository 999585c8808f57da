//! OpenID Connect discovery: where an issuer publishes its keys.

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use super::jwks::{self, JwksSource};

/// What is read of an issuer's metadata.
#[derive(Debug, Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// Finds the JWK set of an issuer.
///
/// # Errors
/// When its metadata cannot be had, or is that of another issuer.
pub async fn discover(issuer: &str) -> anyhow::Result<JwksSource> {
    let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let json = jwks::download(&jwks::client()?, &url).await?;
    keys_of(issuer, &json).with_context(|| url)
}

fn keys_of(issuer: &str, json: &[u8]) -> anyhow::Result<JwksSource> {
    let metadata: Metadata =
        serde_json::from_slice(json).context("not the metadata of an OpenID provider")?;
    ensure!(
        metadata.issuer == issuer,
        "this is the issuer {:?}; the setting must be the same text, as the iss of tokens is",
        metadata.issuer
    );
    let scheme = |url: &str| url.split_once("://").map(|(scheme, _)| scheme.to_owned());
    ensure!(
        scheme(&metadata.jwks_uri) == scheme(issuer),
        "its keys at {:?} are not reached in the same way",
        metadata.jwks_uri
    );
    Ok(JwksSource::Url(metadata.jwks_uri))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_are_those_of_the_issuer_that_was_named() {
        let of = |issuer: &str, keys: &str| {
            let json = serde_json::json!({ "issuer": issuer, "jwks_uri": keys, "x": 1 });
            keys_of("https://a.example/pool", json.to_string().as_bytes())
        };
        let keys = "https://a.example/pool/jwks.json";
        let found = of("https://a.example/pool", keys).unwrap();
        assert_eq!(found, JwksSource::Url(keys.to_owned()));
        for other in ["https://a.example/pool/", "https://b.example/pool", ""] {
            assert!(of(other, keys).is_err(), "{other}");
        }
        assert!(of("https://a.example/pool", "http://a.example/keys").is_err(), "downgraded");
        assert!(of("https://a.example/pool", "/etc/keys").is_err(), "a file");
        assert!(keys_of("https://a.example", b"<html>").is_err());
    }
}
