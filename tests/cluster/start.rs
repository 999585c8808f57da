use std::time::Instant;

use dynamodb_emulator::{Emulator, Options};
use e2e::{Gavel, soon};
use gavel_server::app;
use tokio_util::sync::CancellationToken;

use super::nats::{Nats, free_port};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats-server: tests/nats/run"]
async fn a_bus_that_cannot_be_reached_at_start_is_one_clear_line() {
    let url = format!("nats://127.0.0.1:{}", free_port());
    let args = e2e::gavel::args(&["--cluster", &url]);
    let began = Instant::now();
    let error = app::run(args, CancellationToken::new(), |_| ()).await.unwrap_err();
    assert!(began.elapsed().as_secs() < 15, "{:?}", began.elapsed());
    let line = format!("{error:#}");
    assert!(line.contains("--cluster") && line.contains(&url) && !line.contains('\n'), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats-server: tests/nats/run"]
async fn with_retry_a_node_serves_alone_until_the_bus_is_there() {
    let emulator = Emulator::start(Options::default()).await.unwrap();
    let mut nats = Nats::start();
    nats.kill();
    let (store, bus) = (emulator.endpoint(), nats.url());
    let flags = ["--dynamodb", &store, "--cluster", &bus, "--cluster-at-start", "retry"];
    let gavel = Gavel::with(&flags).await;
    assert!(gavel.get("/readyz").await.1.contains("degraded"));
    nats.start_again();
    soon("it has connected", || async { gavel.get("/readyz").await.1.contains("serving") }).await;
    gavel.stop().await.unwrap();
    emulator.shutdown().await;
}
