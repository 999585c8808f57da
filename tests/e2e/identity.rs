//! Callers without a secret or a JWK set: an issuer's metadata, API keys, an authorizer.

use e2e::hook::{Hook, admits};
use e2e::issuer::{Key, Published, jwks};
use e2e::{Gavel, Socket, code, soon};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

const ME: &str = "{ me { id roles } }";

/// Who somebody with these headers is: the user's id and roles, or the code of the refusal.
async fn who(gavel: &Gavel, headers: &[(&str, &str)]) -> String {
    let mut all = vec![("content-type", "application/json")];
    all.extend(headers);
    let (_, response) = gavel.post(json!({ "query": ME }).to_string(), &all).await;
    if response["errors"] != Value::Null {
        return code(&response["errors"][0]).to_owned();
    }
    let me = &response["data"]["me"];
    format!("{} {}", me["id"].as_str().unwrap_or("-"), me["roles"])
}

/// A file of API keys, and the keys.
fn api_keys(entries: &[(&str, &str)]) -> (String, Vec<String>) {
    let made = entries.iter().map(|(name, role)| {
        let role = gavel_server::auth::Role::named(role).unwrap();
        gavel_server::auth::api_keys::generate(name, role, None).unwrap()
    });
    let (keys, entries): (Vec<String>, Vec<_>) = made.unzip();
    (json!({ "keys": entries }).to_string(), keys)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuers_metadata_leads_to_its_keys() {
    let key = Key::new("k", Algorithm::ES256);
    let keys = Published::new(jwks(&[&key])).await;
    let metadata = Published::new(String::new()).await;
    let issuer = metadata.url.trim_end_matches("/jwks.json").to_owned();
    let document = json!({ "issuer": issuer, "jwks_uri": keys.url }).to_string();
    metadata.document.send_replace(document);
    let gavel = Gavel::with(&[
        "--oidc-issuer",
        &issuer,
        "--jwt-role-map",
        "Buyers=bidder,Staff=auctioneer",
        "--jwt-roles-claim",
        "realm_access.roles",
        "--jwt-default-role",
        "observer",
    ])
    .await;
    let token = |iss: &str, roles: Value| {
        let claims = json!({ "sub": "ann", "exp": 9_999_999_999_u64, "iss": iss,
                             "realm_access": { "roles": roles } });
        format!("Bearer {}", key.sign(&claims))
    };
    for (iss, roles, expected) in [
        (issuer.as_str(), json!(["Buyers", "seller"]), r#"ann ["BIDDER"]"#),
        (issuer.as_str(), json!([]), r#"ann ["OBSERVER"]"#),
        ("http://127.0.0.1:1", json!(["Buyers"]), "UNAUTHENTICATED"),
    ] {
        assert_eq!(who(&gavel, &[("authorization", &token(iss, roles))]).await, expected);
    }
    gavel.stop().await.unwrap();
    for wrong in ["http://127.0.0.1:1", &format!("{issuer}/")] {
        let args = e2e::gavel::args(&["--oidc-issuer", wrong]);
        let stop = tokio_util::sync::CancellationToken::new();
        let run = gavel_server::app::run(args, stop, |_| panic!("it must not start"));
        let error = format!("{:#}", run.await.unwrap_err());
        assert!(error.starts_with("--oidc-issuer") && !error.contains('\n'), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_is_taken_over_http_and_sockets_until_it_leaves_the_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (text, keys) = api_keys(&[("page", "observer"), ("importer", "seller")]);
    std::fs::write(file.path(), text).unwrap();
    let path = file.path().to_str().unwrap();
    let gavel = Gavel::with(&["--api-keys", path, "--anonymous", "off"]).await;
    let [page, importer] = <[String; 2]>::try_from(keys).unwrap();
    assert_eq!(who(&gavel, &[("x-api-key", &page)]).await, r#"- ["OBSERVER"]"#);
    let seller = r#"api-key:importer ["SELLER"]"#;
    assert_eq!(who(&gavel, &[("x-api-key", &importer)]).await, seller);
    assert_eq!(who(&gavel, &[]).await, "UNAUTHENTICATED");
    let token = format!("Bearer {}", gavel.token("ann", &["bidder"]));
    for bad in [
        vec![("x-api-key", "gvl-0")],
        vec![("x-api-key", "")],
        vec![("x-api-key", page.as_str()), ("authorization", token.as_str())],
        vec![("x-api-key", page.as_str()), ("x-api-key", importer.as_str())],
    ] {
        assert_eq!(who(&gavel, &bad).await, "UNAUTHENTICATED", "{bad:?}");
    }
    let mut socket = Socket::try_open(&gavel.base, &[("x-api-key", &page)]).await.unwrap();
    socket.init(None).await;

    let (text, keys) = api_keys(&[("page", "observer")]);
    std::fs::write(file.path(), text).unwrap();
    soon("the new key is taken", async || {
        who(&gavel, &[("x-api-key", &keys[0])]).await == r#"- ["OBSERVER"]"#
    })
    .await;
    assert_eq!(who(&gavel, &[("x-api-key", &page)]).await, "UNAUTHENTICATED");
    // A file that is broken changes nothing.
    std::fs::write(file.path(), "{").unwrap();
    tokio::time::sleep(2 * gavel_server::limits::API_KEYS_CHECK_EVERY).await;
    assert_eq!(who(&gavel, &[("x-api-key", &keys[0])]).await, r#"- ["OBSERVER"]"#);
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authorizer_is_asked_once_for_each_token_and_denies_what_it_does_not_answer() {
    let hook = Hook::new(|token| match token {
        "opaque-ann" | "Bearer opaque-ann" => admits("ann", "bidder seller"),
        _ => json!({ "isAuthorized": false, "ttlOverride": 60 }),
    })
    .await;
    let gavel = Gavel::with(&["--authorizer", &hook.url]).await;
    let ann = [("authorization", "opaque-ann")];
    for _ in 0..3 {
        assert_eq!(who(&gavel, &ann).await, r#"ann ["BIDDER","SELLER"]"#);
        assert_eq!(who(&gavel, &[("authorization", "opaque-bob")]).await, "UNAUTHENTICATED");
    }
    assert_eq!(hook.asked(), 2, "its answers hold");
    // A JWT is verified here, by the secret.
    let token = format!("Bearer {}", gavel.token("eve", &["bidder"]));
    assert_eq!(who(&gavel, &[("authorization", &token)]).await, r#"eve ["BIDDER"]"#);
    assert_eq!(who(&gavel, &[("authorization", "a.b.c")]).await, "UNAUTHENTICATED");
    assert_eq!(hook.asked(), 2);
    let mut socket = Socket::open(&gavel.base).await;
    socket.begin(Some("opaque-ann")).await;
    assert_eq!(socket.message().await["type"], "connection_ack");
    assert_eq!(hook.asked(), 3, "another text is another token");

    hook.answers(|_| json!({ "isAuthorized": "perhaps" }));
    assert_eq!(who(&gavel, &[("authorization", "opaque-carl")]).await, "UNAUTHENTICATED");
    assert_eq!(who(&gavel, &ann).await, r#"ann ["BIDDER","SELLER"]"#, "who is known stays");
    gavel.stop().await.unwrap();

    // Without anybody else who signs tokens, it checks JWTs, too.
    let hook = Hook::new(|token| admits(token.split('.').next().unwrap_or_default(), "")).await;
    let gavel = Gavel::with(&["--authorizer", &hook.url, "--jwt-secret", ""]).await;
    assert_eq!(who(&gavel, &[("authorization", "carl.b.c")]).await, "carl []");
    gavel.stop().await.unwrap();
}
