//! An issuer of tokens with keys of its own, and the JWK set that it publishes.

use std::time::Duration;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use client_sim::clock::now_us;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A private key with a name.
pub struct Key {
    kid: String,
    algorithm: Algorithm,
    encoding: EncodingKey,
    public: Value,
}

impl Key {
    /// A new key.
    pub fn new(kid: &str, algorithm: Algorithm) -> Self {
        let (encoding, public) = match algorithm {
            Algorithm::EdDSA => {
                let key = Ed25519KeyPair::generate().expect("a key");
                let x = URL_SAFE_NO_PAD.encode(key.public_key().as_ref());
                let public = json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
                (EncodingKey::from_ed_der(key.to_pkcs8v1().expect("DER").as_ref()), public)
            }
            Algorithm::ES256 => {
                let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
                let encoding = EncodingKey::from_ec_der(key.to_pkcs8v1().expect("DER").as_ref());
                public_half(encoding, algorithm)
            }
            Algorithm::RS256 => {
                let key = KeyPair::generate(KeySize::Rsa2048).expect("a key");
                let pkcs8 = key.as_der().expect("DER");
                // The PKCS #1 key lies behind 26 bytes of PKCS #8.
                public_half(EncodingKey::from_rsa_der(&pkcs8.as_ref()[26..]), algorithm)
            }
            other => panic!("no keys for {other:?}"),
        };
        Self { kid: kid.to_owned(), algorithm, encoding, public }
    }

    /// A token of a user.
    pub fn token(&self, user: &str, roles: &[&str], life: Duration) -> String {
        let exp = now_us() / 1_000_000 + i64::try_from(life.as_secs()).expect("short");
        self.sign(&json!({ "sub": user, "roles": roles, "exp": exp }))
    }

    /// A token of any claims.
    pub fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.kid.clone());
        encode(&header, claims, &self.encoding).expect("a token")
    }

    /// Its public half.
    pub fn public(&self) -> Value {
        let mut public = self.public.clone();
        public["kid"] = json!(self.kid);
        public
    }
}

fn public_half(encoding: EncodingKey, algorithm: Algorithm) -> (EncodingKey, Value) {
    let jwk = Jwk::from_encoding_key(&encoding, algorithm).expect("a JWK");
    let public = serde_json::to_value(jwk).expect("JSON");
    (encoding, public)
}

/// The JWK set of these keys.
pub fn jwks(keys: &[&Key]) -> String {
    json!({ "keys": keys.iter().map(|key| key.public()).collect::<Vec<_>>() }).to_string()
}

/// A document that is not served: who asks waits for the next one.
pub const SILENCE: &str = "silence";

/// Serves a JWK set that can be changed, or taken away.
pub struct Published {
    /// Where it is.
    pub url: String,
    /// What it is; empty is answered with 500, and [`SILENCE`] only when it has changed.
    pub document: watch::Sender<String>,
    /// How often it was asked for.
    pub asked: watch::Receiver<u32>,
    _serving: JoinSet<()>,
}

impl Published {
    /// Starts to serve a set.
    pub async fn new(document: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/jwks.json", listener.local_addr().expect("bound"));
        let (document, mut served) = watch::channel(document);
        let (count, asked) = watch::channel(0);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.expect("a request"));
                }
                count.send_modify(|count| *count += 1);
                let changed = served.wait_for(|document| document != SILENCE).await;
                let body = changed.map(|document| document.clone()).unwrap_or_default();
                let status = if body.is_empty() { "500 Down" } else { "200 OK" };
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
                stream.write_all(answer.as_bytes()).await.expect("answered");
            }
        });
        Self { url, document, asked, _serving: serving }
    }
}
