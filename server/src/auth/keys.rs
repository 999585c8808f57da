//! A JWK set as verification keys. Pure.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use crate::limits;

/// A public key, and the only algorithm that it verifies.
#[derive(Clone)]
pub struct Key {
    /// The algorithm of the key, never that of a token's header.
    pub algorithm: Algorithm,
    /// The key.
    pub decoding: DecodingKey,
}

/// The keys of a set by their `kid`.
#[derive(Clone, Default)]
pub struct KeySet {
    keys: HashMap<String, Key>,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

impl KeySet {
    /// Reads a JWK set. Unusable keys (symmetric, for encryption, weak, of another algorithm,
    /// without an id) are left out. An empty set is valid: it removes every key.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        if json.len() > limits::JWKS_BYTES_MAX {
            return Err(format!("larger than {} bytes", limits::JWKS_BYTES_MAX));
        }
        let document: Document =
            serde_json::from_slice(json).map_err(|error| format!("not a JWK set: {error}"))?;
        let jwks = document.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
        let keys: HashMap<_, _> = jwks
            .filter_map(|jwk: Jwk| Some((jwk.common.key_id.clone()?, usable(&jwk)?)))
            .take(limits::JWKS_KEYS_MAX)
            .collect();
        Ok(Self { keys })
    }

    /// The key with this id.
    pub fn get(&self, kid: &str) -> Option<&Key> {
        self.keys.get(kid)
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

fn usable(jwk: &Jwk) -> Option<Key> {
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(rsa) if rsa_bits(&rsa.n) >= limits::RSA_BITS_MIN => {
            (Algorithm::RS256, KeyAlgorithm::RS256)
        }
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        // A symmetric key in a public set is not secret.
        _ => return None,
    };
    let fits = jwk.common.key_algorithm.is_none_or(|algorithm| algorithm == named)
        && jwk.common.public_key_use.as_ref().is_none_or(|of| *of == PublicKeyUse::Signature);
    let decoding = DecodingKey::from_jwk(jwk).ok()?;
    fits.then_some(Key { algorithm, decoding })
}

fn rsa_bits(modulus: &str) -> usize {
    let bytes = URL_SAFE_NO_PAD.decode(modulus).unwrap_or_default();
    bytes.iter().skip_while(|byte| **byte == 0).count() * 8
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    /// The public key of RFC 7515, A.3.
    const EC: [&str; 2] = [
        "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    ];

    fn ed25519(more: Value) -> Value {
        let mut key = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "a", "x": X });
        for (name, value) in more.as_object().unwrap() {
            key[name] = value.clone();
        }
        key
    }

    fn algorithm_of(key: Value) -> Option<Algorithm> {
        let set = json!({ "keys": [key] }).to_string();
        Some(KeySet::parse(set.as_bytes()).ok()?.get("a")?.algorithm)
    }

    #[test]
    fn a_key_verifies_the_one_algorithm_of_its_kind() {
        assert_eq!(algorithm_of(ed25519(json!({ "alg": "EdDSA" }))), Some(Algorithm::EdDSA));
        let ec = |crv: &str| json!({ "kty": "EC", "crv": crv, "kid": "a", "x": EC[0], "y": EC[1] });
        assert_eq!(algorithm_of(ec("P-256")), Some(Algorithm::ES256));
        assert_eq!(algorithm_of(ec("P-384")), None);
        let rsa = |bytes: usize| {
            let modulus = URL_SAFE_NO_PAD.encode(vec![0xc1; bytes]);
            json!({ "kty": "RSA", "kid": "a", "n": modulus, "e": "AQAB" })
        };
        assert_eq!(algorithm_of(rsa(256)), Some(Algorithm::RS256));
        assert_eq!(algorithm_of(rsa(128)), None, "1024 bits are too few");
    }

    #[test]
    fn keys_of_no_use_are_left_out() {
        for key in [
            json!({ "kty": "oct", "kid": "a", "k": X }),
            json!({ "kty": "OKP", "crv": "Ed25519", "x": X }),
            ed25519(json!({ "use": "enc" })),
            ed25519(json!({ "alg": "HS256" })),
            ed25519(json!({ "alg": "RS256" })),
            ed25519(json!({ "crv": "X25519" })),
            json!({ "kty": "new", "kid": "a" }),
            json!(7),
        ] {
            assert_eq!(algorithm_of(key.clone()), None, "{key}");
        }
        let mixed = json!({ "keys": [{ "kty": "new" }, ed25519(json!({ "use": "sig" }))] });
        assert_eq!(KeySet::parse(mixed.to_string().as_bytes()).map(|set| set.len()), Ok(1));
        let empty = KeySet::parse(br#"{ "keys": [] }"#).expect("a set");
        assert!(empty.is_empty());
        assert!(KeySet::parse(b"{}").is_err() && KeySet::parse(b"").is_err(), "no set");
        assert!(KeySet::parse(b"{").is_err() && KeySet::parse(&vec![b' '; 300 * 1024]).is_err());
    }
}
