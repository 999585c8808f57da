//! Tokens: JWT, signed with the shared secret (HS256) or by a key of a JWK set (RS256, ES256,
//! EdDSA); never both.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use gavel_core::auction::text::is_plain_name;
use gavel_core::auction::{Timestamp, UserId};
use gavel_core::metrics::Counter;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::jwks::Jwks;
use super::keys::Key;
use super::principal::{AuthError, Principal, Role};
use super::roles::RoleRules;
use crate::limits;

/// Claims that are read here; the library checks issuer and audience.
#[derive(Debug, Deserialize)]
struct Read {
    sub: String,
    exp: NumericDate,
    nbf: Option<NumericDate>,
    /// All other claims, with the roles under the name that the rules give.
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Seconds since the epoch, whole or fractional (RFC 7519, 2).
#[derive(Debug, Deserialize)]
struct NumericDate(serde_json::Number);

impl NumericDate {
    /// The time; times out of range become the last one.
    fn time(&self) -> Timestamp {
        let us = match (self.0.as_i64(), self.0.as_f64()) {
            (Some(seconds), _) => seconds.saturating_mul(1_000_000),
            #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
            (None, seconds) => (seconds.unwrap_or(0.0) * 1e6) as i64,
        };
        Timestamp::from_micros(us)
    }
}

/// Claims of minted tokens.
#[derive(Debug, Serialize)]
struct Claims {
    sub: String,
    #[serde(flatten)]
    roles: Map<String, Value>,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<String>,
}

/// Requirements for tokens besides their signature.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The `iss` that tokens must have.
    pub issuer: Option<String>,
    /// The `aud` that tokens must have.
    pub audience: Option<String>,
    /// How the claims grant roles.
    pub roles: RoleRules,
    /// How long a token is accepted after its expiry.
    pub leeway: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        let roles = RoleRules::default();
        Self { issuer: None, audience: None, roles, leeway: limits::TOKEN_LEEWAY }
    }
}

/// The secret is too short to sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be at least {} bytes of random text", limits::JWT_SECRET_BYTES_MIN)]
pub struct SecretError;

/// The keys that verify tokens.
#[derive(Clone)]
enum Keys {
    /// The shared secret, to verify and to sign with.
    Secret { key: Key, encoding: EncodingKey },
    /// A set of public keys.
    Set(Jwks),
}

/// Verifies tokens and, with a secret, mints those that are printed at start.
#[derive(Clone)]
pub struct Verifier {
    keys: Keys,
    rules: Rules,
    /// Tokens rejected for their length.
    too_long: Arc<Counter>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl Verifier {
    /// A verifier of tokens signed with this secret.
    pub fn new(secret: &str, rules: Rules) -> Result<Self, SecretError> {
        if secret.len() < limits::JWT_SECRET_BYTES_MIN {
            return Err(SecretError);
        }
        let decoding = DecodingKey::from_secret(secret.as_bytes());
        let key = Key { algorithm: Algorithm::HS256, decoding };
        let encoding = EncodingKey::from_secret(secret.as_bytes());
        Ok(Self { keys: Keys::Secret { key, encoding }, rules, too_long: Arc::default() })
    }

    /// A verifier of tokens signed with a key of this set.
    pub fn with_jwks(jwks: Jwks, rules: Rules) -> Self {
        Self { keys: Keys::Set(jwks), rules, too_long: Arc::default() }
    }

    /// How long a token is accepted after its expiry.
    pub fn leeway(&self) -> Duration {
        self.rules.leeway
    }

    /// The number of tokens rejected for their length.
    pub fn too_long(&self) -> u64 {
        self.too_long.get()
    }

    /// The principal of a token at a time. Waits only for an unknown key.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Principal, AuthError> {
        if token.len() > limits::TOKEN_BYTES_MAX {
            self.too_long.inc();
            return Err(AuthError::Malformed("too long"));
        }
        match &self.keys {
            Keys::Secret { key, .. } => check(token, key, &self.rules, now),
            Keys::Set(jwks) => {
                let header = jsonwebtoken::decode_header(token).map_err(|e| problem(e.kind()))?;
                let kid = header.kid.ok_or(AuthError::Malformed("its header needs a kid"))?;
                let key = jwks.key(&kid).await.ok_or(AuthError::Untrusted)?;
                check(token, &key, &self.rules, now)
            }
        }
    }

    /// Mints a token that this verifier accepts. `None`: there is no secret to sign with.
    pub fn mint(&self, sub: &str, roles: &[Role], now: Timestamp, ttl: Duration) -> Option<String> {
        let Keys::Secret { encoding, .. } = &self.keys else { return None };
        let names: Vec<&str> = roles.iter().map(|role| self.rules.roles.name_of(*role)).collect();
        let claims = Claims {
            sub: sub.to_owned(),
            roles: Map::from_iter([(self.rules.roles.claim.clone(), names.into())]),
            exp: now.plus(ttl).as_micros() / 1_000_000,
            iss: self.rules.issuer.clone(),
            aud: self.rules.audience.clone(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, encoding).ok()
    }
}

/// Checks a token with one key. Pure. Unknown roles are ignored: they grant nothing.
pub fn check(
    token: &str,
    key: &Key,
    rules: &Rules,
    now: Timestamp,
) -> Result<Principal, AuthError> {
    let decoded = jsonwebtoken::decode::<Read>(token, &key.decoding, &validation(key, rules))
        .map_err(|error| problem(error.kind()))?;
    // The signer requires that a reader understands these (RFC 7515, 4.1.11); none is supported
    // here.
    if decoded.header.crit.is_some() {
        return Err(AuthError::Malformed("its header has crit, which is not supported"));
    }
    let claims = decoded.claims;
    let expires_at = claims.exp.time();
    if now >= expires_at.plus(rules.leeway) {
        return Err(AuthError::Expired);
    }
    if claims.nbf.is_some_and(|nbf| nbf.time() > now.plus(rules.leeway)) {
        return Err(AuthError::NotYet);
    }
    let sub = claims.sub;
    if sub.len() > limits::USER_ID_BYTES_MAX || !is_plain_name(&sub) {
        return Err(AuthError::Malformed("sub must be 1 to 128 bytes of visible text"));
    }
    if let Some(audience) = &rules.audience {
        check_audience(audience, &claims.others)?;
    }
    Ok(Principal {
        user_id: Some(UserId::from(sub)),
        roles: rules.roles.of(&claims.others)?,
        expires_at: Some(expires_at),
    })
}

fn validation(key: &Key, rules: &Rules) -> Validation {
    // The algorithm is pinned to the key: the token's header is not trusted.
    let mut validation = Validation::new(key.algorithm);
    validation.set_required_spec_claims(&["exp", "sub"]);
    // Times are checked by the service's own clock.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    if let Some(issuer) = &rules.issuer {
        validation.set_issuer(&[issuer]);
        validation.required_spec_claims.insert("iss".to_owned());
    }
    // See `check_audience`.
    validation.validate_aud = false;
    validation
}

/// Whether a token is for this audience. Access tokens of Amazon Cognito have no `aud`, but the same
/// as `client_id`.
fn check_audience(audience: &str, claims: &Map<String, Value>) -> Result<(), AuthError> {
    let is_for_us = match claims.get("aud").or_else(|| claims.get("client_id")) {
        None => {
            return Err(AuthError::Malformed("it has no aud, which this service requires"));
        }
        Some(Value::Array(several)) => several.iter().any(|one| one == audience),
        Some(one) => one == audience,
    };
    if is_for_us { Ok(()) } else { Err(AuthError::Untrusted) }
}

fn problem(kind: &ErrorKind) -> AuthError {
    match kind {
        ErrorKind::InvalidSignature
        | ErrorKind::InvalidAlgorithm
        | ErrorKind::InvalidIssuer
        | ErrorKind::InvalidAudience => AuthError::Untrusted,
        ErrorKind::MissingRequiredClaim(name) => AuthError::Malformed(match name.as_str() {
            "iss" => "it has no iss, which this service requires",
            _ => "it needs the claims sub and exp",
        }),
        ErrorKind::Json(_) => {
            AuthError::Malformed("it needs the claims sub (text) and exp (number)")
        }
        _ => AuthError::Malformed("not a JWT that this service accepts"),
    }
}

/// The token of an `Authorization` header or of a socket's `connection_init`: after `Bearer`, or bare,
/// as AppSync's clients send it.
pub fn bearer(authorization: &str) -> Result<&str, AuthError> {
    let authorization = authorization.trim();
    if authorization.starts_with("AWS4-HMAC-SHA256") {
        return Err(AuthError::AwsSignature);
    }
    let token = match authorization.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        // A JWT has three parts, and so cannot be the name of a scheme.
        None if authorization.split('.').count() == 3 => authorization,
        _ => return Err(AuthError::NotBearer),
    };
    if token.is_empty() { Err(AuthError::NotBearer) } else { Ok(token) }
}
