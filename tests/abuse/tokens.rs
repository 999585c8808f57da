//! Tokens: only what was signed is believed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gavel_core::auction::Timestamp;
use gavel_server::auth::token::{Rules, Verifier, bearer};
use gavel_server::auth::{Principal, Role};
use proptest::prelude::*;
use serde_json::json;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const HOUR: Duration = Duration::from_secs(3600);

fn verifier() -> Verifier {
    Verifier::new("a secret of the abuse tests, long enough", Rules::default()).unwrap()
}

fn verify(token: &str) -> Option<Principal> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(verifier().verify(token, NOW)).ok()
}

proptest! {
    #[test]
    fn any_text_is_no_token(text in "\\PC*|[A-Za-z0-9_-]{0,40}(\\.[A-Za-z0-9_-]{0,80}){0,3}") {
        drop(bearer(&text));
        prop_assert_eq!(verify(&text), None);
    }

    #[test]
    fn a_token_with_any_character_changed_is_no_token(
        at in any::<prop::sample::Index>(),
        other in "[A-Za-z0-9_.=-]",
    ) {
        let good = verifier().mint("ann", &[Role::Bidder], NOW, HOUR).unwrap();
        let at = at.index(good.len());
        let mut changed = good.clone();
        changed.replace_range(at..=at, &other);
        // The last character of the signature holds four bits that mean nothing.
        let same = URL_SAFE_NO_PAD.decode(good.rsplit('.').next().unwrap()).ok()
            == URL_SAFE_NO_PAD.decode(changed.rsplit('.').next().unwrap()).ok();
        if changed != good && !(same && at + 1 == good.len()) {
            prop_assert_eq!(verify(&changed), None);
        }
    }

    #[test]
    fn claims_under_another_s_signature_are_not_believed(
        algorithm in "none|None|HS256|HS512|RS256|[A-Z0-9]{0,6}",
        sub in "[a-z]{1,8}",
    ) {
        let good = verifier().mint("ann", &[Role::Observer], NOW, HOUR).unwrap();
        let signature = good.rsplit('.').next().unwrap();
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = part(json!({ "alg": algorithm, "typ": "JWT" }));
        let claims = part(json!({ "sub": sub, "roles": ["auctioneer"], "exp": 9_999_999_999_u64 }));
        for signature in ["", signature] {
            prop_assert_eq!(verify(&format!("{header}.{claims}.{signature}")), None);
        }
    }
}
