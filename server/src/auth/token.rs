//! Tokens: JWT signed with HS256, and nothing else.

use std::fmt;
use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::principal::{AuthError, Principal, Role, RoleSet};
use crate::auction::{Timestamp, UserId};
use crate::limits;

/// Claims of a token.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    sub: String,
    #[serde(default)]
    roles: Vec<String>,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<String>,
}

/// What tokens must say beside their signature.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// The `iss` they must have.
    pub issuer: Option<String>,
    /// The `aud` they must have.
    pub audience: Option<String>,
}

/// The secret is too short to sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be at least {} bytes of random text", limits::JWT_SECRET_BYTES_MIN)]
pub struct SecretError;

/// Verifies tokens, and mints those that are printed at start.
#[derive(Clone)]
pub struct Verifier {
    decoding: DecodingKey,
    encoding: EncodingKey,
    validation: Validation,
    rules: Rules,
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
        // The algorithm is pinned: what the token's header says of itself is not trusted.
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["exp", "sub"]);
        // Expiry is checked here, by the service's own clock.
        validation.validate_exp = false;
        if let Some(issuer) = &rules.issuer {
            validation.set_issuer(&[issuer]);
            validation.required_spec_claims.insert("iss".to_owned());
        }
        match &rules.audience {
            Some(audience) => {
                validation.set_audience(&[audience]);
                validation.required_spec_claims.insert("aud".to_owned());
            }
            None => validation.validate_aud = false,
        }
        Ok(Self {
            decoding: DecodingKey::from_secret(secret.as_bytes()),
            encoding: EncodingKey::from_secret(secret.as_bytes()),
            validation,
            rules,
        })
    }

    /// Who a token makes its bearer at a time. Unknown roles are ignored: they allow nothing.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Principal, AuthError> {
        if token.len() > limits::TOKEN_BYTES_MAX {
            return Err(AuthError::Malformed("too long"));
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation)
            .map_err(|error| problem(error.kind()))?
            .claims;
        let expires_at = Timestamp::from_micros(claims.exp.saturating_mul(1_000_000));
        if now >= expires_at.plus(limits::TOKEN_LEEWAY) {
            return Err(AuthError::Expired);
        }
        let sub = claims.sub;
        let sub_is_good = (1..=limits::USER_ID_BYTES_MAX).contains(&sub.len())
            && !sub.chars().any(char::is_control);
        if !sub_is_good {
            return Err(AuthError::Malformed("sub must be 1 to 128 bytes of printable text"));
        }
        let named = |name: &String| Role::ALL.into_iter().find(|role| role.name() == *name);
        let roles: RoleSet = claims.roles.iter().filter_map(named).collect();
        Ok(Principal { user_id: Some(UserId::from(sub)), roles, expires_at: Some(expires_at) })
    }

    /// A token that this verifier accepts. `None`: it cannot be encoded.
    pub fn mint(&self, sub: &str, roles: &[Role], now: Timestamp, ttl: Duration) -> Option<String> {
        let claims = Claims {
            sub: sub.to_owned(),
            roles: roles.iter().map(|role| role.name().to_owned()).collect(),
            exp: now.plus(ttl).as_micros() / 1_000_000,
            iss: self.rules.issuer.clone(),
            aud: self.rules.audience.clone(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding).ok()
    }
}

fn problem(kind: &ErrorKind) -> AuthError {
    match kind {
        ErrorKind::InvalidSignature
        | ErrorKind::InvalidAlgorithm
        | ErrorKind::InvalidIssuer
        | ErrorKind::InvalidAudience => AuthError::Untrusted,
        ErrorKind::MissingRequiredClaim(_) => {
            AuthError::Malformed("it needs the claims sub and exp, and iss and aud if configured")
        }
        ErrorKind::Json(_) => AuthError::Malformed("its claims are sub, roles (array) and exp"),
        _ => AuthError::Malformed("not a JWT signed with HS256"),
    }
}

/// The token of an `Authorization` header or of a socket's `connection_init`.
pub fn bearer(authorization: &str) -> Result<&str, AuthError> {
    let (scheme, token) = authorization.trim().split_once(' ').ok_or(AuthError::NotBearer)?;
    let token = token.trim();
    let is_bearer = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty();
    if is_bearer { Ok(token) } else { Err(AuthError::NotBearer) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
    const MINUTE: Duration = Duration::from_secs(60);

    fn verifier() -> Verifier {
        Verifier::new(SECRET, Rules::default()).unwrap()
    }

    fn signed(header: &Header, claims: &serde_json::Value, secret: &str) -> String {
        let key = EncodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::encode(header, claims, &key).unwrap()
    }

    #[test]
    fn a_minted_token_makes_its_bearer_who_it_says() {
        let token = verifier().mint("ann", &[Role::Bidder, Role::Seller], NOW, MINUTE).unwrap();
        let ann = verifier().verify(&token, NOW).unwrap();
        assert_eq!(ann.user_id, Some("ann".into()));
        assert_eq!(ann.roles.iter().collect::<Vec<_>>(), vec![Role::Bidder, Role::Seller]);
        assert_eq!(ann.expires_at, Some(NOW.plus(MINUTE)));
        assert_eq!(ann.require(Role::Auctioneer), Err(AuthError::NotAllowed(Role::Auctioneer)));
    }

    #[test]
    fn a_token_ends_with_its_expiry_and_the_leeway() {
        let token = verifier().mint("ann", &[], NOW, MINUTE).unwrap();
        let end = NOW.plus(MINUTE).plus(limits::TOKEN_LEEWAY);
        assert!(verifier().verify(&token, Timestamp::from_micros(end.as_micros() - 1)).is_ok());
        assert_eq!(verifier().verify(&token, end), Err(AuthError::Expired));
    }

    #[test]
    fn a_token_of_another_secret_or_algorithm_is_untrusted() {
        let claims = serde_json::json!({"sub": "ann", "exp": 2_000_000_000, "roles": []});
        let other = "another secret of more than 32 bytes";
        let forged = signed(&Header::new(Algorithm::HS256), &claims, other);
        assert_eq!(verifier().verify(&forged, NOW), Err(AuthError::Untrusted));
        let hs512 = signed(&Header::new(Algorithm::HS512), &claims, SECRET);
        assert_eq!(verifier().verify(&hs512, NOW), Err(AuthError::Untrusted));
        // {"alg":"none"} with the same claims and no signature.
        let parts: Vec<&str> = forged.split('.').collect();
        let none = format!("eyJhbGciOiJub25lIn0.{}.", parts[1]);
        assert!(verifier().verify(&none, NOW).is_err());
    }

    #[test]
    fn a_token_without_expiry_or_with_a_bad_subject_is_malformed() {
        let header = Header::new(Algorithm::HS256);
        for claims in [
            serde_json::json!({"sub": "ann", "roles": ["bidder"]}),
            serde_json::json!({"exp": 2_000_000_000, "roles": ["bidder"]}),
            serde_json::json!({"sub": "", "exp": 2_000_000_000}),
            serde_json::json!({"sub": "a\nb", "exp": 2_000_000_000}),
            serde_json::json!({"sub": "x".repeat(129), "exp": 2_000_000_000}),
            serde_json::json!({"sub": "ann", "exp": 2_000_000_000, "roles": "bidder"}),
        ] {
            let token = signed(&header, &claims, SECRET);
            let result = verifier().verify(&token, NOW);
            assert!(matches!(result, Err(AuthError::Malformed(_))), "{claims}: {result:?}");
        }
        assert!(verifier().verify(&"x".repeat(100_000), NOW).is_err());
    }

    #[test]
    fn issuer_and_audience_are_demanded_when_configured() {
        let rules = Rules { issuer: Some("us".into()), audience: Some("gavel".into()) };
        let strict = Verifier::new(SECRET, rules).unwrap();
        let plain = verifier().mint("ann", &[], NOW, MINUTE).unwrap();
        assert!(strict.verify(&plain, NOW).is_err());
        let good = strict.mint("ann", &[], NOW, MINUTE).unwrap();
        assert!(strict.verify(&good, NOW).is_ok());
    }

    #[test]
    fn a_short_secret_is_refused_and_none_is_ever_shown() {
        assert!(Verifier::new("short", Rules::default()).is_err());
        assert!(!format!("{:?}", verifier()).contains(SECRET));
    }

    #[test]
    fn only_bearer_is_an_authorization() {
        assert_eq!(bearer("Bearer abc"), Ok("abc"));
        assert_eq!(bearer("bearer  abc "), Ok("abc"));
        for bad in ["", "abc", "Basic abc", "Bearer ", "Bearer"] {
            assert_eq!(bearer(bad), Err(AuthError::NotBearer), "{bad:?}");
        }
    }
}
