//! No token and no secret reaches the log, even at its most talkative. A test binary of its own: the
//! log belongs to the process.

use e2e::log::Log;
use e2e::{Gavel, Socket};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn no_token_and_no_secret_reaches_the_log() {
    let log = Log::default();
    let filter = gavel_server::telemetry::filter(Some("trace"));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(log.clone());
    subscriber.init();

    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let good = gavel.token("ann", &["bidder"]);
    let renewed = gavel.token("ann", &["bidder", "observer"]);
    let forged = format!("{}x", gavel.token("mallory", &["auctioneer"]));
    gavel.bid("ann", &id, 1000).await;
    for token in [&good, &forged] {
        gavel.graphql(Some(token), "{ me { id } }", json!({})).await;
        // Where it does not belong.
        gavel.graphql(None, &format!("{{ auction(id: \"{token}\") {{ id }} }}"), json!({})).await;
        gavel.post(format!("{{\"token\": \"{token}\""), &[("authorization", token)]).await;
        gavel.get(&format!("/graphql?query=%7B&token={token}")).await;
        let mut socket = Socket::open(&gavel.base).await;
        socket.send_text(&format!("{{\"authorization\": \"{token}\"")).await;
        socket.closed().await;
    }
    let mut refused = Socket::open(&gavel.base).await;
    let payload = json!({ "authorization": format!("Bearer {forged}") });
    refused.send(json!({ "type": "connection_init", "payload": payload })).await;
    assert_eq!(refused.closed().await.0, 4403);
    let mut socket = gavel.socket(Some(&good)).await;
    let renew = format!("mutation {{ renewToken(token: \"{renewed}\") {{ userId }} }}");
    socket.subscribe("1", &renew, json!({})).await;
    assert_eq!(socket.next("1").await["data"]["renewToken"]["userId"], "ann");
    let secret = gavel.secret();
    gavel.stop().await.unwrap();

    let log = log.text();
    assert!(log.contains("gavel_server"), "the log works: {}", log.len());
    for (what, text) in [("token", &good), ("renewed token", &renewed), ("forged token", &forged)] {
        let signature = text.rsplit('.').next().unwrap();
        let line = log.lines().find(|line| line.contains(signature));
        assert_eq!(line, None, "the {what} is in the log");
    }
    assert!(!log.contains(secret), "the secret is in the log");
}
