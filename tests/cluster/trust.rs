use dynamodb_emulator::{Emulator, Options};
use e2e::{Gavel, soon};
use gavel_server::app;
use nkeys::KeyPair;
use tokio_util::sync::CancellationToken;

use super::nats::{Nats, free_port};

/// The configuration of NATS in deploy/gavel.yaml, for a server on loopback.
fn template(cluster_port: u16) -> String {
    let page = include_str!("../../deploy/gavel.yaml");
    let (_, rest) = page.split_once("nats.conf << 'END'\n").expect("a configuration");
    let (config, _) = rest.split_once(" END\n").expect("its end");
    // Nobody is there to route to.
    let config = config.replace("nats.${AWS::StackName}.internal", "127.0.0.1");
    assert!(!config.contains("${"), "{config}");
    config.replace("6222", &cluster_port.to_string())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats-server: tests/nats/run"]
async fn the_templates_nats_lets_in_nodes_with_the_seed_and_nobody_else() {
    let key = KeyPair::new_user();
    let nats = Nats::with(Some(&template(free_port())), &[("NATS_NKEY", &key.public_key())]);
    let emulator = Emulator::start(Options::default()).await.unwrap();
    let (store, bus) = (emulator.endpoint(), nats.url());
    let flags = ["--dynamodb", &store, "--cluster", &bus, "--cluster-name", "auctions"];
    let (seed, other) = (key.seed().unwrap(), KeyPair::new_user().seed().unwrap());
    for (seed, problem) in [(other.as_str(), "authorization"), ("SUNOSEED", "no seed of an nkey")] {
        let flags = [&flags[..], &["--cluster-nkey-seed", seed]].concat();
        let refused = app::run(e2e::gavel::args(&flags), CancellationToken::new(), |_| ()).await;
        let line = format!("{:#}", refused.unwrap_err());
        assert!(line.contains(problem), "{line}");
        assert!(!line.contains(seed) && !line.contains('\n'), "{line}");
    }
    let flags = [&flags[..], &["--cluster-nkey-seed", &seed]].concat();
    let (one, other) = (Gavel::with(&flags).await, Gavel::with(&flags).await);
    soon("they hear each other", || async { one.metric("gavel_cluster_nodes").await >= 2.0 }).await;
    one.stop().await.unwrap();
    other.stop().await.unwrap();
    emulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats-server: tests/nats/run"]
async fn a_node_signs_in_with_its_nkey_and_needs_no_more_than_the_subjects_of_its_cluster() {
    let key = KeyPair::new_user();
    let config = format!(
        r#"authorization {{ users = [ {{ nkey: "{}", permissions: {{
             publish: ["gavel.auctions.>", "_INBOX.>"], subscribe: ["gavel.auctions.>", "_INBOX.>"]
           }} }} ] }}"#,
        key.public_key()
    );
    let nats = Nats::with(Some(&config), &[]);
    let seed = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(seed.path(), key.seed().unwrap()).unwrap();
    let emulator = Emulator::start(Options::default()).await.unwrap();
    let (store, bus) = (emulator.endpoint(), nats.url());
    let flags = ["--dynamodb", &store, "--cluster", &bus, "--cluster-name", "auctions"];

    // Without a key, or with one that is not known, it does not start.
    let refused = app::run(e2e::gavel::args(&flags), CancellationToken::new(), |_| ()).await;
    let line = format!("{:#}", refused.unwrap_err());
    assert!(line.contains("--cluster") && !line.contains('\n'), "{line}");

    let path = seed.path().to_str().unwrap();
    let flags = [&flags[..], &["--cluster-nkey", path]].concat();
    let (one, other) = (Gavel::with(&flags).await, Gavel::with(&flags).await);
    soon("they hear each other", || async { one.metric("gavel_cluster_nodes").await >= 2.0 }).await;
    let id = one.auction(serde_json::json!({})).await;
    let mut socket = other.socket(None).await;
    socket.subscribe("w", super::WATCH, serde_json::json!({ "id": id })).await;
    for n in 1..=10 {
        assert_eq!(one.bid("ann", &id, 900 + 100 * n).await["bid"]["sequence"], n);
        assert_eq!(super::next(&mut socket).await["sequence"], n);
    }
    drop(socket);
    one.stop().await.unwrap();
    other.stop().await.unwrap();
    emulator.shutdown().await;
}
