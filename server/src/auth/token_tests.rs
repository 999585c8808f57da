//! Tokens, good and bad.

use std::time::Duration;

use gavel_core::auction::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};

use super::principal::{AuthError, Role};
use super::roles::RoleRules;
use super::token::{Rules, Verifier, bearer};
use crate::limits;

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

#[tokio::test]
async fn a_minted_token_makes_its_bearer_who_it_says() {
    let token = verifier().mint("ann", &[Role::Bidder, Role::Seller], NOW, MINUTE).unwrap();
    let ann = verifier().verify(&token, NOW).await.unwrap();
    assert_eq!(ann.user_id, Some("ann".into()));
    assert_eq!(ann.roles.iter().collect::<Vec<_>>(), vec![Role::Bidder, Role::Seller]);
    assert_eq!(ann.expires_at, Some(NOW.plus(MINUTE)));
    assert_eq!(ann.require(Role::Auctioneer), Err(AuthError::NotAllowed(Role::Auctioneer)));
}

#[tokio::test]
async fn a_token_ends_with_its_expiry_and_the_leeway() {
    let token = verifier().mint("ann", &[], NOW, MINUTE).unwrap();
    let end = NOW.plus(MINUTE).plus(limits::TOKEN_LEEWAY);
    assert!(verifier().verify(&token, Timestamp::from_micros(end.as_micros() - 1)).await.is_ok());
    assert_eq!(verifier().verify(&token, end).await, Err(AuthError::Expired));
}

#[tokio::test]
async fn a_token_of_another_secret_or_algorithm_is_untrusted() {
    let claims = serde_json::json!({"sub": "ann", "exp": 2_000_000_000, "roles": []});
    let other = "another secret of more than 32 bytes";
    let forged = signed(&Header::new(Algorithm::HS256), &claims, other);
    assert_eq!(verifier().verify(&forged, NOW).await, Err(AuthError::Untrusted));
    let hs512 = signed(&Header::new(Algorithm::HS512), &claims, SECRET);
    assert_eq!(verifier().verify(&hs512, NOW).await, Err(AuthError::Untrusted));
    // {"alg":"none"} with the same claims and no signature.
    let parts: Vec<&str> = forged.split('.').collect();
    let none = format!("eyJhbGciOiJub25lIn0.{}.", parts[1]);
    assert!(verifier().verify(&none, NOW).await.is_err());
}

#[tokio::test]
async fn a_token_without_expiry_or_with_a_bad_subject_is_malformed() {
    let header = Header::new(Algorithm::HS256);
    for claims in [
        serde_json::json!({"sub": "ann", "roles": ["bidder"]}),
        serde_json::json!({"exp": 2_000_000_000, "roles": ["bidder"]}),
        serde_json::json!({"sub": "", "exp": 2_000_000_000}),
        serde_json::json!({"sub": "a\nb", "exp": 2_000_000_000}),
        serde_json::json!({"sub": "x".repeat(129), "exp": 2_000_000_000}),
        serde_json::json!({"sub": "ann\u{200b}", "exp": 2_000_000_000}),
        serde_json::json!({"sub": "\u{202e}nna", "exp": 2_000_000_000}),
        serde_json::json!({"sub": "ann ", "exp": 2_000_000_000}),
        serde_json::json!({"sub": "ann", "exp": "2000000000"}),
        serde_json::json!({"sub": "ann", "exp": null}),
        serde_json::json!({"sub": "ann", "exp": 2_000_000_000, "roles": 5}),
        serde_json::json!({"sub": "ann", "exp": 2_000_000_000, "roles": {"bidder": true}}),
    ] {
        let token = signed(&header, &claims, SECRET);
        let result = verifier().verify(&token, NOW).await;
        assert!(matches!(result, Err(AuthError::Malformed(_))), "{claims}: {result:?}");
    }
    assert!(verifier().verify(&"x".repeat(100_000), NOW).await.is_err());
}

#[tokio::test]
async fn times_may_have_a_fraction() {
    let header = Header::new(Algorithm::HS256);
    let at = async |claims: serde_json::Value| {
        let principal = verifier().verify(&signed(&header, &claims, SECRET), NOW).await?;
        Ok(principal.expires_at.unwrap().as_micros())
    };
    let expiring = |exp: f64| serde_json::json!({"sub": "ann", "exp": exp});
    assert_eq!(at(expiring(1_800_000_000.25)).await, Ok(1_800_000_000_250_000));
    assert_eq!(at(expiring(1_799_999_994.5)).await, Err(AuthError::Expired), "5.5 s ago");
    assert!(at(expiring(1.8e18)).await.is_ok(), "beyond all times");
    let early = serde_json::json!({"sub": "ann", "exp": 2e9, "nbf": 1_800_000_005.5});
    assert_eq!(at(early).await, Err(AuthError::NotYet));
}

#[tokio::test]
async fn a_header_that_demands_more_than_is_known_is_refused() {
    let claims = serde_json::json!({"sub": "ann", "exp": 2_000_000_000, "roles": []});
    let mut header = Header::new(Algorithm::HS256);
    assert!(verifier().verify(&signed(&header, &claims, SECRET), NOW).await.is_ok());
    for crit in [vec!["exp"], vec!["b64", "x"], vec![]] {
        header.crit = Some(crit.into_iter().map(str::to_owned).collect());
        let refused = verifier().verify(&signed(&header, &claims, SECRET), NOW).await;
        assert!(matches!(refused, Err(AuthError::Malformed(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn roles_are_of_the_claim_that_is_configured_in_any_case_and_form() {
    let header = Header::new(Algorithm::HS256);
    let groups = RoleRules { claim: "cognito:groups".into(), ..RoleRules::default() };
    let rules = Rules { roles: groups, ..Rules::default() };
    let cognito = Verifier::new(SECRET, rules).unwrap();
    let both = serde_json::json!({
        "sub": "ann", "exp": 2_000_000_000, "roles": ["auctioneer"],
        "cognito:groups": ["SELLER", "Bidder", "other", 7],
    });
    let token = signed(&header, &both, SECRET);
    let of = async |verifier: &Verifier| {
        let ann = verifier.verify(&token, NOW).await.unwrap();
        Role::ALL.map(|role| ann.roles.has(role))
    };
    assert_eq!(of(&cognito).await, [true, true, false, false]);
    assert_eq!(of(&verifier()).await, [false, false, true, false]);
    let scope = serde_json::json!({"sub": "ann", "exp": 2_000_000_000, "roles": "bidder openid"});
    let scope = verifier().verify(&signed(&header, &scope, SECRET), NOW).await.unwrap().roles;
    assert!(scope.has(Role::Bidder) && !scope.has(Role::Seller));
    let minted = cognito.mint("ann", &[Role::Seller], NOW, MINUTE).unwrap();
    assert!(cognito.verify(&minted, NOW).await.unwrap().roles.has(Role::Seller));
    assert!(!verifier().verify(&minted, NOW).await.unwrap().roles.has(Role::Seller));
}

#[tokio::test]
async fn issuer_and_audience_are_demanded_when_configured() {
    let rules =
        Rules { issuer: Some("us".into()), audience: Some("gavel".into()), ..Rules::default() };
    let strict = Verifier::new(SECRET, rules).unwrap();
    let plain = verifier().mint("ann", &[], NOW, MINUTE).unwrap();
    assert!(strict.verify(&plain, NOW).await.is_err());
    let good = strict.mint("ann", &[], NOW, MINUTE).unwrap();
    assert!(strict.verify(&good, NOW).await.is_ok());
}

#[tokio::test]
async fn an_access_token_without_aud_is_for_its_client_id() {
    let rules = Rules { audience: Some("gavel".into()), ..Rules::default() };
    let strict = Verifier::new(SECRET, rules).unwrap();
    let verdict = async |more: serde_json::Value| {
        let mut claims = serde_json::json!({"sub": "ann", "exp": 2_000_000_000});
        more.as_object().unwrap().iter().for_each(|(name, value)| claims[name] = value.clone());
        let token = signed(&Header::new(Algorithm::HS256), &claims, SECRET);
        strict.verify(&token, NOW).await.map(|_| ())
    };
    let json = |text: &str| serde_json::from_str(text).unwrap();
    for good in [r#"{"aud":"gavel"}"#, r#"{"aud":["x","gavel"]}"#, r#"{"client_id":"gavel"}"#] {
        assert_eq!(verdict(json(good)).await, Ok(()), "{good}");
    }
    for bad in [
        r#"{"aud":"x","client_id":"gavel"}"#,
        r#"{"aud":[]}"#,
        r#"{"client_id":"x"}"#,
        r#"{"client_id":["gavel"],"aud":7}"#,
    ] {
        assert_eq!(verdict(json(bad)).await, Err(AuthError::Untrusted), "{bad}");
    }
    assert!(matches!(verdict(json("{}")).await, Err(AuthError::Malformed(_))));
}

#[tokio::test]
async fn a_short_secret_is_refused_and_none_is_ever_shown() {
    assert!(Verifier::new("short", Rules::default()).is_err());
    assert!(!format!("{:?}", verifier()).contains(SECRET));
}

#[tokio::test]
async fn a_token_is_bearer_or_bare_and_nothing_else_is_an_authorization() {
    assert_eq!(bearer("Bearer abc"), Ok("abc"));
    assert_eq!(bearer("bearer  abc "), Ok("abc"));
    assert_eq!(bearer(" a.b.c"), Ok("a.b.c"));
    for bad in
        ["", "abc", "Basic abc", "Bearer ", "Bearer", "a.b", "a.b.c.d", "a.b.c d", "Basic a.b.c"]
    {
        assert_eq!(bearer(bad), Err(AuthError::NotBearer), "{bad:?}");
    }
    let signature = "AWS4-HMAC-SHA256 Credential=AKIA/20261127/eu-west-1/appsync/aws4_request";
    assert_eq!(bearer(signature), Err(AuthError::AwsSignature));
}
