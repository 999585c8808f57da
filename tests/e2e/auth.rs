//! Who may do what: keys of an issuer, tokens that end on an open socket, views that follow.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use client_sim::clock::now_us;
use client_sim::service::token::Mint;
use e2e::issuer::{Key, Published, jwks};
use e2e::{Gavel, Socket, code};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_secs(3600);
const ME: &str = "{ me { id roles } }";
const RENEW: &str = "mutation($t: String!) { renewToken(token: $t) { userId roles } }";

/// Who a token makes its bearer, or the code of the refusal.
async fn who(gavel: &Gavel, token: &str) -> Result<String, String> {
    let response = gavel.graphql(Some(token), ME, json!({})).await;
    match response["data"]["me"]["id"].as_str() {
        Some(id) => Ok(id.to_owned()),
        None => Err(code(&response["errors"][0]).to_owned()),
    }
}

fn untrusted() -> Result<String, String> {
    Err("UNAUTHENTICATED".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_an_issuer_are_taken_rotated_and_pinned_to_their_algorithm() {
    let ed = Key::new("ed", Algorithm::EdDSA);
    let ec = Key::new("ec", Algorithm::ES256);
    let rsa = Key::new("rsa", Algorithm::RS256);
    let published = Published::new(jwks(&[&ed, &ec, &rsa])).await;
    let gavel = Gavel::with(&["--jwks", &published.url]).await;
    for key in [&ed, &ec, &rsa] {
        assert_eq!(who(&gavel, &key.token("ann", &["bidder"], HOUR)).await, Ok("ann".to_owned()));
    }
    // The same name with another key, or another kind of key.
    let other = Key::new("ed", Algorithm::EdDSA);
    assert_eq!(who(&gavel, &other.token("ann", &[], HOUR)).await, untrusted());
    let crossed = Key::new("rsa", Algorithm::EdDSA);
    assert_eq!(who(&gavel, &crossed.token("ann", &[], HOUR)).await, untrusted());
    assert_eq!(who(&gavel, &confused(&rsa)).await, untrusted());
    assert_eq!(who(&gavel, &unsigned("rsa")).await, untrusted());

    // A new key is fetched when a token names it; a key that was taken out is no longer taken.
    let next = Key::new("next", Algorithm::ES256);
    published.document.send_replace(jwks(&[&next]));
    assert_eq!(who(&gavel, &next.token("bob", &[], HOUR)).await, Ok("bob".to_owned()));
    assert_eq!(who(&gavel, &ed.token("ann", &[], HOUR)).await, untrusted());
    // An issuer that is down changes nothing; and names that are made up cost one fetch a while.
    published.document.send_replace(String::new());
    let asked = *published.asked.borrow();
    for n in 0..50 {
        let made_up = Key::new(&format!("made-up-{n}"), Algorithm::EdDSA);
        assert_eq!(who(&gavel, &made_up.token("ann", &[], HOUR)).await, untrusted());
    }
    assert!(*published.asked.borrow() <= asked + 1, "a flood of names is no flood of fetches");
    assert_eq!(who(&gavel, &next.token("bob", &[], HOUR)).await, Ok("bob".to_owned()));
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_key_of_a_set_can_be_taken_out_too() {
    let last = Key::new("last", Algorithm::EdDSA);
    let published = Published::new(jwks(&[&last])).await;
    let gavel = Gavel::with(&["--jwks", &published.url]).await;
    assert_eq!(who(&gavel, &last.token("ann", &[], HOUR)).await, Ok("ann".to_owned()));
    published.document.send_replace(jwks(&[]));
    // A name that is new has the set fetched again.
    let other = Key::new("other", Algorithm::EdDSA);
    assert_eq!(who(&gavel, &other.token("ann", &[], HOUR)).await, untrusted());
    assert_eq!(who(&gavel, &last.token("ann", &[], HOUR)).await, untrusted());
    gavel.stop().await.unwrap();
}

/// A token signed with HS256, whose secret is the issuer's public key as anybody can read it.
fn confused(key: &Key) -> String {
    let public = key.public();
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("rsa".to_owned());
    let modulus = URL_SAFE_NO_PAD.decode(public["n"].as_str().unwrap()).unwrap();
    let claims = json!({ "sub": "ann", "roles": ["auctioneer"], "exp": 9_999_999_999_u64 });
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&modulus)).unwrap()
}

fn unsigned(kid: &str) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({ "alg": "none", "typ": "JWT", "kid": kid }));
    let claims = part(json!({ "sub": "ann", "exp": 9_999_999_999_u64 }));
    format!("{header}.{claims}.")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jwk_set_may_be_a_file_and_issuer_and_audience_are_demanded() {
    let key = Key::new("k", Algorithm::EdDSA);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), jwks(&[&key])).unwrap();
    let path = file.path().to_str().unwrap();
    let flags = ["--jwks", path, "--jwt-issuer", "https://id.example", "--jwt-audience", "gavel"];
    let gavel = Gavel::with(&flags).await;
    let claims = json!({ "sub": "ann", "exp": 9_999_999_999_u64, "iss": "https://id.example",
                         "aud": ["gavel", "other"] });
    assert_eq!(who(&gavel, &key.sign(&claims)).await, Ok("ann".to_owned()));
    for (field, value) in [
        ("iss", json!("https://evil.example")),
        ("iss", Value::Null),
        ("aud", json!("other")),
        ("aud", Value::Null),
        ("exp", json!(1_000_000_000)),
        ("exp", Value::Null),
        ("nbf", json!(9_999_999_998_u64)),
        ("sub", json!("")),
        ("sub", Value::Null),
    ] {
        let mut bad = claims.clone();
        bad[field] = value.clone();
        assert_eq!(who(&gavel, &key.sign(&bad)).await, untrusted(), "{field}: {value}");
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jwk_set_that_cannot_be_read_or_used_stops_the_start_in_one_line() {
    let empty = Published::new(json!({ "keys": [] }).to_string()).await;
    for source in ["/nowhere/jwks.json", "http://127.0.0.1:1/jwks", empty.url.as_str()] {
        let args = e2e::gavel::args(&["--jwks", source]);
        let stop = tokio_util::sync::CancellationToken::new();
        let run = gavel_server::app::run(args, stop, |_| panic!("it must not start"));
        let error = format!("{:#}", run.await.unwrap_err());
        assert!(error.starts_with("--jwks") && !error.contains('\n'), "{error}");
    }
}

async fn admitted(gavel: &Gavel, token: &str) -> (Socket, Value) {
    let mut socket = Socket::open(&gavel.base).await;
    let payload = json!({ "authorization": format!("Bearer {token}") });
    socket.send(json!({ "type": "connection_init", "payload": payload })).await;
    let ack = socket.message().await;
    assert_eq!(ack["type"], "connection_ack");
    (socket, ack["payload"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_is_told_of_its_token_s_end_and_ends_with_it_unless_it_renews() {
    let gavel = Gavel::with(&["--jwt-leeway-seconds", "1"]).await;
    let id = gavel.auction(json!({})).await;
    let short = |user: &str| {
        let life = Duration::from_secs(3);
        Mint::new(gavel.secret()).token(user, &["bidder"], life).unwrap()
    };
    let (mut lapsing, ack) = admitted(&gavel, &short("ann")).await;
    assert!(ack["tokenExpiresAt"].as_str().unwrap().ends_with('Z'), "{ack}");
    let (mut renewing, _) = admitted(&gavel, &short("bob")).await;
    for socket in [&mut lapsing, &mut renewing] {
        let ping = socket.ping().await;
        let left_ms = ping["payload"]["tokenExpiresInMs"].as_u64().unwrap();
        assert!(left_ms <= 3000, "{ping}");
    }
    let watch = "subscription($id: ID!) { bidCreated(auctionId: $id, after: 0) { sequence } }";
    renewing.subscribe("w", watch, json!({ "id": id })).await;
    // Another's token is no renewal.
    let other = gavel.token("ann", &["bidder"]);
    renewing.subscribe("x", RENEW, json!({ "t": other })).await;
    assert_eq!(code(&renewing.next("x").await["errors"][0]), "FORBIDDEN");
    assert_eq!(renewing.message().await["type"], "complete");
    let long = gavel.token("bob", &["bidder"]);
    renewing.subscribe("r", RENEW, json!({ "t": long })).await;
    assert_eq!(renewing.next("r").await["data"]["renewToken"]["userId"], "bob");
    assert_eq!(renewing.message().await["type"], "complete");

    let began = now_us();
    let (code, reason) = lapsing.closed().await;
    assert_eq!((code, reason.as_str()), (4403, "Token expired"));
    assert!(now_us() - began < 6_000_000, "three seconds and a grace of one");
    gavel.bid("ann", &id, 1000).await;
    assert_eq!(renewing.next("w").await["data"]["bidCreated"]["sequence"], 1);
    renewing.lives().await;
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_token_changes_what_a_running_subscription_shows() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({ "reservePrice": "5000" })).await;
    let watch =
        "subscription($id: ID!) { auctionUpdated(auctionId: $id) { version reservePrice } }";
    let (mut socket, _) = admitted(&gavel, &gavel.token("seller", &["seller"])).await;
    let mut public = gavel.socket(None).await;
    for socket in [&mut socket, &mut public] {
        socket.subscribe("w", watch, json!({ "id": id })).await;
    }
    let shown = |payload: Value| payload["data"]["auctionUpdated"]["reservePrice"].clone();
    assert_eq!(shown(socket.next("w").await), "5000");
    assert_eq!(shown(public.next("w").await), Value::Null);

    // The same user, no longer a seller: the subscription goes on with what is public.
    for (roles, expected) in
        [(["bidder"], Value::Null), (["auctioneer"], json!("5000")), (["observer"], Value::Null)]
    {
        let token = gavel.token("seller", &roles);
        socket.subscribe("r", RENEW, json!({ "t": token })).await;
        let mut seen = Vec::new();
        while seen.len() < 3 {
            let message = socket.message().await;
            if message["id"] == "w" {
                assert_eq!(shown(message["payload"].clone()), expected, "{roles:?}");
                seen.push("w");
            } else {
                seen.push("r");
            }
        }
        assert_eq!(seen.iter().filter(|id| **id == "w").count(), 1, "{roles:?}: {seen:?}");
    }
    gavel.bid("ann", &id, 1000).await;
    assert_eq!(shown(socket.next("w").await), Value::Null);
    assert_eq!(shown(public.next("w").await), Value::Null);
    socket.lives().await;
    gavel.stop().await.unwrap();
}
